"""Quotes, unsigned transactions and their relay. Keys are never here: wallets sign."""
