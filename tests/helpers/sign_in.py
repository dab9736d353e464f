"""A wallet that signs in: what the browser's wallet does, without the browser."""

from __future__ import annotations

import base64
from typing import Any

import httpx2
import msgspec
from solders.keypair import Keypair

from api.services.auth.siws import SignInMessage, render

NOW = 1_795_342_200.0
"""2026-11-22T10:10:00Z."""


def stored(**changes: Any) -> SignInMessage:
    """An input as the server issues it at NOW, with changes."""
    fields: dict[str, Any] = {
        "domain": "curvefeed.example",
        "statement": "Sign in to curvefeed. This sends no transaction and costs nothing.",
        "uri": "https://curvefeed.example",
        "version": "1",
        "chain_id": "solana:mainnet",
        "nonce": "k3x9AbC7k3x9AbC7k3x9AbC7",
        "issued_at": "2026-11-22T10:10:00.000Z",
        "expiration_time": "2026-11-22T10:15:00.000Z",
        "request_id": "4f1a2b3c4d5e6f70",
    }
    return SignInMessage(**fields | changes)


def text_of(message: SignInMessage, key: Keypair) -> bytes:
    """What a wallet with this key makes of an input."""
    return render(msgspec.structs.replace(message, address=str(key.pubkey()))).encode()


def signature_of(key: Keypair, data: bytes) -> bytes:
    """64 bytes."""
    return bytes(key.sign_message(data))


def base64_of(data: bytes) -> str:
    """As it goes over HTTP."""
    return base64.b64encode(data).decode()


class Browser:
    """A page with cookies and a wallet. `origin` None: a program, which sends no Origin."""

    def __init__(
        self, port: int, *, key: Keypair | None = None, origin: str | None = "http://localhost:3000"
    ) -> None:
        self.key = key if key is not None else Keypair()
        self.origin = origin
        self.base = f"http://127.0.0.1:{port}"
        self.http = httpx2.AsyncClient(timeout=30)
        self.access_token = ""

    async def close(self) -> None:
        """Close its connections."""
        await self.http.aclose()

    @property
    def wallet(self) -> str:
        """Base58."""
        return str(self.key.pubkey())

    @property
    def bearer(self) -> dict[str, str]:
        """The header of the access token."""
        return {"Authorization": f"Bearer {self.access_token}"}

    async def post(
        self, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        """As a page's script posts JSON."""
        sent = dict(headers or {})
        if self.origin is not None:
            sent.setdefault("Origin", self.origin)
        return await self.http.post(f"{self.base}{path}", json=body, headers=sent)

    async def nonce(self, **body: Any) -> dict[str, Any]:
        """What to sign."""
        response = await self.post("/api/v1/auth/nonce", body)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def sign(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The body of /verify: what a wallet's signIn returns for this nonce."""
        data = text_of(msgspec.convert(answer["input"], SignInMessage), self.key)
        return self.body(data)

    def body(self, data: bytes, by: Keypair | None = None) -> dict[str, Any]:
        """The body of /verify for these bytes, signed by its own key or another's."""
        signature = signature_of(by if by is not None else self.key, data)
        return {"signed_message": base64_of(data), "signature": base64_of(signature)}

    async def verify(self, body: dict[str, Any]) -> httpx2.Response:
        """Sign in."""
        return await self.post("/api/v1/auth/verify", body)

    async def sign_in(self) -> dict[str, Any]:
        """Ask, sign, sign in; the answer, whose access token it keeps."""
        response = await self.verify(self.sign(await self.nonce()))
        return self.keep(response)

    async def refresh(self) -> dict[str, Any]:
        """Another access token."""
        return self.keep(await self.post("/api/v1/auth/refresh"))

    def keep(self, response: httpx2.Response) -> dict[str, Any]:
        """Keep the access token that this answer bears."""
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        self.access_token = answer["access_token"]
        return answer

    async def ticket(self) -> str:
        """For one handshake."""
        response = await self.post("/api/v1/websocket/ticket", headers=self.bearer)
        assert response.status_code == 200, response.text
        ticket: str = response.json()["ticket"]
        return ticket


def code_of(response: httpx2.Response) -> tuple[int, str]:
    """Status and code of a problem."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem = response.json()
    assert problem["status"] == response.status_code
    return response.status_code, problem["code"]
