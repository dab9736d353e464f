"""JSON-RPC errors, with the numbers and words of a validator (agave 4.1, `rpc-client-types`)."""

from __future__ import annotations

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
BLOCK_CLEANED_UP = -32001
PREFLIGHT_FAILURE = -32002
SIGNATURE_FAILURE = -32003
BLOCK_NOT_AVAILABLE = -32004
SLOT_SKIPPED = -32007
NO_SNAPSHOT = -32008
UNSUPPORTED_VERSION = -32015
MIN_CONTEXT_SLOT = -32016

_TEXTS = {
    "BlockhashNotFound": "Blockhash not found",
    "AlreadyProcessed": "This transaction has already been processed",
    "AccountNotFound": "Attempt to debit an account but found no record of a prior credit.",
    "InsufficientFundsForFee": "Insufficient funds for fee",
    "ProgramAccountNotFound": "Attempt to load a program that does not exist",
    "InvalidAccountForFee": "This account may not be used to pay transaction fees",
    "InvalidProgramForExecution": "This program may not be used for executing instructions",
    "AccountLoadedTwice": "Account loaded twice",
    "InvalidAccountIndex": "Transaction contains an invalid account reference",
}


class RpcError(Exception):
    """A call is refused: what goes into the reply's `error`."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def body(self) -> dict[str, object]:
        """The `error` member of the reply."""
        body: dict[str, object] = {"code": self.code, "message": self.message}
        if self.data is not None:
            body["data"] = self.data
        return body


def invalid_params(message: str) -> RpcError:
    """The caller's parameters make no sense."""
    return RpcError(INVALID_PARAMS, message)


def error_text(err: object) -> str:
    """A TransactionError as Rust displays it (`err` as JSON), for the cases a client meets."""
    if isinstance(err, dict) and "InstructionError" in err:
        at, inner = err["InstructionError"]
        if isinstance(inner, dict) and "Custom" in inner:
            inner = f"custom program error: {inner['Custom']:#x}"
        return f"Error processing Instruction {at}: {inner}"
    return _TEXTS.get(err, err) if isinstance(err, str) else str(err)
