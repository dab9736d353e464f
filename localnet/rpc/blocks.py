"""Methods about blocks."""

from __future__ import annotations

from localnet.chain import CONFIRMED
from localnet.errors import (
    BLOCK_CLEANED_UP,
    BLOCK_NOT_AVAILABLE,
    SLOT_SKIPPED,
    RpcError,
    invalid_params,
)
from localnet.ledger import Bank
from localnet.render import show_block
from localnet.rpc.params import NO_CONFIG, Config, Methods

MAX_SLOTS = 500_000


class BlockMethods(Methods):
    """getBlock … minimumLedgerSlot."""

    def methods(self) -> dict[str, object]:
        """Name on the wire → method."""
        return {
            "getBlock": self.get_block,
            "getBlockTime": self.get_block_time,
            "getBlocks": self.get_blocks,
            "getBlocksWithLimit": self.get_blocks_with_limit,
            "getFirstAvailableBlock": self.get_first_available_block,
            "minimumLedgerSlot": self.get_first_available_block,
        }

    def _bank(self, slot: int, level: int) -> Bank:
        ledger = self.chain.ledger
        if slot < ledger.first_slot:
            first = f"First available block: {ledger.first_slot}"
            message = f"Block {slot} cleaned up, does not exist on node. {first}"
            raise RpcError(BLOCK_CLEANED_UP, message)
        if slot > self.chain.tips[level] or slot >= self.chain.tip.slot:
            raise RpcError(BLOCK_NOT_AVAILABLE, f"Block not available for slot {slot}")
        if slot not in ledger.banks:
            reason = "was skipped, or missing due to ledger jump to recent snapshot"
            raise RpcError(SLOT_SKIPPED, f"Slot {slot} {reason}")
        return ledger.banks[slot]

    def get_block(self, slot: int, config: str | Config | None = None) -> object:
        """A closed slot, with as much of its transactions as is asked for."""
        asked = Config(encoding=config) if isinstance(config, str) else config or NO_CONFIG
        bank = self._bank(slot, self.level(asked, CONFIRMED))
        return show_block(bank, asked.style, bank.transactions, rewards=asked.rewards)

    def get_block_time(self, slot: int) -> int:
        """Unix seconds of a confirmed slot."""
        return self._bank(slot, CONFIRMED).time

    def get_blocks(
        self, start: int, end: int | Config | None = None, config: Config | None = None
    ) -> list[int]:
        """Slots that have a block, from `start` to `end` (default: the newest)."""
        if isinstance(end, Config):
            end, config = None, end
        tip = self.chain.tips[self.level(config, CONFIRMED)]
        last = tip if end is None else min(end, tip)
        if last - start > MAX_SLOTS:
            raise invalid_params(f"Slot range too large; max {MAX_SLOTS}")
        return self.chain.ledger.between(start, min(last, self.chain.tip.slot - 1))

    def get_blocks_with_limit(
        self, start: int, limit: int, config: Config | None = None
    ) -> list[int]:
        """The first `limit` slots with a block from `start` on."""
        if limit > MAX_SLOTS:
            raise invalid_params(f"Limit too large; max {MAX_SLOTS}")
        tip = self.chain.tips[self.level(config, CONFIRMED)]
        return self.chain.ledger.between(start, min(tip, self.chain.tip.slot - 1))[:limit]

    def get_first_available_block(self) -> int:
        """The oldest slot that is remembered."""
        return self.chain.ledger.first_slot
