-- One database holds one chain: its genesis hash, learnt from the first node the indexer talked to.
CREATE TABLE chain (
    is_only         boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    genesis_hash    text NOT NULL
);

-- Which token a pool trades, for events that name only the pool.
CREATE TABLE pools (
    pool            bytea PRIMARY KEY,
    mint            bytea NOT NULL,
    quote_mint      bytea
);

-- False for a trade in another pool than the token's own or for another quote: anybody can open such a
-- pool, so it is stored and told, and moves neither price, candles, sums nor positions.
ALTER TABLE trades ADD COLUMN is_own boolean NOT NULL DEFAULT true;

-- Slot of the newest trade in a position: an older one that arrives late makes it be folded anew.
ALTER TABLE positions ADD COLUMN slot bigint NOT NULL DEFAULT 0;

COMMENT ON COLUMN positions.base_amount IS
    'held as far as trades tell; never negative: what is sold beyond it had come by transfer';
COMMENT ON COLUMN positions.cost_quote IS
    'average cost of base_amount; a sale takes away cost * sold / held, rounded down';
COMMENT ON COLUMN positions.realized_quote IS
    'proceeds less cost of what was bought before; tokens that came by transfer add nothing';
