-- Current states that no log event brings (finality, statistics of the market): the newest value of each and nothing
-- of what was before. They take no number of the feed: a day of them would be longer than its log.
CREATE TABLE states (
    event           text PRIMARY KEY,               -- common.messages.StateEvent
    data            text NOT NULL,                  -- JSON, sent as it is
    version         bigint NOT NULL,                -- never given twice: another one is another value
    changed_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE SEQUENCE state_versions OWNED BY states.version;
