-- Transactions that a command (audit --repair, requeue) asks the running indexer to fetch and decode again: there is
-- one writer. A row goes with the commit that serves it; one that can't be served gets the reason.
CREATE TABLE requests (
    signature       bytea NOT NULL,
    slot            bigint NOT NULL,
    asked_at        timestamptz NOT NULL DEFAULT now(),
    failed          text,                           -- why it can't be served
    PRIMARY KEY (signature, slot)
);
