"""Chaos: seeded faults against real processes, judged by the chain's own ledger."""
