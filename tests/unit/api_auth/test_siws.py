"""The grammar of the sign-in text."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.services.auth.siws import (
    MAX_BYTES,
    MalformedMessage,
    SignInMessage,
    instant,
    parse,
    render,
)
from programs.keys import b58

ADDRESS = "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin"
HEAD = f"a.example wants you to sign in with your Solana account:\n{ADDRESS}"
FULL = f"""{HEAD}

Sign in. It's free!

URI: https://a.example/login?next=%2Ftrade
Version: 1
Chain ID: solana:mainnet
Nonce: k3x9AbC7
Issued At: 2026-11-22T10:10:00.000Z
Expiration Time: 2026-11-22T10:15:00Z
Not Before: 2026-11-22T10:09:00+00:00
Request ID: r-1
Resources:
- https://a.example/terms
- ipfs://bafy"""

_url = st.text(string.ascii_letters + string.digits + "-._~:/?#[]@!$&'()*+,;=", min_size=1)
_uri = _url.map(lambda rest: f"https://{rest}")
_time = st.datetimes().map(lambda at: f"{at.year:04}{at.isoformat()[4:19]}Z")
_statement = st.text(string.ascii_letters + " .,!'?/;()", min_size=1)
_messages = st.builds(
    SignInMessage,
    domain=st.from_regex(r"[a-z0-9.\-]{1,40}(:[0-9]{1,5})?", fullmatch=True),
    address=st.binary(min_size=32, max_size=32).map(b58),
    statement=st.none() | _statement,
    uri=st.none() | _uri,
    version=st.none() | st.just("1"),
    chain_id=st.none() | st.sampled_from(["solana:mainnet", "devnet"]),
    nonce=st.none() | st.text(string.ascii_letters + string.digits, min_size=8, max_size=40),
    issued_at=st.none() | _time,
    expiration_time=st.none() | _time,
    not_before=st.none() | _time,
    request_id=st.none() | st.text(string.ascii_letters + "-._~!$&'()*+,;=:@", max_size=20),
    resources=st.none() | st.lists(_uri, max_size=3).map(tuple),
)


@given(_messages)
def test_what_is_written_is_read_back(message: SignInMessage) -> None:
    """Every message of the grammar is read as what was written."""
    assert parse(render(message).encode()) == message


@given(st.binary() | st.text().map(lambda text: f"{HEAD}{text}".encode()))
@example(FULL.encode())
@example(HEAD.encode())
def test_what_is_accepted_is_written_the_same(data: bytes) -> None:
    """Whatever is accepted has one text: rendering it gives the same bytes; all else is refused."""
    try:
        message = parse(data)
    except MalformedMessage:
        return
    assert render(message).encode() == data


@given(st.integers(0, len(FULL) - 1), st.characters(max_codepoint=255))
def test_no_letter_can_be_changed_unseen(at: int, letter: str) -> None:
    """A message with another letter is refused, or read as another message."""
    changed = FULL[:at] + letter + FULL[at + 1 :]
    if changed == FULL:
        return
    try:
        assert parse(changed.encode("latin-1")) != parse(FULL.encode())
    except MalformedMessage:
        return


LINES = FULL.split("\n")


@pytest.mark.parametrize("at", range(len(LINES)))
def test_every_line_has_its_place(at: int) -> None:
    """Left out, doubled, moved to any other place, or with a strange line before it, the text is
    refused, or read as another message."""
    others = LINES[:at] + LINES[at + 1 :]
    texts = [
        others,
        [*LINES[:at], LINES[at], *LINES[at:]],
        [*LINES[:at], "Scope: all", *LINES[at:]],
    ]
    texts += [[*others[:to], LINES[at], *others[to:]] for to in range(len(LINES))]
    for text in ("\n".join(lines) for lines in texts if lines != LINES):
        try:
            assert parse(text.encode()) != parse(FULL.encode())
        except MalformedMessage:
            continue


def test_the_full_message_is_read_field_by_field() -> None:
    """Each field is where the grammar says."""
    assert parse(FULL.encode()) == SignInMessage(
        domain="a.example",
        address=ADDRESS,
        statement="Sign in. It's free!",
        uri="https://a.example/login?next=%2Ftrade",
        version="1",
        chain_id="solana:mainnet",
        nonce="k3x9AbC7",
        issued_at="2026-11-22T10:10:00.000Z",
        expiration_time="2026-11-22T10:15:00Z",
        not_before="2026-11-22T10:09:00+00:00",
        request_id="r-1",
        resources=("https://a.example/terms", "ipfs://bafy"),
    )


_NOT_MESSAGES: dict[str, Any] = {
    "CRLF": FULL.replace("\n", "\r\n"),
    "a line feed at the end": FULL + "\n",
    "a blank line at the end": FULL + "\n\n",
    "bytes behind it": FULL + "\0",
    "a space behind a line": FULL.replace("Version: 1", "Version: 1 "),
    "a tab": FULL.replace("It's", "It's\t"),
    "not ASCII": FULL.replace("free", "frée"),
    "another chain's sentence": FULL.replace("Solana account", "Ethereum account"),
    "a field twice": FULL.replace("Version: 1", "Version: 1\nVersion: 1"),
    "two nonces": FULL.replace("Nonce: k3x9AbC7", "Nonce: k3x9AbC7\nNonce: k3x9AbC8"),
    "fields in another order": FULL.replace(
        "Version: 1\nChain ID: solana:mainnet", "Chain ID: solana:mainnet\nVersion: 1"
    ),
    "an unknown field": FULL.replace("Version: 1", "Version: 1\nScope: all"),
    "a label in another case": FULL.replace("Nonce:", "nonce:"),
    "a label without a space": FULL.replace("Nonce: ", "Nonce:"),
    "a field before the statement": FULL.replace("Sign in. It", "URI: https://b.example\nSign"),
    "a second statement": FULL.replace("\n\nURI", "\n\nAnother.\n\nURI"),
    "a statement of two lines": FULL.replace("Sign in. It", "Sign in.\nIt"),
    "fields twice": FULL + "\n\nURI: https://b.example",
    "three line feeds": FULL.replace("\n\nURI", "\n\n\nURI"),
    "no blank line": FULL.replace("\n\nURI", "\nURI"),
    "version 2": FULL.replace("Version: 1", "Version: 2"),
    "an unknown chain": FULL.replace("solana:mainnet", "eip155:1"),
    "a short nonce": FULL.replace("k3x9AbC7", "k3x9AbC"),
    "a nonce with a dash": FULL.replace("k3x9AbC7", "k3x9-AbC7"),
    "a relative URI": FULL.replace("https://a.example/login", "/login"),
    "a URI with a space": FULL.replace("/login", "/log in"),
    "a URI with half an escape": FULL.replace("%2F", "%2"),
    "a day that does not exist": FULL.replace("2026-11-22T10:10", "2026-02-30T10:10"),
    "a time without a zone": FULL.replace("10:15:00Z", "10:15:00"),
    "a time in words": FULL.replace("2026-11-22T10:15:00Z", "tomorrow"),
    "a resource without a dash": FULL.replace("- ipfs", "ipfs"),
    "a resource that is no URI": FULL.replace("ipfs://bafy", "bafy"),
    "a field behind the resources": FULL + "\nRequest ID: r-2",
    "no domain": FULL.replace("a.example wants", " wants", 1),
    "a user before the domain": FULL.replace("a.example wants", "a.example@b.example wants"),
    "a path behind the domain": FULL.replace("a.example wants", "a.example/b wants"),
    "a domain with a space": FULL.replace("a.example wants", "a. example wants"),
    "no address": FULL.replace(ADDRESS + "\n", "", 1),
    "an address in other letters": FULL.replace(ADDRESS, "0" + ADDRESS[1:]),
    "an address that is too short": FULL.replace(ADDRESS, ADDRESS[:-8]),
    "an address that is too long": FULL.replace(ADDRESS, ADDRESS + "1"),
    "two addresses": FULL.replace(ADDRESS, f"{ADDRESS}\n{ADDRESS}"),
    "too long": FULL + "a" * MAX_BYTES,
    "nothing": "",
}


@pytest.mark.parametrize("text", _NOT_MESSAGES.values(), ids=_NOT_MESSAGES)
def test_what_is_not_in_the_grammar_is_refused(text: str) -> None:
    """Nothing is skipped, trimmed, folded or guessed."""
    with pytest.raises(MalformedMessage):
        parse(text.encode())


def test_a_unicode_domain_that_looks_alike_is_refused() -> None:
    """A Cyrillic letter is not the Latin one: a domain is ASCII."""
    with pytest.raises(MalformedMessage, match="ASCII"):
        parse(FULL.replace("a.example", "а.example").encode())  # noqa: RUF001 - that is the point


def test_a_message_without_an_address_is_not_signed() -> None:
    """The server fills in no address by itself."""
    with pytest.raises(ValueError, match="address"):
        render(SignInMessage(domain="a.example"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:01.5z", 1.5),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:00:00-01:00", 0),
    ],
)
def test_times_are_rfc_3339(text: str, seconds: float) -> None:
    """With any offset, and fractions."""
    assert instant(text) == seconds
