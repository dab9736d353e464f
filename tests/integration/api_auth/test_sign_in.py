"""Signing in over HTTP: asked, signed, verified, once."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY
from solders.keypair import Keypair

from api.services.auth.siws import SignInMessage
from db.pool import Pool
from tests.helpers.sign_in import Browser, code_of, text_of
from tests.integration.api_auth.conftest import Open, Serve

LIVE = {
    "solana_rpc_url": "https://node.example",
    "auth_signing_keys": "a:" + base64.b64encode(bytes(range(100, 132))).decode(),
    "auth_origins": "https://a.example,https://b.example",
}


async def test_a_wallet_signs_in(serve: Serve, open_browser: Open) -> None:
    """Nonce, signature, and the wallet has an access token and a cookie no script can read."""
    browser = open_browser(await serve())
    asked = await browser.nonce()
    response = await browser.verify(browser.sign(asked))
    answer = browser.keep(response)
    assert answer["wallet"] == browser.wallet
    assert answer["token_type"] == "Bearer"  # noqa: S105
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("curvefeed_refresh=cfr_")
    for attribute in ("HttpOnly", "SameSite=strict", "Path=/api/v1/auth", "Max-Age=604800"):
        assert attribute in cookie
    assert response.headers["cache-control"] == "no-store"
    assert "cfr_" not in response.text


async def test_the_input_is_whole(serve: Serve, open_browser: Open) -> None:
    """Everything a wallet shows its owner: domain, chain, times, a nonce that was never used."""
    browser = open_browser(await serve())
    one, other = (await browser.nonce())["input"], (await browser.nonce())["input"]
    assert one["domain"] == "localhost:3000"
    assert one["uri"] == "http://localhost:3000"
    assert (one["version"], one["chainId"]) == ("1", "solana:localnet")
    assert len(one["nonce"]) == 24
    assert one["nonce"] != other["nonce"]
    assert one["requestId"] != other["requestId"]
    assert one["issuedAt"].endswith("Z")
    assert "address" not in one


async def test_a_wallet_without_sign_in_signs_the_same_text(
    serve: Serve, open_browser: Open
) -> None:
    """Where the address is known, the text comes with the nonce, for signMessage."""
    browser = open_browser(await serve())
    asked = await browser.nonce(address=browser.wallet)
    assert asked["input"]["address"] == browser.wallet
    assert asked["text"].encode() == text_of(
        msgspec.convert(asked["input"], SignInMessage), browser.key
    )
    answer = browser.keep(await browser.verify(browser.body(asked["text"].encode())))
    assert answer["wallet"] == browser.wallet


async def test_a_program_without_cookies_signs_in_by_its_binding(
    serve: Serve, open_browser: Open
) -> None:
    """It repeats the secret it asked with; without it, the nonce is not its own."""
    server = await serve()
    program = open_browser(server, origin=None)
    binding = "p" * 32
    asked = await program.nonce(binding=binding)
    assert not program.http.cookies
    body = program.sign(asked)
    assert code_of(await program.verify(body)) == (401, "nonce_unknown")
    wrong = await program.verify(body | {"binding": "q" * 32})
    assert code_of(wrong) == (401, "nonce_unknown")
    program.keep(await program.verify(body | {"binding": binding}))


async def test_a_nonce_is_good_once(serve: Serve, open_browser: Open) -> None:
    """The very same message and signature a second time are a replay."""
    browser = open_browser(await serve())
    body = browser.sign(await browser.nonce())
    browser.keep(await browser.verify(body))
    assert code_of(await browser.verify(body)) == (401, "nonce_unknown")


async def test_of_many_at_once_one_signs_in(serve: Serve, open_browser: Open) -> None:
    """The nonce is consumed atomically, on whichever instance."""
    one, other = await serve(), await serve()
    browser = open_browser(one)
    body = browser.sign(await browser.nonce())
    elsewhere = open_browser(other)
    elsewhere.http.cookies.update(browser.http.cookies)
    answers = await asyncio.gather(
        *(each.verify(body) for each in (browser, elsewhere) for _ in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 15


async def test_a_nonce_belongs_to_the_browser_that_asked(serve: Serve, open_browser: Open) -> None:
    """Signed by a victim for somebody else's browser, it is worth nothing in that browser; and
    trying does not take it away from its owner."""
    server = await serve()
    owner, thief = open_browser(server), open_browser(server)
    body = owner.sign(await owner.nonce())
    assert code_of(await thief.verify(body)) == (401, "nonce_unknown")
    await thief.nonce()
    assert code_of(await thief.verify(body)) == (401, "nonce_unknown")
    owner.keep(await owner.verify(body))


async def test_a_nonce_belongs_to_the_page_that_asked(serve: Serve, open_browser: Open) -> None:
    """Another page of the same browser, though allowed, can't use it."""
    server = await serve()
    browser = open_browser(server)
    body = browser.sign(await browser.nonce())
    browser.origin = "http://localhost:3001"
    assert code_of(await browser.verify(body)) == (403, "origin_forbidden")


async def test_one_attempt_uses_a_nonce_up(serve: Serve, open_browser: Open) -> None:
    """Also a wrong one: there is nothing to try again and again."""
    browser = open_browser(await serve())
    asked = await browser.nonce()
    data = text_of(msgspec.convert(asked["input"], SignInMessage), browser.key)
    assert code_of(await browser.verify(browser.body(data, by=Keypair()))) == (
        401,
        "signature_invalid",
    )
    assert code_of(await browser.verify(browser.body(data))) == (401, "nonce_unknown")


async def test_the_fields_of_one_nonce_do_not_go_with_another(
    serve: Serve, open_browser: Open
) -> None:
    """What counts is what was stored for this nonce, not what would have been issued."""
    browser = open_browser(await serve())
    one, other = await browser.nonce(), await browser.nonce()
    mixed = {"input": one["input"] | {"nonce": other["input"]["nonce"]}}
    assert code_of(await browser.verify(browser.sign(mixed))) == (401, "message_mismatch")


async def test_an_address_asked_for_is_the_one_that_signs(serve: Serve, open_browser: Open) -> None:
    """A nonce for one wallet signs in no other, though the other signs well."""
    browser = open_browser(await serve())
    asked = await browser.nonce(address=str(Keypair().pubkey()))
    assert code_of(await browser.verify(browser.sign(asked))) == (401, "message_mismatch")


async def test_an_expired_message_is_refused(serve: Serve, open_browser: Open, pool: Pool) -> None:
    """By the times that were stored, whatever the message says: they are the same."""
    browser = open_browser(await serve())
    asked = await browser.nonce()
    old = asked["input"] | {
        "issuedAt": "2020-01-01T00:00:00.000Z",
        "expirationTime": "2020-01-01T00:05:00.000Z",
    }
    await pool.execute("UPDATE auth_nonces SET input = $1", msgspec.json.encode(old).decode())
    assert code_of(await browser.verify(browser.sign({"input": old}))) == (401, "message_expired")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("signed_message", "not base64!"),
        ("signed_message", ""),
        ("signed_message", base64.b64encode(b"\xff" * 100).decode()),
        ("signed_message", base64.b64encode(b"\xffsolana offchain\0\0\1\0x").decode()),
        ("signature", "not base64!"),
    ],
)
async def test_what_is_no_message_is_refused(
    serve: Serve, open_browser: Open, name: str, value: str
) -> None:
    """400, with a hint, before anything is looked up."""
    browser = open_browser(await serve())
    body = browser.sign(await browser.nonce()) | {name: value}
    assert code_of(await browser.verify(body)) == (400, "message_malformed")


async def test_bodies_are_small(serve: Serve, open_browser: Open) -> None:
    """More than a message needs is not read."""
    browser = open_browser(await serve())
    for path in ("nonce", "verify", "logout"):
        response = await browser.post(f"/api/v1/auth/{path}", {"address": "1" * 9_000})
        assert response.status_code == 413


async def test_an_address_that_is_none_is_refused(serve: Serve, open_browser: Open) -> None:
    """At the nonce already."""
    browser = open_browser(await serve())
    response = await browser.post("/api/v1/auth/nonce", {"address": "me"})
    assert code_of(response) == (400, "message_malformed")


@pytest.mark.parametrize("path", ["auth/nonce", "auth/verify", "auth/refresh", "auth/logout"])
async def test_other_pages_may_not_even_ask(serve: Serve, open_browser: Open, path: str) -> None:
    """Every step refuses a page that isn't one of the settings'."""
    browser = open_browser(await serve(), origin="https://evil.example")
    body = {"signed_message": "eA==", "signature": "eA=="}
    response = await browser.post(f"/api/v1/{path}", body)
    assert code_of(response) == (403, "origin_forbidden")


async def test_a_page_elsewhere_may_bring_its_cookie(serve: Serve, open_browser: Open) -> None:
    """A page that is allowed by name, such as a dev server's, gets its answers with credentials;
    others get none."""
    page = "http://localhost:3000"
    browser = open_browser(await serve(websocket_allowed_origins=page))
    asks = {"Access-Control-Request-Method": "POST"}
    for origin, allowed in ((page, page), ("https://evil.example", None)):
        response = await browser.http.options(
            f"{browser.base}/api/v1/auth/refresh", headers=asks | {"Origin": origin}
        )
        assert response.headers.get("access-control-allow-origin") == allowed
    response = await browser.post("/api/v1/auth/nonce", {})
    assert response.headers["access-control-allow-origin"] == page
    assert response.headers["access-control-allow-credentials"] == "true"


async def test_outcomes_are_counted(serve: Serve, open_browser: Open) -> None:
    """By step, for an operator to see an attack or a broken page."""
    browser = open_browser(await serve())

    def count(step: str, outcome: str) -> float:
        labels = {"step": step, "outcome": outcome}
        return REGISTRY.get_sample_value("curvefeed_sign_in_requests_total", labels) or 0.0

    before = count("verify", "ok"), count("verify", "nonce_unknown")
    body = browser.sign(await browser.nonce())
    await browser.verify(body)
    await browser.verify(body)
    assert (count("verify", "ok"), count("verify", "nonce_unknown")) == (
        before[0] + 1,
        before[1] + 1,
    )


async def test_tries_are_counted_per_address_and_per_wallet(
    serve: Serve, open_browser: Open
) -> None:
    """The refusal says when to come back; other wallets behind other addresses go on."""
    server = await serve(auth_attempts_per_minute=3)
    browser = open_browser(server)
    for _ in range(3):
        await browser.nonce()
    response = await browser.post("/api/v1/auth/nonce", {})
    assert code_of(response) == (429, "rate_limited")
    assert 1 <= int(response.headers["retry-after"]) <= 20
    assert code_of(await browser.verify({"signed_message": "", "signature": ""})) == (
        429,
        "rate_limited",
    )


async def test_a_wallets_tries_are_counted_wherever_they_come_from(
    serve: Serve, open_browser: Open
) -> None:
    """A wallet has a count of its own, beside each address's."""
    server = await serve(auth_attempts_per_minute=4)
    sign_in = server.app.state.sign_in
    browser = open_browser(server)
    for _ in range(4):
        sign_in.attempt(browser.wallet)  # as from four other addresses
    response = await browser.post("/api/v1/auth/nonce", {"address": browser.wallet})
    assert code_of(response) == (429, "rate_limited")
    assert code_of(await browser.verify(browser.sign(await browser.nonce()))) == (
        429,
        "rate_limited",
    )


async def test_hardware_wallets_sign_in_an_envelope(serve: Serve, open_browser: Open) -> None:
    """Where the setting allows it; the same checks apply to the text inside."""
    browser = open_browser(await serve(auth_offchain_messages=True))
    asked = await browser.nonce()
    text = text_of(msgspec.convert(asked["input"], SignInMessage), browser.key)
    data = b"\xffsolana offchain\1\1" + bytes(browser.key.pubkey()) + text
    browser.keep(await browser.verify(browser.body(data)))


# --- on a live cluster


async def test_a_live_cluster_without_keys_has_no_sign_in(
    serve: Serve, open_browser: Open, pool: Pool
) -> None:
    """No key by default: it says what to set, and what is public works on."""
    server = await serve(**LIVE | {"auth_signing_keys": None})
    browser = open_browser(server, origin="https://a.example")
    status = (await browser.http.get(f"{browser.base}/api/v1/auth")).json()
    assert status["is_on"] is False
    assert "AUTH_SIGNING_KEYS" in status["reason"]
    for path in ("auth/nonce", "auth/refresh", "auth/logout"):
        response = await browser.post(f"/api/v1/{path}", {})
        assert code_of(response) == (503, "sign_in_off")
        assert "AUTH_SIGNING_KEYS" in response.json()["hint"]
    ticket = await browser.post("/api/v1/websocket/ticket", headers={"Authorization": "Bearer x"})
    assert code_of(ticket) == (503, "sign_in_off")
    assert await pool.fetchval("SELECT count(*) FROM auth_keys") == 0


async def test_a_localnets_key_is_worth_nothing_on_a_live_cluster(
    serve: Serve, open_browser: Open
) -> None:
    """The same database, served as a live cluster, takes no token that the localnet had issued."""
    local = open_browser(await serve())
    await local.sign_in()
    live = open_browser(await serve(**LIVE), origin="https://a.example")
    response = await live.post("/api/v1/websocket/ticket", headers=local.bearer)
    assert code_of(response) == (401, "token_invalid")


async def test_a_live_clusters_cookies_are_secure(serve: Serve, open_browser: Open) -> None:
    """Only over TLS, under a name that a page without it can't set."""
    browser = open_browser(await serve(**LIVE), origin="https://a.example")
    asked = await browser.post("/api/v1/auth/nonce", {})
    cookie = asked.headers["set-cookie"]
    assert cookie.startswith("__Secure-curvefeed_asker=")
    for attribute in ("Secure", "HttpOnly", "SameSite=strict", "Path=/api/v1/auth"):
        assert attribute in cookie
    assert asked.json()["input"]["chainId"] == "solana:mainnet"
    assert asked.json()["input"]["domain"] == "a.example"


async def test_two_processes_of_a_localnet_share_its_key(serve: Serve, open_browser: Open) -> None:
    """A token of one is good at the other, though neither was given a key."""
    one, other = await serve(), await serve()
    browser = open_browser(one)
    await browser.sign_in()
    elsewhere = open_browser(other)
    response = await elsewhere.post("/api/v1/websocket/ticket", headers=browser.bearer)
    assert response.status_code == 200


def _without(answer: dict[str, Any], name: str) -> dict[str, Any]:
    return {"input": {key: value for key, value in answer["input"].items() if key != name}}


@pytest.mark.parametrize(
    "name",
    ["statement", "uri", "version", "chainId", "issuedAt", "expirationTime", "requestId"],
)
async def test_no_field_may_be_left_out(serve: Serve, open_browser: Open, name: str) -> None:
    """A wallet that signs less than it was given has not signed it."""
    browser = open_browser(await serve())
    body = browser.sign(_without(await browser.nonce(), name))
    assert code_of(await browser.verify(body)) == (401, "message_mismatch")


async def test_a_browser_keeps_its_binding(serve: Serve, open_browser: Open) -> None:
    """Two tabs ask one after the other, and both may sign."""
    browser = open_browser(await serve())
    first, second = browser.sign(await browser.nonce()), browser.sign(await browser.nonce())
    browser.keep(await browser.verify(first))
    browser.keep(await browser.verify(second))
    assert isinstance(browser, Browser)
