-- Keys of the REST API, by SHA-256 alone: a key is shown once, when it is made.
CREATE TABLE api_keys (
    hash            bytea PRIMARY KEY,
    name            text NOT NULL UNIQUE,       -- for people, and to revoke it by
    per_minute      integer NOT NULL CHECK (per_minute > 0),
    per_day         bigint CHECK (per_day > 0), -- null: as many as per_minute lets through
    created_at      timestamptz NOT NULL DEFAULT now(),
    revoked_at      timestamptz
);

-- Requests of a key on a day (UTC). Instances add what they served every few seconds.
CREATE TABLE api_key_usage (
    hash            bytea NOT NULL REFERENCES api_keys ON DELETE CASCADE,
    day             date NOT NULL,
    requests        bigint NOT NULL,
    PRIMARY KEY (hash, day)
);
