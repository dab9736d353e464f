"""Settings, their documentation, and what an operator reads when one is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import SettingsError
from common.logging import redacted
from common.settings import load_settings
from common.settings_doc import TARGET, env_example
from common.urls import ws_url_of


def test_env_example_is_what_the_settings_say() -> None:
    """.env.example lists every setting as the code knows it."""
    assert TARGET.read_text() == env_example()


@pytest.mark.parametrize(
    ("rpc", "ws"),
    [
        ("http://127.0.0.1:8899", "ws://127.0.0.1:8900"),
        ("https://node.example", "wss://node.example"),
        ("https://node.example/?api-key=x", "wss://node.example/?api-key=x"),
        ("http://user:pw@host:8899/path", "ws://user:pw@host:8900/path"),
        ("http://[::1]:8899", "ws://[::1]:8900"),
    ],
)
def test_pubsub_url_follows_from_the_rpc_url(rpc: str, ws: str) -> None:
    """Without SOLANA_WS_URL the PubSub endpoint is the RPC's, with port + 1 where it names one."""
    assert ws_url_of(rpc) == ws


def test_a_wrong_setting_is_named_with_value_reason_and_purpose(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An error names every wrong setting, its value, what is wrong with it and what it is for; a
    secret's value is never shown."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOLANA_RPC_URL", "s3cret-without-scheme")
    monkeypatch.setenv("WEBSOCKET_PORT", "99999")
    monkeypatch.setenv("WEBSOCKET_MAX_CONNECTIONS", "many")
    monkeypatch.setenv("INDEXER_COMMITMENT", "sure")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    text = str(caught.value)
    assert "SOLANA_RPC_URL=***: is not a URL with scheme and host (JSON-RPC URL of" in text
    assert "WEBSOCKET_PORT='99999': should be less than or equal to 65535 (Port of API" in text
    assert "WEBSOCKET_MAX_CONNECTIONS='many': should be a valid integer" in text
    assert "INDEXER_COMMITMENT='sure': should be 'processed', 'confirmed' or 'finalized'" in text
    assert ".env.example" in text
    assert "s3cret" not in text


def test_the_names_of_the_hubs_settings() -> None:
    """Host, port and most connections of the WebSocket are called what operators expect."""
    settings = load_settings(
        _env_file=None, websocket_host="::1", websocket_port=1, websocket_max_connections=2
    )
    names = ("WEBSOCKET_HOST", "WEBSOCKET_PORT", "WEBSOCKET_MAX_CONNECTIONS")
    assert [getattr(settings, name.lower()) for name in names] == ["::1", 1, 2]


def test_an_empty_variable_means_not_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """FOO= in a compose file leaves the default."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOLANA_WS_URL", "")
    monkeypatch.setenv("SOLANA_RPC_URL", "https://node.example")
    assert load_settings().ws_url == "wss://node.example"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("postgresql://me:hunter2@host/db", "hunter2"),
        ("wss://rpc.example/?api-key=abc123&x=1", "abc123"),
        ('"GET /api/v1/websocket/ws?room=global&token=eyJhbGci HTTP/1.1"', "eyJhbGci"),
        ("?ticket=t0p", "t0p"),
        ("Authorization: Bearer abc.def-ghi", "abc.def"),
        ("('authorization', 'Basic dXNlcjpwdw==')", "dXNlcjpwdw"),
        ("cookie: a=b; curvefeed_refresh=s3cret; c=d", "s3cret"),
        ("cookie: __Secure-curvefeed_asker=s3cret", "s3cret"),
        ('{"token":"eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ3YWxsZXQifQ.c2lnbmF0dXJl"}', "eyJ"),
        ("Refused('eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ3YWxsZXQifQ.')", "eyJ"),
        ("ticket cft_AAAABBBBCCCCDDDDEEEEFFFF was refused", "AAAABBBB"),
        ("{'refresh': 'cfr_AAAABBBBCCCCDDDDEEEEFFFF'}", "AAAABBBB"),
    ],
)
def test_logs_show_no_credentials(text: str, hidden: str) -> None:
    """Passwords in URLs, tokens, tickets and providers' keys are cut out of every log line."""
    assert hidden not in redacted(text)
    assert "***" in redacted(text)


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """NAME_FILE names the file that holds NAME; an empty file means "not set"."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "url").write_text("postgresql://me:hunter2@host/db\n")
    (tmp_path / "nothing").write_text("\n")
    monkeypatch.delenv("SOLANA_RPC_URL", raising=False)
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("SOLANA_RPC_URL_FILE", str(tmp_path / "nothing"))
    settings = load_settings(_env_file=None)
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://me:hunter2@host/db"
    assert settings.is_localnet


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"ADMIN_TOKEN_FILE": "/nowhere/admin_token"}, "can't be read"),
        ({"ADMIN_TOKEN_FILE": "/etc/hostname", "ADMIN_TOKEN": "s3cret"}, "both ADMIN_TOKEN and"),
    ],
)
def test_a_secrets_file_that_cannot_be_meant_is_refused(
    variables: dict[str, str], reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file that isn't there and a secret that is said twice end the start, without the secret."""
    monkeypatch.chdir(tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=reason) as caught:
        load_settings()
    assert "s3cret" not in str(caught.value)
