-- What every hub says of itself every few seconds, for figures over all of them. An old row is a hub
-- that is gone. Nothing of it need survive a crash.
CREATE UNLOGGED TABLE hubs (
    name    text        PRIMARY KEY,
    told_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    stats   text        NOT NULL                            -- JSON
);

-- Events that an administrator published by hand: who, what and when. `key` is the request's
-- Idempotency-Key: who sends it again gets the same answer, and nothing happens twice.
CREATE TABLE broadcasts (
    number     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        text        UNIQUE,
    actor      text        NOT NULL,                        -- the address it came from
    event      text        NOT NULL,
    data       text        NOT NULL,
    seq        bigint      NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX broadcasts_created_at ON broadcasts (created_at);
