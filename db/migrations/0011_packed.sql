-- History that stays fast at 10^8 trades. Keys, launchpads and names of fees are numbers, trades lie in
-- partitions of an epoch's slots each, and what is read under load is folded as it is written.
--
-- Tables that end in _rows hold the numbers. The views trades, positions and candles show them with their
-- keys, under the names and columns they have always had.

CREATE TABLE keys (                             -- mints, wallets and pools
    id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key             bytea NOT NULL UNIQUE
);
CREATE TABLE programs (
    id              smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL UNIQUE
);
CREATE TABLE fee_names (                        -- which fees a trade names, in which order: fee,creator_fee
    id              smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    names           text NOT NULL UNIQUE
);

-- Wide columns first: what is aligned needs no padding. A signature's first eight bytes are as good as
-- random, so they and the slot find it; the writer compares the whole of it.
CREATE TABLE trade_rows (
    slot            bigint NOT NULL,
    seq             bigint NOT NULL,            -- of its new_trade in the feed
    block_time      bigint,                     -- unix seconds
    token_id        integer NOT NULL,
    wallet_id       integer,
    pool_id         integer,
    quote_id        integer,
    tx_index        integer,                    -- index in the block, where known
    program_id      smallint NOT NULL,
    ordinal         smallint NOT NULL,
    progress_bps    smallint,
    extra_bytes     smallint NOT NULL DEFAULT 0,
    fee_names_id    smallint,
    is_buy          boolean NOT NULL,
    is_own          boolean NOT NULL DEFAULT true,
    retracted       boolean NOT NULL DEFAULT false,
    signature       bytea NOT NULL,
    base_amount     numeric(20,0) NOT NULL,
    quote_amount    numeric(20,0) NOT NULL,
    user_quote_amount numeric(20,0),
    price           numeric,
    virtual_base    numeric(20,0),
    virtual_quote   numeric(20,0),
    real_base       numeric(20,0),
    real_quote      numeric(20,0),
    quote_usd       numeric,                    -- US dollars per whole quote token then; null: not known
    fees            text                        -- '123,,5': in the order of fee_names; nothing is 0
) PARTITION BY RANGE (slot);
CREATE UNIQUE INDEX trade_rows_identity
    ON trade_rows (slot, substr(signature, 1, 8), ordinal, program_id);
CREATE INDEX trade_rows_of_token ON trade_rows (token_id, slot DESC);
CREATE INDEX trade_rows_of_wallet ON trade_rows (wallet_id, slot DESC) WHERE wallet_id IS NOT NULL;

-- A partition holds the slots of one epoch. Made apart and attached: that does not wait for readers.
CREATE FUNCTION make_trade_partition(any_slot bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first bigint := any_slot - any_slot % 432000;
    name text := 'trade_rows_p' || first;
BEGIN
    IF to_regclass(name) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (LIKE trade_rows INCLUDING ALL)', name);
        EXECUTE format('ALTER TABLE trade_rows ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                       name, first, first + 432000);
    END IF;
END $$;

ALTER TABLE trades RENAME TO old_trades;
ALTER TABLE positions RENAME TO old_positions;
ALTER TABLE candles RENAME TO old_candles;

INSERT INTO keys (key)
    SELECT mint FROM tokens UNION SELECT creator FROM tokens UNION SELECT quote_mint FROM tokens
    UNION SELECT mint FROM old_trades UNION SELECT wallet FROM old_trades
    UNION SELECT wallet FROM old_positions UNION SELECT mint FROM old_positions
    UNION SELECT mint FROM old_candles
    EXCEPT SELECT NULL;
INSERT INTO programs (name) SELECT program FROM old_trades UNION SELECT program FROM tokens;

CREATE TEMPORARY TABLE old_fees ON COMMIT DROP AS
    SELECT t.signature, t.program, t.ordinal, t.slot,
           string_agg(f.key, ',' ORDER BY f.n) AS names,
           string_agg(CASE f.value WHEN '0' THEN '' ELSE f.value END, ',' ORDER BY f.n) AS fees
    FROM old_trades t CROSS JOIN LATERAL jsonb_each_text(t.fees) WITH ORDINALITY AS f (key, value, n)
    GROUP BY t.signature, t.program, t.ordinal, t.slot;
INSERT INTO fee_names (names) SELECT DISTINCT names FROM old_fees;

SELECT make_trade_partition(part * 432000) FROM (SELECT DISTINCT slot / 432000 FROM old_trades) AS p (part);
INSERT INTO trade_rows (
        slot, seq, block_time, token_id, wallet_id, quote_id, tx_index, program_id, ordinal,
        progress_bps, extra_bytes, fee_names_id, is_buy, is_own, retracted, signature, base_amount,
        quote_amount, user_quote_amount, price, virtual_base, virtual_quote, real_base, real_quote, fees)
    SELECT t.slot, t.seq, t.block_time, m.id, w.id, q.id, t.tx_index, p.id, t.ordinal,
           t.progress_bps, t.extra_bytes, n.id, t.is_buy, t.is_own, t.retracted, t.signature,
           t.base_amount, t.quote_amount, t.user_quote_amount, t.price, t.virtual_base,
           t.virtual_quote, t.real_base, t.real_quote, f.fees
    FROM old_trades t JOIN keys m ON m.key = t.mint JOIN programs p ON p.name = t.program
    LEFT JOIN keys w ON w.key = t.wallet
    LEFT JOIN tokens k ON k.mint = t.mint AND t.is_own LEFT JOIN keys q ON q.key = k.quote_mint
    LEFT JOIN old_fees f ON (f.signature, f.program, f.ordinal, f.slot)
                          = (t.signature, t.program, t.ordinal, t.slot)
    LEFT JOIN fee_names n ON n.names = f.names
    ORDER BY t.slot, t.seq;

-- Creations keep all they said, so that a token can be made anew from its events.
ALTER TABLE token_events
    ADD COLUMN creator      bytea,
    ADD COLUMN name         text,
    ADD COLUMN symbol       text,
    ADD COLUMN uri          text,
    ADD COLUMN quote_mint   bytea,
    ADD COLUMN decimals     smallint,
    ADD COLUMN supply       numeric,
    ADD COLUMN flags        text[];
UPDATE token_events e SET creator = t.creator, name = t.name, symbol = t.symbol, uri = t.uri,
        quote_mint = t.quote_mint, decimals = t.decimals, supply = t.supply, flags = t.flags,
        pool = coalesce(e.pool, t.pool)
    FROM tokens t WHERE t.mint = e.mint AND e.kind = 'create';

-- The same trades in the chain's order: inside a slot that of the block, where all of it is known.
CREATE TEMPORARY TABLE standing ON COMMIT DROP AS
    SELECT *, coalesce(user_quote_amount, quote_amount) AS paid,
           CASE WHEN count(*) OVER w = count(tx_index) OVER w THEN tx_index END AS place
    FROM trade_rows WHERE is_own AND NOT retracted WINDOW w AS (PARTITION BY token_id, slot);

-- Of one token and interval (1, 60 and 3600 s; others are rolled up of these). Without trades: all that
-- was in it has been withdrawn.
CREATE TABLE candle_rows (
    start           bigint NOT NULL,            -- unix seconds
    first_slot      bigint NOT NULL,            -- (slot, seq) of the trades that gave open and close: a late
    first_seq       bigint NOT NULL,            -- trade knows whether it comes before or after
    last_slot       bigint NOT NULL,
    last_seq        bigint NOT NULL,
    token_id        integer NOT NULL,
    interval_s      integer NOT NULL,
    trades          integer NOT NULL,
    buys            integer NOT NULL,
    rev             integer NOT NULL DEFAULT 0,
    open            numeric NOT NULL,
    high            numeric NOT NULL,
    low             numeric NOT NULL,
    close           numeric NOT NULL,
    volume_base     numeric NOT NULL,
    volume_quote    numeric NOT NULL,
    PRIMARY KEY (token_id, interval_s, start)
);
INSERT INTO candle_rows (
        token_id, interval_s, start, first_slot, first_seq, last_slot, last_seq, trades, buys, rev,
        open, high, low, close, volume_base, volume_quote)
    SELECT s.token_id, i.s, s.block_time - s.block_time % i.s,
           (array_agg(slot ORDER BY slot, place, seq))[1],
           (array_agg(seq ORDER BY slot, place, seq))[1],
           (array_agg(slot ORDER BY slot DESC, place DESC, seq DESC))[1],
           (array_agg(seq ORDER BY slot DESC, place DESC, seq DESC))[1],
           count(*), count(*) FILTER (WHERE is_buy), 1,
           (array_agg(price ORDER BY slot, place, seq))[1], max(price), min(price),
           (array_agg(price ORDER BY slot DESC, place DESC, seq DESC))[1],
           sum(base_amount), sum(quote_amount)
    FROM standing s CROSS JOIN (VALUES (1), (60), (3600)) AS i (s)
    WHERE price IS NOT NULL AND block_time IS NOT NULL GROUP BY 1, 2, 3;
INSERT INTO candle_rows (
        token_id, interval_s, start, first_slot, first_seq, last_slot, last_seq, trades, buys, rev,
        open, high, low, close, volume_base, volume_quote)
    SELECT k.id, c.interval_s, c.start, c.first_slot, c.first_seq, c.last_slot, c.last_seq, c.trades, 0,
           c.rev, c.open, c.high, c.low, c.close, c.volume_base, c.volume_quote
    FROM old_candles c JOIN keys k ON k.key = c.mint
    ON CONFLICT (token_id, interval_s, start) DO UPDATE SET rev = EXCLUDED.rev;

-- Average-cost positions, in integers of base and quote units.
CREATE TABLE position_rows (
    seq             bigint NOT NULL,
    slot            bigint NOT NULL,            -- of its newest trade
    first_slot      bigint NOT NULL,            -- of its oldest
    last_buy_at     bigint,                     -- unix seconds
    last_sell_at    bigint,
    last_at         bigint GENERATED ALWAYS AS (greatest(last_buy_at, last_sell_at)) STORED,
    wallet_id       integer NOT NULL,
    token_id        integer NOT NULL,
    buys            integer NOT NULL DEFAULT 0,
    sells           integer NOT NULL DEFAULT 0,
    base_amount     numeric NOT NULL,
    cost_quote      numeric NOT NULL,
    realized_quote  numeric NOT NULL,
    bought_quote    numeric NOT NULL,
    sold_quote      numeric NOT NULL,
    PRIMARY KEY (wallet_id, token_id)
);
CREATE INDEX position_rows_of_wallet ON position_rows (wallet_id, seq DESC);
CREATE INDEX position_rows_holders ON position_rows (token_id, base_amount DESC) WHERE base_amount > 0;
CREATE INDEX position_rows_by_profit ON position_rows (token_id, realized_quote DESC);
CREATE INDEX position_rows_by_time ON position_rows (token_id, last_at DESC)
    INCLUDE (last_buy_at, last_sell_at);
COMMENT ON COLUMN position_rows.base_amount IS
    'held as far as trades tell; never negative: what is sold beyond it had come by transfer';
COMMENT ON COLUMN position_rows.cost_quote IS
    'average cost of base_amount; a sale takes away cost * sold / held, rounded down';
COMMENT ON COLUMN position_rows.realized_quote IS
    'proceeds less cost of what was bought before; tokens that came by transfer add nothing';
INSERT INTO position_rows (
        wallet_id, token_id, seq, slot, first_slot, last_buy_at, last_sell_at, buys, sells, base_amount,
        cost_quote, realized_quote, bought_quote, sold_quote)
    SELECT w.id, m.id, p.seq, p.slot, s.first_slot, s.last_buy_at, s.last_sell_at, p.buys, p.sells,
           p.base_amount, p.cost_quote, p.realized_quote, s.bought, s.sold
    FROM old_positions p JOIN keys w ON w.key = p.wallet JOIN keys m ON m.key = p.mint
    JOIN (SELECT wallet_id, token_id, min(slot) AS first_slot,
                 max(block_time) FILTER (WHERE is_buy) AS last_buy_at,
                 max(block_time) FILTER (WHERE NOT is_buy) AS last_sell_at,
                 coalesce(sum(paid) FILTER (WHERE is_buy), 0) AS bought,
                 coalesce(sum(paid) FILTER (WHERE NOT is_buy), 0) AS sold
          FROM standing WHERE wallet_id IS NOT NULL GROUP BY 1, 2) s
         ON s.wallet_id = w.id AND s.token_id = m.id;

ALTER TABLE tokens
    ADD COLUMN id           integer UNIQUE,     -- of its mint in keys
    ADD COLUMN creator_id   integer,
    ADD COLUMN quote_id     integer,
    ADD COLUMN buys         bigint NOT NULL DEFAULT 0,
    ADD COLUMN sells        bigint NOT NULL DEFAULT 0,
    ADD COLUMN holders      integer NOT NULL DEFAULT 0,     -- positions that hold something
    ADD COLUMN traders      integer NOT NULL DEFAULT 0;     -- positions
UPDATE tokens t SET id = k.id FROM keys k WHERE k.key = t.mint;
UPDATE tokens t SET creator_id = k.id FROM keys k WHERE k.key = t.creator;
UPDATE tokens t SET quote_id = k.id FROM keys k WHERE k.key = t.quote_mint;
UPDATE tokens t SET buys = s.buys, sells = s.trades - s.buys FROM (
    SELECT token_id, count(*) AS trades, count(*) FILTER (WHERE is_buy) AS buys
    FROM standing GROUP BY 1) s WHERE s.token_id = t.id;
UPDATE tokens t SET traders = s.traders, holders = s.holders FROM (
    SELECT token_id, count(*) AS traders, count(*) FILTER (WHERE base_amount > 0) AS holders
    FROM position_rows GROUP BY 1) s WHERE s.token_id = t.id;
ALTER TABLE tokens ALTER COLUMN id SET NOT NULL;
CREATE INDEX tokens_on_curve ON tokens (progress_bps DESC, first_seq DESC)
    WHERE completed_slot IS NULL AND migrated_slot IS NULL AND progress_bps IS NOT NULL;
CREATE INDEX tokens_graduated ON tokens (migrated_slot DESC, first_seq DESC) WHERE migrated_slot IS NOT NULL;
CREATE INDEX tokens_by_market_cap ON tokens (market_cap DESC, first_seq DESC) WHERE market_cap IS NOT NULL;
CREATE INDEX tokens_of_creator ON tokens (creator_id, first_seq DESC) WHERE creator_id IS NOT NULL;
CREATE INDEX tokens_by_time ON tokens (last_trade_at DESC) WHERE last_trade_at IS NOT NULL;

-- Sums over a wallet's positions in tokens of one quote (0: not known), and over the market's minutes.
CREATE TABLE wallet_totals (
    last_buy_at     bigint,
    last_sell_at    bigint,
    wallet_id       integer NOT NULL,
    quote_id        integer NOT NULL,
    positions       integer NOT NULL,
    buys            integer NOT NULL,
    sells           integer NOT NULL,
    bought_quote    numeric NOT NULL,
    sold_quote      numeric NOT NULL,
    cost_quote      numeric NOT NULL,
    realized_quote  numeric NOT NULL,
    PRIMARY KEY (wallet_id, quote_id)
) WITH (fillfactor = 85);
INSERT INTO wallet_totals (
        wallet_id, quote_id, last_buy_at, last_sell_at, positions, buys, sells, bought_quote,
        sold_quote, cost_quote, realized_quote)
    SELECT wallet_id, coalesce(t.quote_id, 0), max(last_buy_at), max(last_sell_at), count(*), sum(p.buys),
           sum(p.sells), sum(bought_quote), sum(sold_quote), sum(cost_quote), sum(realized_quote)
    FROM position_rows p JOIN tokens t ON t.id = p.token_id GROUP BY 1, 2;

CREATE TABLE market_minutes (
    start           bigint NOT NULL,
    first_slot      bigint NOT NULL,            -- no trade of the minute lies below it
    quote_id        integer NOT NULL,
    trades          integer NOT NULL,
    buys            integer NOT NULL,
    volume_quote    numeric NOT NULL,
    PRIMARY KEY (quote_id, start)
);
INSERT INTO market_minutes (start, quote_id, first_slot, trades, buys, volume_quote)
    SELECT start, coalesce(t.quote_id, 0), min(first_slot), sum(c.trades), sum(c.buys), sum(c.volume_quote)
    FROM candle_rows c JOIN tokens t ON t.id = c.token_id WHERE interval_s = 60 GROUP BY 1, 2;

-- What tokens did in the last 5 minutes, hour, 6 hours and day: what lists are ordered by.
CREATE TABLE token_windows (
    computed_at     bigint NOT NULL,            -- unix seconds: the window's end
    token_id        integer NOT NULL,
    window_s        integer NOT NULL,
    buys            integer NOT NULL,
    sells           integer NOT NULL,
    buyers          integer NOT NULL,
    sellers         integer NOT NULL,
    price_change_bps bigint,
    score           double precision NOT NULL,
    volume_base     numeric NOT NULL,
    volume_quote    numeric NOT NULL,
    price_before    numeric,                    -- last one before the window
    PRIMARY KEY (token_id, window_s)
);
CREATE INDEX token_windows_by_volume ON token_windows (window_s, volume_quote DESC, token_id);
CREATE INDEX token_windows_by_score ON token_windows (window_s, score DESC, token_id);
CREATE INDEX token_windows_by_age ON token_windows (window_s, computed_at);

-- Search by parts of a name. Groups of three characters, for pg_trgm is not everywhere: built-in GIN does.
CREATE FUNCTION grams(words text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT substr(padded, n, 3)), '{}')
    FROM (SELECT '  ' || lower(left(words, 64)) || ' ' AS padded) p,
         generate_series(1, length(padded) - 2) AS n
$$;
CREATE FUNCTION query_grams(words text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE length(words)
        WHEN 0 THEN '{}'
        WHEN 1 THEN ARRAY['  ' || lower(words)]
        WHEN 2 THEN ARRAY[' ' || lower(words)]
        ELSE (SELECT array_agg(DISTINCT substr(lower(left(words, 64)), n, 3))
              FROM generate_series(1, length(left(words, 64)) - 2) AS n) END
$$;
CREATE TABLE token_names (
    token_id        integer PRIMARY KEY,
    grams           text[] NOT NULL
);
CREATE INDEX token_names_grams ON token_names USING gin (grams) WITH (fastupdate = off);
CREATE FUNCTION note_token_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO token_names (token_id, grams)
        VALUES (NEW.id, grams(coalesce(NEW.name, '')) || grams(coalesce(NEW.symbol, '')))
        ON CONFLICT (token_id) DO UPDATE SET grams = EXCLUDED.grams;
    RETURN NULL;
END $$;
CREATE TRIGGER note_new_name AFTER INSERT ON tokens
    FOR EACH ROW WHEN (NEW.name IS NOT NULL) EXECUTE FUNCTION note_token_name();
CREATE TRIGGER note_changed_name AFTER UPDATE ON tokens
    FOR EACH ROW WHEN ((NEW.name, NEW.symbol) IS DISTINCT FROM (OLD.name, OLD.symbol))
    EXECUTE FUNCTION note_token_name();
INSERT INTO token_names (token_id, grams)
    SELECT id, grams(coalesce(name, '')) || grams(coalesce(symbol, '')) FROM tokens WHERE name IS NOT NULL;

DROP TABLE old_trades, old_positions, old_candles;

CREATE VIEW trades AS
    SELECT t.signature, p.name AS program, t.ordinal, t.slot, t.tx_index, t.seq, m.key AS mint,
           w.key AS wallet, l.key AS pool, q.key AS quote_mint, t.is_buy, t.base_amount,
           t.quote_amount, t.user_quote_amount,
           (SELECT coalesce(jsonb_object_agg(f.name, coalesce(nullif(f.value, ''), '0')), '{}')
            FROM unnest(string_to_array(n.names, ','), string_to_array(t.fees, ',')) AS f (name, value)
           ) AS fees,
           t.price, t.virtual_base, t.virtual_quote, t.real_base, t.real_quote, t.progress_bps,
           t.block_time, t.extra_bytes, t.retracted, t.is_own, t.quote_usd
    FROM trade_rows t
    JOIN keys m ON m.id = t.token_id
    JOIN programs p ON p.id = t.program_id
    LEFT JOIN keys w ON w.id = t.wallet_id
    LEFT JOIN keys l ON l.id = t.pool_id
    LEFT JOIN keys q ON q.id = t.quote_id
    LEFT JOIN fee_names n ON n.id = t.fee_names_id;
CREATE VIEW positions AS
    SELECT w.key AS wallet, m.key AS mint, p.base_amount, p.cost_quote, p.realized_quote,
           p.bought_quote, p.sold_quote, p.buys, p.sells, p.seq, p.slot, p.first_slot, p.last_buy_at,
           p.last_sell_at
    FROM position_rows p JOIN keys w ON w.id = p.wallet_id JOIN keys m ON m.id = p.token_id;
CREATE VIEW candles AS
    SELECT m.key AS mint, c.interval_s, c.start, c.open, c.high, c.low, c.close, c.volume_base,
           c.volume_quote, c.trades, c.buys, c.first_slot, c.first_seq, c.last_slot, c.last_seq, c.rev
    FROM candle_rows c JOIN keys m ON m.id = c.token_id;
