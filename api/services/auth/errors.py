"""Why sign-in refuses: one error, its code and its HTTP status."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal

Code = Literal[
    "message_malformed",
    "message_mismatch",
    "message_expired",
    "signature_invalid",
    "nonce_unknown",
    "origin_forbidden",
    "rate_limited",
    "token_missing",
    "token_invalid",
    "token_expired",
    "token_reused",
    "ticket_used",
    "ticket_origin",
    "sign_in_off",
]
"""Never reused for another meaning."""

STATUS = MappingProxyType(
    {
        "message_malformed": 400,
        "origin_forbidden": 403,
        "ticket_origin": 403,
        "rate_limited": 429,
        "sign_in_off": 503,
    }
)
"""HTTP status by code; all others are 401."""


class SignInRefused(Exception):
    """No. `detail` says why without repeating a secret; `hint` what to do about it."""

    def __init__(
        self, code: Code, detail: str, *, hint: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(detail)
        self.code: Code = code
        self.detail = detail
        self.hint = hint
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        """HTTP status."""
        return STATUS.get(self.code, 401)
