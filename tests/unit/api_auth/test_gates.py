"""Who may ask at all: pages by their origin, and how often."""

from __future__ import annotations

import pytest

from api.services.auth.errors import SignInRefused
from api.services.auth.origins import SignInOrigins
from api.services.auth.rates import Attempts, address_key
from common.errors import SettingsError
from tests.conftest import SettingsFactory

LIVE = {"solana_rpc_url": "https://node.example"}


def test_only_the_settings_pages_may_sign_in_on_a_live_cluster(settings: SettingsFactory) -> None:
    """By their exact origin."""
    origins = SignInOrigins(settings(**LIVE, auth_origins="https://a.example, https://b.example/"))
    assert origins.of(["https://a.example"]).domain == "a.example"
    assert origins.of(["https://b.example"]).is_secure


@pytest.mark.parametrize(
    "header",
    [
        "http://a.example",
        "https://a.example:8443",
        "https://www.a.example",
        "https://evil-a.example",
        "https://a.example.evil.example",
        "https://a.example/",
        "https://A.example",
        "https://а.example",  # noqa: RUF001 - Cyrillic
        "null",
        "",
        "http://localhost:8001",
    ],
)
def test_every_other_page_is_refused(settings: SettingsFactory, header: str) -> None:
    """Another scheme, port, subdomain, suffix, prefix, case, alphabet; sandboxes; local pages."""
    origins = SignInOrigins(settings(**LIVE, auth_origins="https://a.example"))
    with pytest.raises(SignInRefused) as caught:
        origins.of([header])
    assert caught.value.code == "origin_forbidden"
    assert caught.value.status == 403


def test_two_origins_are_refused(settings: SettingsFactory) -> None:
    """A browser sends one."""
    origins = SignInOrigins(settings(**LIVE, auth_origins="https://a.example"))
    with pytest.raises(SignInRefused):
        origins.of(["https://a.example", "https://a.example"])


def test_a_program_speaks_for_the_first_page(settings: SettingsFactory) -> None:
    """Without an Origin there is no browser that could be misled."""
    origins = SignInOrigins(settings(**LIVE, auth_origins="https://a.example,https://b.example"))
    assert origins.of([]).text == "https://a.example"


@pytest.mark.parametrize("host", ["localhost:3000", "127.0.0.1:8001", "[::1]:8001", "localhost"])
def test_on_the_localnet_every_page_of_this_machine_may(
    settings: SettingsFactory, host: str
) -> None:
    """On any port: the page's dev server, too."""
    assert SignInOrigins(settings()).of([f"http://{host}"]).domain == host


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io"])
def test_a_rebound_name_is_not_this_machine(settings: SettingsFactory, host: str) -> None:
    """What counts is the name in the address bar, not where it leads."""
    with pytest.raises(SignInRefused):
        SignInOrigins(settings()).of([f"http://{host}"])


@pytest.mark.parametrize("value", ["a.example", "https://a.example/page", "https://A.example"])
def test_an_origin_in_the_settings_is_an_origin(settings: SettingsFactory, value: str) -> None:
    """Anything else would never match: it is said at the start."""
    with pytest.raises(SettingsError, match="AUTH_ORIGINS"):
        SignInOrigins(settings(auth_origins=value))


def test_a_live_clusters_page_is_served_over_tls(settings: SettingsFactory) -> None:
    """Its refresh token is a cookie."""
    with pytest.raises(SettingsError, match="https"):
        SignInOrigins(settings(**LIVE, auth_origins="http://a.example"))


def test_attempts_are_counted_by_key_and_come_back() -> None:
    """So many at once, so many a minute, each key for itself; the refusal says how long to wait."""
    attempts = Attempts(3)
    for _ in range(3):
        attempts.take("a", 0.0)
    with pytest.raises(SignInRefused) as caught:
        attempts.take("a", 0.0)
    assert caught.value.code == "rate_limited"
    assert caught.value.status == 429
    assert caught.value.retry_after_s == pytest.approx(20)
    attempts.take("b", 0.0)
    attempts.take("a", 20.0)
    with pytest.raises(SignInRefused):
        attempts.take("a", 20.0)


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("unix", "unix", True),
    ],
)
def test_an_address_is_its_64_in_ipv6(one: str, other: str, are_same: bool) -> None:
    """A single user of IPv6 has 2^64 addresses."""
    assert (address_key(one) == address_key(other)) is are_same


def test_many_addresses_do_not_fill_the_memory() -> None:
    """The longest untouched is forgotten first; who goes on trying is not."""
    attempts = Attempts(1, max_keys=2)
    attempts.take("busy", 0.0)
    for number in range(5):
        attempts.take(f"other {number}", 0.0)
        with pytest.raises(SignInRefused):
            attempts.take("busy", 0.0)
    attempts.take("other 0", 0.0)
