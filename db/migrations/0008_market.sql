-- What comes from outside the chain: dollars per quote token, and what tokens say of themselves off-chain.

-- One row per reading that said something new. A price is used for a moment only if a row close to it is there:
-- between readings nothing is guessed.
CREATE TABLE quote_prices (
    quote_mint      bytea NOT NULL,
    observed_at     bigint NOT NULL,            -- unix seconds: when the price held, as its source says
    price           numeric NOT NULL CHECK (price > 0),     -- US dollars per whole quote token
    confidence      numeric,                    -- ± in dollars, where the source says it
    source          text NOT NULL,              -- fixed, pyth or http
    slot            bigint,                     -- of the reading, where the source is an account
    stored_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (quote_mint, observed_at)
);

-- A token's off-chain JSON and picture, fetched by a worker that takes what is due and puts off what failed.
CREATE TABLE token_metadata (
    mint            bytea PRIMARY KEY,
    uri             text NOT NULL,
    state           text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'done', 'given_up')),
    attempts        smallint NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL DEFAULT now(),     -- also a claim's end: whoever takes it moves it on
    error           text,                       -- why the last attempt failed; of a done one: why no picture
    description     text,
    image_uri       text,
    website         text,
    twitter         text,
    telegram        text,
    thumbnail       bytea,                      -- re-encoded by us: never the bytes that were fetched
    thumbnail_hash  bytea,                      -- SHA-256: the ETag
    fetched_at      timestamptz
);
CREATE INDEX token_metadata_due ON token_metadata (due_at) WHERE state = 'due';
