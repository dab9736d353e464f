"""Which pages people may sign in on: the message they sign names the page's domain."""

from __future__ import annotations

import re

import msgspec

from api.services.auth.errors import SignInRefused
from common.errors import SettingsError
from common.settings import Settings

_ORIGIN = re.compile(r"(https?)://((?:[a-z0-9\-.]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?)")
_LOOPBACK = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?")


class Origin(msgspec.Struct, frozen=True):
    """A page's origin: `text` is scheme://domain, `domain` is host[:port]."""

    scheme: str
    domain: str

    @property
    def text(self) -> str:
        """As browsers write it."""
        return f"{self.scheme}://{self.domain}"

    @property
    def is_secure(self) -> bool:
        """Served over TLS: its cookies must not go any other way."""
        return self.scheme == "https"


class SignInOrigins:
    """The origins of AUTH_ORIGINS; on a localnet also every page on this machine.

    The Host header does not count: who rebinds a name of his to this machine also sets it.
    """

    def __init__(self, settings: Settings) -> None:
        entries = [entry.strip().rstrip("/") for entry in settings.auth_origins.split(",")]
        self._allowed = {
            entry: _configured(entry, is_localnet=settings.is_localnet)
            for entry in entries
            if entry
        }
        self._is_local = settings.is_localnet
        self._default = next(
            iter(self._allowed.values()), Origin("http", f"localhost:{settings.websocket_port}")
        )

    @property
    def is_any(self) -> bool:
        """Is there a page to sign in on at all?"""
        return self._is_local or bool(self._allowed)

    def of(self, headers: list[str]) -> Origin:
        """The page that asks, by its Origin headers; none: a program, which speaks for the first
        origin of the settings. Raises SignInRefused (origin_forbidden)."""
        if not headers:
            return self._default
        found = self._find(headers[0]) if len(headers) == 1 else None
        if found is None:
            raise SignInRefused(
                "origin_forbidden",
                "this page is not one that people may sign in on",
                hint="Its operator adds it to AUTH_ORIGINS",
            )
        return found

    def _find(self, header: str) -> Origin | None:
        if header in self._allowed:
            return self._allowed[header]
        match = _ORIGIN.fullmatch(header)
        if self._is_local and match is not None and _LOOPBACK.fullmatch(match[2]):
            return Origin(match[1], match[2])
        return None


def _configured(entry: str, *, is_localnet: bool) -> Origin:
    match = _ORIGIN.fullmatch(entry)
    if match is None:
        raise SettingsError(
            "an entry of AUTH_ORIGINS is not an origin",
            hint="Write https://host[:port], in lower case, without a path",
        )
    if match[1] != "https" and not is_localnet and not _LOOPBACK.fullmatch(match[2]):
        raise SettingsError(
            "an entry of AUTH_ORIGINS is not https: its cookies would travel in clear",
            hint="Serve that page over TLS",
            domain=match[2],
        )
    return Origin(match[1], match[2])
