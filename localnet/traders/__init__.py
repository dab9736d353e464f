"""Demo traders: real signed transactions in a realistic, seeded mix."""

from localnet.traders.traders import Traders

__all__ = ["Traders"]
