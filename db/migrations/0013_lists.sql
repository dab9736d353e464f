-- Lists page by (figure, token) downwards, both.
DROP INDEX token_windows_by_volume;
DROP INDEX token_windows_by_score;
CREATE INDEX token_windows_by_volume ON token_windows (window_s, volume_quote DESC, token_id DESC);
CREATE INDEX token_windows_by_score ON token_windows (window_s, score DESC, token_id DESC);

-- Which tokens were traded of late is told by the numbers of their states: one index less for each trade.
DROP INDEX tokens_by_time;
