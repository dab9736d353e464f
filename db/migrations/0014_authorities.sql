-- Who may mint more of a token or freeze its accounts, as its mint's account said at a slot. No row: not read
-- yet. Null: nobody, and that is for ever: what is given up can't be taken back.
CREATE TABLE mint_authorities (
    mint             bytea PRIMARY KEY,
    is_mint          boolean NOT NULL,          -- false: there was no such account, or it is no mint
    mint_authority   bytea,
    freeze_authority bytea,
    slot             bigint NOT NULL,           -- of the node that answered
    due_at           timestamptz                -- when it is read again; null: it can't change any more
);
CREATE INDEX mint_authorities_due ON mint_authorities (due_at) WHERE due_at IS NOT NULL;
