"""The chain on your machine: a Solana node over LiteSVM, demo traders, a way to Surfpool."""
