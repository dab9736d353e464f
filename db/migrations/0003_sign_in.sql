-- Sign-in. Secrets (refresh tokens, tickets, a browser's binding) are stored as SHA-256 alone; all of it but
-- auth_keys may be lost at the cost of signing in again.

-- What a wallet is asked to sign; deleted by the one attempt that uses it.
CREATE TABLE auth_nonces (
    nonce           text PRIMARY KEY,
    asker           bytea NOT NULL,             -- SHA-256 of the binding of who asked
    input           text NOT NULL,              -- JSON of the message's fields
    expires_at      timestamptz NOT NULL
);
CREATE INDEX auth_nonces_by_end ON auth_nonces (expires_at);

-- Access tokens bear their wallet's version as `tv`; signing out everywhere raises it.
CREATE TABLE auth_wallets (
    wallet          bytea PRIMARY KEY,
    token_version   integer NOT NULL DEFAULT 0,
    touched_at      timestamptz NOT NULL DEFAULT now()
);

-- One sign-in: a chain of refresh tokens, each replaced by the next. Using one twice ends the session.
CREATE TABLE auth_sessions (
    session         bytea PRIMARY KEY,          -- `sid` of its access tokens
    wallet          bytea NOT NULL,
    started_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,
    revoked_at      timestamptz
);
CREATE INDEX auth_sessions_of_wallet ON auth_sessions (wallet) WHERE revoked_at IS NULL;
CREATE INDEX auth_sessions_by_end ON auth_sessions (expires_at);

CREATE TABLE auth_refresh_tokens (
    hash            bytea PRIMARY KEY,
    session         bytea NOT NULL REFERENCES auth_sessions ON DELETE CASCADE,
    issued_at       timestamptz NOT NULL DEFAULT now(),
    used_at         timestamptz
);
CREATE INDEX auth_refresh_tokens_of_session ON auth_refresh_tokens (session);

-- Single-use credentials of a WebSocket handshake. Kept after use, to tell "used" from "unknown".
CREATE TABLE auth_tickets (
    hash            bytea PRIMARY KEY,
    wallet          bytea NOT NULL,
    session         bytea NOT NULL,
    token_version   integer NOT NULL,
    token_exp       bigint NOT NULL,            -- unix seconds: end of the access token that bought it
    origin          text,                       -- null: bought by a program, not by a page
    expires_at      timestamptz NOT NULL,
    used_at         timestamptz
);
CREATE INDEX auth_tickets_by_end ON auth_tickets (expires_at);

-- What every instance must know of until the last access token concerned has expired. Numbers are given under
-- a lock, in commit order: who has read up to a number has read everything up to it.
CREATE TABLE auth_revocations (
    number          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    wallet          bytea NOT NULL,
    session         bytea,                      -- one session, or
    below_version   integer,                    -- all tokens of the wallet with a smaller `tv`
    expires_at      timestamptz NOT NULL,
    CHECK ((session IS NULL) <> (below_version IS NULL))
);
CREATE INDEX auth_revocations_by_end ON auth_revocations (expires_at);

-- The key of a localnet without AUTH_SIGNING_KEYS, so that all its processes have the same. A live cluster
-- neither writes nor reads it.
CREATE TABLE auth_keys (
    kid             text PRIMARY KEY,
    seed            bytea NOT NULL
);
