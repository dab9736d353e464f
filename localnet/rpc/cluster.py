"""Methods about the node and the cluster: slots, epochs, blockhashes, fees."""

from __future__ import annotations

from solders.message import from_bytes_versioned
from solders.signature import Signature
from solders.transaction import SanitizeError, VersionedTransaction

from localnet.errors import NO_SNAPSHOT, RpcError, invalid_params
from localnet.execution import fee_of
from localnet.rpc.params import (
    FEATURE_SET,
    VERSION,
    Config,
    Methods,
    bytes_of,
    hash_of,
    key_of,
)

SLOTS_PER_EPOCH = 432_000
_SHOWN_FEES = 150


class ClusterMethods(Methods):
    """getHealth … getFeeForMessage."""

    def methods(self) -> dict[str, object]:
        """Name on the wire → method."""
        return {
            "getHealth": self.get_health,
            "getVersion": self.get_version,
            "getIdentity": self.get_identity,
            "getGenesisHash": self.get_genesis_hash,
            "getSlot": self.get_slot,
            "getBlockHeight": self.get_block_height,
            "getTransactionCount": self.get_transaction_count,
            "getEpochInfo": self.get_epoch_info,
            "getEpochSchedule": self.get_epoch_schedule,
            "getSlotLeader": self.get_slot_leader,
            "getSlotLeaders": self.get_slot_leaders,
            "getClusterNodes": self.get_cluster_nodes,
            "getHighestSnapshotSlot": self.get_highest_snapshot_slot,
            "getLatestBlockhash": self.get_latest_blockhash,
            "isBlockhashValid": self.is_blockhash_valid,
            "getFeeForMessage": self.get_fee_for_message,
            "getRecentPrioritizationFees": self.get_recent_prioritization_fees,
            "getMinimumBalanceForRentExemption": self.get_minimum_balance,
        }

    def get_health(self) -> str:
        """Always well."""
        return "ok"

    def get_version(self) -> object:
        """The release whose answers we print."""
        return {"feature-set": FEATURE_SET, "solana-core": VERSION}

    def get_identity(self) -> object:
        """A key for the only node."""
        return {"identity": str(self.chain.faucet.pubkey())}

    def get_genesis_hash(self) -> str:
        """Another one for every chain that is started."""
        return str(self.chain.genesis_hash)

    def get_slot(self, config: Config | None = None) -> int:
        """Newest slot at a commitment."""
        return self.chain.tips[self.level(config)]

    def get_block_height(self, config: Config | None = None) -> int:
        """Blocks below it: slots that were not skipped."""
        return self.chain.ledger.banks[self.chain.tips[self.level(config)]].height

    def get_transaction_count(self, config: Config | None = None) -> int:
        """Transactions since genesis."""
        self.level(config)
        return self.chain.ledger.count

    def get_epoch_info(self, config: Config | None = None) -> object:
        """Where in the epoch a commitment is."""
        bank = self.chain.ledger.banks[self.chain.tips[self.level(config)]]
        return {
            "absoluteSlot": bank.slot,
            "blockHeight": bank.height,
            "epoch": bank.slot // SLOTS_PER_EPOCH,
            "slotIndex": bank.slot % SLOTS_PER_EPOCH,
            "slotsInEpoch": SLOTS_PER_EPOCH,
            "transactionCount": self.chain.ledger.count,
        }

    def get_epoch_schedule(self) -> object:
        """Epochs of equal length from genesis."""
        return {
            "firstNormalEpoch": 0,
            "firstNormalSlot": 0,
            "leaderScheduleSlotOffset": SLOTS_PER_EPOCH,
            "slotsPerEpoch": SLOTS_PER_EPOCH,
            "warmup": False,
        }

    def get_slot_leader(self, config: Config | None = None) -> str:
        """The only node."""
        self.level(config)
        return str(self.chain.faucet.pubkey())

    def get_slot_leaders(self, start: int, limit: int) -> list[str]:
        """The only node, `limit` times."""
        if start < 0 or not 1 <= limit <= 5000:
            raise invalid_params("Invalid limit; max 5000")
        return [str(self.chain.faucet.pubkey())] * limit

    def get_cluster_nodes(self) -> object:
        """The only node; its ports are the caller's business."""
        node = {
            "pubkey": str(self.chain.faucet.pubkey()),
            "featureSet": FEATURE_SET,
            "version": VERSION,
        }
        for service in ("gossip", "tpu", "tpuQuic", "tvu", "rpc", "pubsub", "serveRepair"):
            node[service] = None
        return [{**node, "shredVersion": 0}]

    def get_highest_snapshot_slot(self) -> object:
        """There are none."""
        raise RpcError(NO_SNAPSHOT, "No snapshot")

    def get_latest_blockhash(self, config: Config | None = None) -> object:
        """The blockhash to sign with."""
        level = self.level(config)
        blockhash, last = self.chain.latest_blockhash(level)
        value = {"blockhash": str(blockhash), "lastValidBlockHeight": last}
        return self.with_context(value, level)

    def is_blockhash_valid(self, text: str, config: Config | None = None) -> object:
        """Whether a transaction signed with it could still land."""
        level = self.level(config)
        is_valid = self.chain.live_bank(hash_of(text), level) is not None
        return self.with_context(is_valid, level)

    def get_fee_for_message(self, text: str, config: Config | None = None) -> object:
        """Lamports a message would cost; null if its blockhash is too old."""
        level = self.level(config)
        try:
            message = from_bytes_versioned(bytes_of(text, "base64"))
            signatures = [Signature.default()] * message.header.num_required_signatures
            VersionedTransaction.populate(message, signatures).sanitize()
        except (ValueError, SanitizeError) as error:
            raise invalid_params(f"failed to deserialize message: {error}") from None
        is_live = self.chain.live_bank(message.recent_blockhash) is not None
        return self.with_context(fee_of(message) if is_live else None, level)

    def get_recent_prioritization_fees(self, keys: list[str] | None = None) -> object:
        """Nobody has to outbid anybody here."""
        for key in keys or ():
            key_of(key)
        slots = list(self.chain.ledger.slots)[-_SHOWN_FEES:]
        return [{"slot": slot, "prioritizationFee": 0} for slot in slots]

    def get_minimum_balance(self, size: int, config: Config | None = None) -> int:
        """Lamports that keep an account of `size` bytes."""
        self.level(config)
        if not 0 <= size <= 10 * 1024 * 1024:
            raise invalid_params("Invalid params: size out of range")
        return self.chain.svm.minimum_balance_for_rent_exemption(size)
