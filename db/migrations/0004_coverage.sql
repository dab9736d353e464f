-- What is verified, and what is known to be missing. A program's checkpoint is its frontier: every slot from
-- first_slot up to it is verified, and what was found there is stored. It never passes a gap.

ALTER TABLE checkpoints
    ADD COLUMN first_slot bigint NOT NULL DEFAULT 0,        -- where the program's history begins here
    ADD COLUMN signature_slot bigint,
    ADD COLUMN tip_slot bigint NOT NULL DEFAULT 0,          -- the node's newest slot at the last look
    ADD COLUMN finalized_slot bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN checkpoints.signature IS 'newest signature at or below the frontier: lists must reach one like it';

-- How the slots below the frontier were verified. Ranges adjoin; neighbours of one method are merged.
CREATE TABLE coverage (
    program         text NOT NULL,
    from_slot       bigint NOT NULL,
    to_slot         bigint NOT NULL,
    method          text NOT NULL CHECK (method IN ('signatures', 'blocks')),
    signatures      bigint NOT NULL DEFAULT 0,              -- how many were listed there
    began_at        timestamptz NOT NULL DEFAULT now(),
    verified_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (program, from_slot),
    CHECK (from_slot <= to_slot)
);
CREATE INDEX coverage_by_end ON coverage (program, to_slot);

-- Transactions that the node listed or announced and has not delivered. Closed ones are kept as history.
CREATE TABLE gaps (
    signature       bytea NOT NULL,
    slot            bigint NOT NULL,
    program         text NOT NULL,                          -- empty: not known which
    reason          text NOT NULL,
    opened_at       timestamptz NOT NULL DEFAULT now(),
    closed_at       timestamptz,
    PRIMARY KEY (signature, slot)
);
CREATE INDEX gaps_open ON gaps (slot) WHERE closed_at IS NULL;

-- Inside a slot the order is that of the block: where it is known.
CREATE INDEX trades_in_slot ON trades (slot);
