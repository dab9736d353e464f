"""Staying signed in: refresh tokens, tickets, signing out, cleaning up."""

from __future__ import annotations

import asyncio

import pytest

from api.server import ApiServer
from db import sessions
from db.pool import Pool
from tests.helpers.sign_in import Browser, code_of
from tests.integration.api_auth.conftest import Open, Serve

REFRESH = "curvefeed_refresh"


def cookie(browser: Browser) -> str:
    """Its refresh token."""
    value = browser.http.cookies.get(REFRESH)
    assert value is not None
    return value


async def refresh_with(server: ApiServer, open_browser: Open, token: str) -> tuple[int, str]:
    """What /refresh answers to this token, in a browser of its own."""
    browser = open_browser(server)
    browser.http.cookies.set(REFRESH, token)
    response = await browser.post("/api/v1/auth/refresh")
    return (200, "") if response.status_code == 200 else code_of(response)


async def is_accepted(browser: Browser) -> bool:
    """Is its access token good for anything?"""
    response = await browser.post("/api/v1/websocket/ticket", headers=browser.bearer)
    return response.status_code == 200


async def eventually_refused(browser: Browser) -> None:
    """Its access token is refused, within the second that the protocol promises (and some)."""
    async with asyncio.timeout(5):
        while True:
            if not await is_accepted(browser):
                return
            await asyncio.sleep(0.02)


# --- refresh tokens


async def test_a_refresh_gives_other_tokens(serve: Serve, open_browser: Open) -> None:
    """Another access token, and another refresh token in the place of the one used."""
    browser = open_browser(await serve())
    first = await browser.sign_in()
    old = cookie(browser)
    second = await browser.refresh()
    assert second["wallet"] == browser.wallet
    assert second["access_token"] != first["access_token"]
    assert cookie(browser) != old
    assert await is_accepted(browser)
    await browser.refresh()


async def test_a_refresh_token_used_twice_ends_its_session(
    serve: Serve, open_browser: Open
) -> None:
    """Whoever was first: thief and owner are both out, of this session and no other."""
    server = await serve()
    owner = open_browser(server)
    await owner.sign_in()
    same_wallet = open_browser(server, key=owner.key)
    await same_wallet.sign_in()
    stolen = cookie(owner)
    assert await refresh_with(server, open_browser, stolen) == (200, "")
    response = await owner.post("/api/v1/auth/refresh")
    assert code_of(response) == (401, "token_reused")
    assert REFRESH not in owner.http.cookies
    await eventually_refused(owner)
    await same_wallet.refresh()
    assert await is_accepted(same_wallet)


async def test_the_newest_token_of_an_ended_session_is_worth_nothing(
    serve: Serve, open_browser: Open
) -> None:
    """The thief's next token goes with the session."""
    server = await serve()
    browser = open_browser(server)
    await browser.sign_in()
    first = cookie(browser)
    await browser.refresh()
    newest = cookie(browser)
    assert await refresh_with(server, open_browser, first) == (401, "token_reused")
    assert await refresh_with(server, open_browser, newest) == (401, "token_invalid")
    assert await refresh_with(server, open_browser, first) == (401, "token_invalid")


async def test_of_two_refreshes_at_once_at_most_one_succeeds(
    serve: Serve, open_browser: Open
) -> None:
    """On two instances, with one token: the other is a reuse and ends the session."""
    one, other = await serve(), await serve()
    browser = open_browser(one)
    await browser.sign_in()
    token = cookie(browser)
    answers = await asyncio.gather(
        *(refresh_with(server, open_browser, token) for server in (one, other) for _ in range(5))
    )
    assert answers.count((200, "")) == 1
    assert answers.count((401, "token_reused")) == 1
    assert answers.count((401, "token_invalid")) == 8


@pytest.mark.parametrize("token", ["", "cfr_", "cfr_" + "A" * 43, "cft_" + "A" * 43, "x" * 3_000])
async def test_an_unknown_refresh_token_is_refused(
    serve: Serve, open_browser: Open, token: str
) -> None:
    """Whatever it looks like."""
    assert await refresh_with(await serve(), open_browser, token) == (401, "token_invalid")


async def test_without_a_refresh_token_there_is_nothing_to_refresh(
    serve: Serve, open_browser: Open
) -> None:
    """The access token is no refresh token."""
    browser = open_browser(await serve())
    await browser.sign_in()
    browser.http.cookies.clear()
    response = await browser.post("/api/v1/auth/refresh", headers=browser.bearer)
    assert code_of(response) == (401, "token_missing")


async def test_a_session_ends_after_its_days(serve: Serve, open_browser: Open, pool: Pool) -> None:
    """However often it was refreshed."""
    browser = open_browser(await serve())
    await browser.sign_in()
    await browser.refresh()
    await pool.execute("UPDATE auth_sessions SET expires_at = now()")
    response = await browser.post("/api/v1/auth/refresh")
    assert code_of(response) == (401, "token_invalid")


async def test_secrets_are_stored_hashed(serve: Serve, open_browser: Open, pool: Pool) -> None:
    """Who reads the database can't sign in with it."""
    browser = open_browser(await serve())
    await browser.nonce()
    await browser.sign_in()
    ticket = await browser.ticket()
    secrets = [ticket, cookie(browser), browser.access_token]
    secrets.append(browser.http.cookies.get("curvefeed_asker") or "")
    for table in ("nonces", "wallets", "sessions", "refresh_tokens", "tickets", "revocations"):
        for row in await pool.fetch(f"SELECT t::text FROM auth_{table} t"):  # noqa: S608
            for secret in secrets:
                assert secret[4:] not in row["t"]
                assert secret.encode().hex() not in row["t"]


# --- signing out


async def test_signing_out_ends_the_session_everywhere(serve: Serve, open_browser: Open) -> None:
    """Its refresh token at once, its access token on every instance within a second."""
    one, other = await serve(), await serve()
    browser = open_browser(one)
    await browser.sign_in()
    token = cookie(browser)
    elsewhere = open_browser(other)
    elsewhere.access_token = browser.access_token
    assert await is_accepted(elsewhere)
    response = await browser.post("/api/v1/auth/logout")
    assert response.status_code == 204
    assert REFRESH not in browser.http.cookies
    assert await refresh_with(other, open_browser, token) == (401, "token_invalid")
    await eventually_refused(browser)
    await eventually_refused(elsewhere)


async def test_signing_out_by_the_access_token_alone(serve: Serve, open_browser: Open) -> None:
    """A program without cookies does it so."""
    browser = open_browser(await serve())
    await browser.sign_in()
    browser.http.cookies.clear()
    response = await browser.post("/api/v1/auth/logout", headers=browser.bearer)
    assert response.status_code == 204
    await eventually_refused(browser)


async def test_signing_out_leaves_the_wallets_other_sessions(
    serve: Serve, open_browser: Open
) -> None:
    """Unless it is asked for everywhere; a new sign-in works at once."""
    server = await serve()
    one = open_browser(server)
    other = open_browser(server, key=one.key)
    stranger = open_browser(server)
    for browser in (one, other, stranger):
        await browser.sign_in()
    await one.post("/api/v1/auth/logout")
    await eventually_refused(one)
    assert await is_accepted(other)
    await other.post("/api/v1/auth/logout", {"everywhere": True})
    await eventually_refused(other)
    assert await is_accepted(stranger)
    again = open_browser(server, key=one.key)
    await again.sign_in()
    assert await is_accepted(again)


async def test_everywhere_ends_all_sessions_of_the_wallet(serve: Serve, open_browser: Open) -> None:
    """Also those that only their cookie knows of."""
    one, other = await serve(), await serve()
    browser = open_browser(one)
    await browser.sign_in()
    forgotten = open_browser(other, key=browser.key)
    await forgotten.sign_in()
    await browser.post("/api/v1/auth/logout", {"everywhere": True}, browser.bearer)
    await eventually_refused(forgotten)
    response = await forgotten.post("/api/v1/auth/refresh")
    assert code_of(response) == (401, "token_invalid")


async def test_signing_out_twice_or_without_a_session_is_fine(
    serve: Serve, open_browser: Open
) -> None:
    """And tells nothing."""
    browser = open_browser(await serve())
    assert (await browser.post("/api/v1/auth/logout")).status_code == 204
    await browser.sign_in()
    for _ in range(2):
        response = await browser.post("/api/v1/auth/logout", headers=browser.bearer)
        assert response.status_code == 204


async def test_a_stolen_token_that_is_over_can_end_nothing(
    serve: Serve, open_browser: Open
) -> None:
    """Neither a used refresh token nor a revoked access token signs its wallet out."""
    server = await serve()
    owner = open_browser(server)
    await owner.sign_in()
    used = cookie(owner)
    await owner.refresh()
    thief = open_browser(server)
    thief.http.cookies.set(REFRESH, used)
    await thief.post("/api/v1/auth/logout", {"everywhere": True})
    assert await is_accepted(owner)
    await owner.refresh()
    thief.access_token = owner.access_token
    await owner.post("/api/v1/auth/logout")
    await eventually_refused(thief)
    again = open_browser(server, key=owner.key)
    await again.sign_in()
    await thief.post("/api/v1/auth/logout", {"everywhere": True}, thief.bearer)
    await again.refresh()
    assert await is_accepted(again)


async def test_revocations_are_checked_in_the_database_until_the_list_is_read(
    serve: Serve, open_browser: Open
) -> None:
    """An instance that can't follow the list doesn't trust what it has of it."""
    server = await serve()
    browser = open_browser(server)
    await browser.sign_in()
    sign_in = server.app.state.sign_in
    fresh = type(sign_in)(server.app.state.services.settings, server.app.state.services.pool)
    assert not fresh.revoked.is_fresh
    access = await fresh.access(browser.access_token)
    assert access.wallet == bytes(browser.key.pubkey())
    await browser.post("/api/v1/auth/logout")
    with pytest.raises(Exception, match="signed out"):
        await fresh.access(browser.access_token)


# --- tickets


async def test_a_ticket_needs_an_access_token(serve: Serve, open_browser: Open) -> None:
    """Neither a cookie nor another ticket buys one."""
    browser = open_browser(await serve())
    await browser.sign_in()
    response = await browser.post("/api/v1/websocket/ticket")
    assert code_of(response) == (401, "token_missing")
    assert response.headers["www-authenticate"] == "Bearer"
    ticket = {"Authorization": f"Bearer {await browser.ticket()}"}
    response = await browser.post("/api/v1/websocket/ticket", headers=ticket)
    assert code_of(response) == (401, "token_invalid")


async def test_a_ticket_lives_for_half_a_minute(serve: Serve, open_browser: Open) -> None:
    """And says so."""
    browser = open_browser(await serve())
    signed = await browser.sign_in()
    response = await browser.post("/api/v1/websocket/ticket", headers=browser.bearer)
    assert 0 <= response.json()["expires_at"] - (signed["expires_at"] - 600) <= 32


# --- cleaning up


async def test_what_has_expired_is_deleted(serve: Serve, open_browser: Open, pool: Pool) -> None:
    """And what has not stays: a deployment of years does not grow."""
    server = await serve()
    over, alive = open_browser(server), open_browser(server)
    for browser in (over, alive):
        await browser.nonce()
        await browser.sign_in()
        await browser.refresh()
        await browser.ticket()
    wallet = bytes(over.key.pubkey())
    await over.post("/api/v1/auth/logout", {"everywhere": True})
    await pool.execute("UPDATE auth_sessions SET expires_at = now() WHERE wallet = $1", wallet)
    await pool.execute(
        "UPDATE auth_tickets SET expires_at = now() - interval '1 day' WHERE wallet = $1", wallet
    )
    await pool.execute("UPDATE auth_revocations SET expires_at = now()")
    await pool.execute(
        "UPDATE auth_wallets SET touched_at = now() - interval '2 days' WHERE wallet = $1", wallet
    )
    await pool.execute(
        """UPDATE auth_nonces SET expires_at = now()
           WHERE nonce IN (SELECT nonce FROM auth_nonces LIMIT 1)"""
    )
    assert await sessions.sweep(pool) == 5  # refresh tokens go with their session
    counts = {
        table: await pool.fetchval(f"SELECT count(*) FROM auth_{table}")  # noqa: S608
        for table in ("nonces", "wallets", "sessions", "refresh_tokens", "tickets", "revocations")
    }
    assert counts == {
        "nonces": 1,
        "wallets": 1,
        "sessions": 1,
        "refresh_tokens": 2,
        "tickets": 1,
        "revocations": 0,
    }
    await alive.refresh()
    assert await is_accepted(alive)
