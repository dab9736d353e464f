-- Everything the walking skeleton stores. Keys are raw bytes (32 a key, 64 a signature); amounts are u64 and
-- pass bigint's range, so they are numeric(20,0); prices are quote per base in whole tokens.

CREATE TABLE tokens (
    mint            bytea PRIMARY KEY,
    program         text NOT NULL,
    pool            bytea,                      -- bonding curve or virtual pool
    amm_pool        bytea,                      -- where liquidity migrated to
    creator         bytea,
    name            text,                       -- null: its creation was not seen (yet)
    symbol          text,
    uri             text,
    quote_mint      bytea,
    decimals        smallint,
    quote_decimals  smallint,
    supply          numeric(20,0),
    flags           text[] NOT NULL DEFAULT '{}',
    created_slot    bigint,
    created_at      bigint,                     -- unix seconds, as the chain says
    -- state after the newest trade (state_slot, state_seq)
    state_slot      bigint NOT NULL DEFAULT 0,
    state_seq       bigint NOT NULL DEFAULT 0,
    price           numeric,
    market_cap      numeric,
    progress_bps    smallint,
    virtual_base    numeric(20,0),
    virtual_quote   numeric(20,0),
    real_base       numeric(20,0),
    real_quote      numeric(20,0),
    trades          bigint NOT NULL DEFAULT 0,
    volume_base     numeric NOT NULL DEFAULT 0,
    volume_quote    numeric NOT NULL DEFAULT 0,
    last_trade_at   bigint,
    completed_slot  bigint,
    migrated_slot   bigint,
    first_seq       bigint NOT NULL             -- seq of the log event that first named it: the list's order
);
CREATE INDEX tokens_by_age ON tokens (first_seq DESC);
CREATE INDEX tokens_by_last_trade ON tokens (state_seq DESC);

-- Identity: one event of one program in one transaction in one slot. The same signature may land again in
-- another slot after a fork; the first landing is then retracted by flag, never deleted.
CREATE TABLE trades (
    signature       bytea NOT NULL,
    program         text NOT NULL,
    ordinal         smallint NOT NULL,
    slot            bigint NOT NULL,
    tx_index        integer,                    -- index in the block, where known
    seq             bigint NOT NULL,            -- of its new_trade in the feed
    mint            bytea NOT NULL,
    wallet          bytea,
    is_buy          boolean NOT NULL,
    base_amount     numeric(20,0) NOT NULL,
    quote_amount    numeric(20,0) NOT NULL,
    user_quote_amount numeric(20,0),
    fees            jsonb NOT NULL DEFAULT '{}',
    price           numeric,
    virtual_base    numeric(20,0),
    virtual_quote   numeric(20,0),
    real_base       numeric(20,0),
    real_quote      numeric(20,0),
    progress_bps    smallint,
    block_time      bigint,                     -- unix seconds
    extra_bytes     smallint NOT NULL DEFAULT 0,
    retracted       boolean NOT NULL DEFAULT false,
    PRIMARY KEY (signature, program, ordinal, slot)
);
CREATE INDEX trades_of_token ON trades (mint, slot DESC, seq DESC);
CREATE INDEX trades_of_wallet ON trades (wallet, slot DESC, seq DESC) WHERE wallet IS NOT NULL;

-- Creations, completions and migrations: the rare events, whole.
CREATE TABLE token_events (
    signature       bytea NOT NULL,
    program         text NOT NULL,
    ordinal         smallint NOT NULL,
    slot            bigint NOT NULL,
    seq             bigint NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('create', 'complete', 'migrate')),
    mint            bytea NOT NULL,
    wallet          bytea,
    block_time      bigint,
    retracted       boolean NOT NULL DEFAULT false,
    PRIMARY KEY (signature, program, ordinal, slot)
);
CREATE INDEX token_events_of_token ON token_events (mint, slot, seq);

-- Average-cost positions, in integers of base and quote units.
CREATE TABLE positions (
    wallet          bytea NOT NULL,
    mint            bytea NOT NULL,
    base_amount     numeric NOT NULL,           -- may be negative: tokens can arrive by transfer
    cost_quote      numeric NOT NULL,
    realized_quote  numeric NOT NULL,
    buys            integer NOT NULL DEFAULT 0,
    sells           integer NOT NULL DEFAULT 0,
    seq             bigint NOT NULL,
    PRIMARY KEY (wallet, mint)
);

CREATE TABLE candles (
    mint            bytea NOT NULL,
    interval_s      integer NOT NULL,
    start           bigint NOT NULL,            -- unix seconds
    open            numeric NOT NULL,
    high            numeric NOT NULL,
    low             numeric NOT NULL,
    close           numeric NOT NULL,
    volume_base     numeric NOT NULL,
    volume_quote    numeric NOT NULL,
    trades          integer NOT NULL,
    first_slot      bigint NOT NULL,            -- (slot, seq) of the trades that gave open and close: a late
    first_seq       bigint NOT NULL,            -- trade knows whether it comes before or after
    last_slot       bigint NOT NULL,
    last_seq        bigint NOT NULL,
    rev             integer NOT NULL DEFAULT 0,
    PRIMARY KEY (mint, interval_s, start)
);

-- The feed: every log event under one contiguous number, given in commit order. The writer takes the row of
-- feed_head last, then numbers its rows, then commits: who reads the feed in order misses nothing.
CREATE TABLE feed_head (
    is_head         boolean PRIMARY KEY DEFAULT true CHECK (is_head),
    seq             bigint NOT NULL,
    epoch           text NOT NULL               -- renewed when history is rebuilt or restored
);
INSERT INTO feed_head (seq, epoch) VALUES (0, substr(md5(gen_random_uuid()::text), 1, 8));

CREATE TABLE feed (
    seq             bigint PRIMARY KEY,
    event           text NOT NULL,              -- common.messages.LogEvent
    mint            bytea,                      -- room token_{mint}
    wallet          bytea,                      -- room user_{wallet}
    slot            bigint,
    data            text NOT NULL,              -- JSON, sent as it is
    price_update    text,                       -- JSON of the state event that goes with it
    portfolio_update text,
    committed_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX feed_of_token ON feed (mint, seq) WHERE mint IS NOT NULL;
CREATE INDEX feed_of_wallet ON feed (wallet, seq) WHERE wallet IS NOT NULL;

-- How far each program's history is stored without a hole, and the newest signature there.
CREATE TABLE checkpoints (
    program         text PRIMARY KEY,
    slot            bigint NOT NULL,
    signature       bytea,
    updated_at      timestamptz NOT NULL DEFAULT now()
);

-- What could not be decoded, with its bytes, so that an upgrade can decode it later.
CREATE TABLE quarantine (
    signature       bytea NOT NULL,
    slot            bigint NOT NULL,
    program         text NOT NULL,
    path            text NOT NULL,              -- where in the transaction: log:17, inner:2.14
    reason          text NOT NULL,
    payload         bytea NOT NULL,
    block_time      bigint,
    stored_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (signature, slot, program, path)
);
