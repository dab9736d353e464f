-- What it takes to withdraw what a fork undid, to tell what is final, and to let one indexer write at a time.

-- Market cap beside the price, and the state a creation gave: enough to fold a token anew from what stands.
ALTER TABLE trades ADD COLUMN market_cap numeric;
ALTER TABLE token_events
    ADD COLUMN pool          bytea,                 -- of a migration: where the liquidity went
    ADD COLUMN price         numeric,               -- of a creation, like the rest: its first state
    ADD COLUMN market_cap    numeric,
    ADD COLUMN virtual_base  numeric(20,0),
    ADD COLUMN virtual_quote numeric(20,0),
    ADD COLUMN real_base     numeric(20,0),
    ADD COLUMN real_quote    numeric(20,0);
CREATE INDEX token_events_in_slot ON token_events (slot);

-- How far the chain is confirmed and final, and up to where what is stored was checked against it.
CREATE TABLE finality (
    is_only         boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    confirmed_slot  bigint NOT NULL DEFAULT 0,
    finalized_slot  bigint NOT NULL DEFAULT 0,
    checked_slot    bigint NOT NULL DEFAULT 0       -- below it nothing stored can be undone any more
);
INSERT INTO finality DEFAULT VALUES;

-- The writer's lease. Every batch locks this row in share mode and finds its own token in it, or fails;
-- whoever takes the lease over changes the token, so a writer that slept through that can't write any more.
CREATE TABLE writer_lease (
    is_only         boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    token           bigint NOT NULL DEFAULT 0,
    holder          text NOT NULL DEFAULT '',       -- host and process, for people
    pid             integer,                        -- backend of the connection it writes with
    pid_started     timestamptz,                    -- a backend's number may be given again
    taken_at        timestamptz
);
INSERT INTO writer_lease DEFAULT VALUES;

-- Its pulse, in a row of its own: a long batch does not hold it up. A count, not a time: no clock can lie.
CREATE TABLE writer_pulse (
    is_only         boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    token           bigint NOT NULL DEFAULT 0,
    beat            bigint NOT NULL DEFAULT 0
);
INSERT INTO writer_pulse DEFAULT VALUES;
