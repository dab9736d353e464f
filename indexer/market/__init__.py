"""What comes from outside the chain: dollars, and what tokens say of themselves. Never on the way
of a trade: it runs beside the indexer, and its failures are its own.
"""
