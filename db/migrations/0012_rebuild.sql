-- How far `./run rebuild` has come: where it goes on after it was killed. Gone when it is done.
CREATE TABLE rebuilds (
    is_only         boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    phase           text NOT NULL CHECK (phase IN ('tokens', 'wallets')),
    after_id        integer NOT NULL,           -- keys up to this number are done
    changed         bigint NOT NULL DEFAULT 0,  -- rows that were not what they should be
    started_at      timestamptz NOT NULL DEFAULT now()
);

-- What `./run retention` has dropped: no trade below this slot is stored any more.
CREATE TABLE retained (
    is_only         boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    from_slot       bigint NOT NULL DEFAULT 0
);
INSERT INTO retained DEFAULT VALUES;
