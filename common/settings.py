"""Every setting, in one frozen object; a field's name in capitals is its environment variable."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from common.secret_files import SecretFiles
from common.settings_websocket import WebSocketSettings
from common.urls import urls_in, ws_url_of
from common.wrong_settings import wrong_settings

# Where containers get secrets as files, named like the settings: /run/secrets/database_url
_SECRETS = Path("/run/secrets")

Commitment = Literal["processed", "confirmed", "finalized"]


class Settings(WebSocketSettings):
    """Read once, in main.py, from the environment and `.env`; everything else gets it handed in."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,  # FOO= in a compose file means "not set"
        secrets_dir=_SECRETS if _SECRETS.is_dir() else None,
        extra="ignore",
        frozen=True,
    )

    # Where data lives
    data_dir: Path = Field(
        Path(".data"), description="Folder of the embedded Postgres and of caches."
    )
    database_url: SecretStr | None = Field(
        None,
        description="postgresql://… of your Postgres ≥ 15. Without it, an embedded one starts.",
    )
    database_pool_size: int = Field(10, ge=4, le=200, description="Connections each process opens.")

    feed_url: SecretStr | None = Field(
        None,
        description="nats://host:4222[/stream]; several servers comma-separated. Hubs then get the "
        "feed from NATS JetStream, where `./run relay` publishes it. Default: from Postgres.",
    )

    # What `./run retention` drops; 0 keeps all of it
    retention_trades_days: int = Field(
        0, ge=0, description="Age from which trades go, an epoch's partition at a time."
    )
    retention_second_candles_days: int = Field(
        0, ge=0, description="Age from which candles of a second go; longer ones stay."
    )
    retention_feed_hours: int = Field(
        0, ge=0, description="Age from which rows of the feed go: none is replayed after minutes."
    )
    retention_prices_days: int = Field(
        0, ge=0, description="Age from which prices of quote tokens go; trades keep their own."
    )

    # The chain
    solana_rpc_url: SecretStr | None = Field(
        None,
        description="JSON-RPC URL of a live cluster; several, comma-separated, the preferred one "
        "first. Without it, the localnet starts.",
    )
    solana_ws_url: SecretStr | None = Field(
        None,
        description="PubSub URL of each. Default: the RPC URL as ws(s), with port + 1 if it names "
        "one.",
    )
    indexer_programs: str = Field(
        "pump", description="Comma-separated launchpads to index, by name (see docs)."
    )
    indexer_commitment: Commitment = Field(
        "confirmed", description="Commitment at which events are read."
    )
    indexer_start_slot: int | None = Field(
        None,
        ge=0,
        description="First slot to index where nothing is stored yet. Default: a live cluster's "
        "tip, the localnet's beginning.",
    )
    indexer_stall_seconds: float = Field(
        30, gt=0, description="Silence of the node's stream after which to reconnect."
    )
    indexer_max_pending: int = Field(
        10_000,
        ge=100,
        description="Notifications buffered while Postgres is slow; then reading stops.",
    )
    indexer_batch_rows: int = Field(
        1_000, ge=1, le=10_000, description="Most updates in one commit."
    )
    indexer_sweep_seconds: float = Field(
        0.5, ge=0.05, le=60, description="Pause between looks at what the subscription left out."
    )
    indexer_cross_check_seconds: float = Field(
        0,
        ge=0,
        le=3_600,
        description="Pause between comparisons of what two endpoints list; 0: none. Each costs two "
        "lists of signatures per launchpad.",
    )
    indexer_finality: Literal["auto", "classic", "alpenglow"] = Field(
        "auto", description="How the cluster says what is final; auto asks it."
    )
    indexer_block_density: float = Field(
        500,
        ge=0,
        description="Transactions of a launchpad per slot above which whole blocks are read, not "
        "signatures. Public endpoints often limit getBlock.",
    )
    rpc_requests_per_second: float = Field(
        50, gt=0, description="Limit of calls to the JSON-RPC endpoint."
    )

    # The API: WEBSOCKET_… are in common/settings_websocket.py
    trusted_proxies: str = Field(
        "",
        description="Comma-separated addresses or networks of your proxies: from them alone "
        "X-Forwarded-For and -Proto are believed. Default: nobody.",
    )
    admin_token: SecretStr | None = Field(
        None, description="Bearer token of administrative calls. Without it they are refused."
    )

    # REST
    database_read_url: SecretStr | None = Field(
        None,
        description="postgresql://… of a read replica: REST reads there. Default: the database.",
    )
    api_pool_size: int = Field(
        8, ge=1, le=200, description="Connections of each process that REST reads with."
    )
    api_statement_timeout_ms: int = Field(
        2_000,
        ge=50,
        le=60_000,
        description="Time a read may take in Postgres; then the answer is 504.",
    )
    api_keys: Literal["off", "optional", "required"] = Field(
        "off",
        description="Keys of the REST API (`./run apikey create NAME`). optional: without one, "
        "API_ANONYMOUS_PER_MINUTE counts. required: 401 without one; so does the page.",
    )
    api_anonymous_per_minute: int = Field(
        600,
        ge=1,
        description="Requests a minute and address without a key, where keys are optional.",
    )
    king_of_the_hill_bps: int = Field(
        5_000,
        ge=0,
        le=10_000,
        description="Progress of its curve from which a token may be king of the hill.",
    )

    # Sign-in
    auth_signing_keys: SecretStr | None = Field(
        None,
        description="kid:base64[,kid:base64] of 32 random bytes each: the first signs access "
        "tokens, all verify them. Without it there is no sign-in, but on the localnet.",
    )
    auth_origins: str = Field(
        "",
        description="Comma-separated origins of pages on which people may sign in, such as "
        "https://curvefeed.example. The localnet also takes every page of this machine.",
    )
    auth_chain: Literal["mainnet", "testnet", "devnet", "localnet"] | None = Field(
        None, description="Chain named to the wallet. Default: localnet, or mainnet if it is live."
    )
    auth_access_s: int = Field(
        600, ge=60, le=900, description="Life of an access token; a refresh gives another."
    )
    auth_session_days: int = Field(
        7, ge=1, le=90, description="Days after which a wallet must sign again."
    )
    auth_offchain_messages: bool = Field(
        False,
        description="Accept messages signed inside Solana's off-chain envelope (hardware wallets).",
    )
    auth_open_wallets: bool | None = Field(
        None,
        description="Let anybody into user_{wallet} rooms, not only the wallet. Default: on the "
        "localnet alone.",
    )
    auth_attempts_per_minute: int = Field(
        20, ge=1, le=100_000, description="Attempts to sign in, per address and per wallet."
    )
    auth_renewals_per_minute: int = Field(
        60, ge=1, le=100_000, description="Refreshes and tickets, per address and per wallet."
    )

    # Trading
    trading_enabled: bool | None = Field(
        None,
        description="Build and relay transactions, which wallets sign; each is simulated first. "
        "Default: on the localnet alone.",
    )
    trading_requests_per_minute: int = Field(
        300, ge=1, le=1_000_000, description="Calls of the trading API per address."
    )

    # Dollars
    usd_prices: str | None = Field(
        None,
        description="Space-separated MINT=SOURCE: dollars of a quote mint, by fixed:150, "
        "pyth:ACCOUNT or https://host/path#field.of.json. SOL stands for its mint. Default: none; "
        "on the localnet a fixed one that is marked as a demo.",
    )
    usd_stale_s: int = Field(
        60, ge=1, le=86_400, description="Age from which a price is not used any more."
    )

    # What tokens say of themselves off-chain
    metadata_enabled: bool = Field(
        True, description="Fetch tokens' JSON and pictures from where their creators put them."
    )
    metadata_ipfs_gateways: str = Field(
        "https://ipfs.io,https://dweb.link",
        description="Comma-separated origins that serve /ipfs/…, tried in this order.",
    )
    metadata_private_networks: str = Field(
        "",
        description="Comma-separated networks to fetch from though they are not public. Nobody "
        "else's tokens should make this server call your own machines: default none.",
    )

    # The localnet
    localnet_host: str = Field(
        "127.0.0.1", description="Address `./run localnet` listens on, and others find it at."
    )
    localnet_port: int = Field(8899, ge=0, le=65534, description="RPC port; PubSub is at port + 1.")
    localnet_slot_ms: int = Field(400, ge=10, le=10_000, description="Length of a slot.")
    localnet_trades_per_second: float = Field(
        5, ge=0, le=2_000, description="Pace of demo traders."
    )
    localnet_seed: int = Field(1, description="Seed of the demo traders' choices.")
    localnet_programs: str = Field(
        "", description="Comma-separated ADDRESS=FILE.so: programs of your own on it (--program)."
    )

    # What operators see
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Port on which `index` and `relay` serve /metrics, on WEBSOCKET_HOST; the API "
        "has its own. Default: none.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level."
    )
    log_format: Literal["console", "json"] = Field("console", description="For people or machines.")
    tracing_enabled: bool = Field(
        False,
        description="Send OpenTelemetry spans (extra `otel`) to where its OTEL_… variables say.",
    )

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource,
        **named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:  # fmt: skip
        """Options, environment, `.env`, NAME_FILE, /run/secrets: the first that says it wins."""
        *before, folder = (*sources, *named.values())
        return *before, SecretFiles(settings_cls), folder

    @field_validator(
        "solana_rpc_url", "solana_ws_url", "database_url", "feed_url", "database_read_url"
    )
    @classmethod
    def _has_scheme(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not all(urlsplit(url).netloc for url in urls_in(value)):
            raise ValueError("is not a URL with scheme and host")
        return value

    @field_validator("trusted_proxies", "metadata_private_networks")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for each in filter(None, (part.strip() for part in value.split(","))):
            ip_network(each)  # its ValueError says what is wrong
        return value

    @property
    def is_localnet(self) -> bool:
        """No live cluster is configured: the chain runs on this machine."""
        return self.solana_rpc_url is None

    @property
    def auth_chain_id(self) -> str:
        """The chain a wallet is told it signs in to."""
        return f"solana:{self.auth_chain or ('localnet' if self.is_localnet else 'mainnet')}"

    @property
    def rpc_url(self) -> str:
        """JSON-RPC endpoint: the live cluster's preferred one or the localnet's."""
        return self.endpoints[0][0]

    @property
    def ws_url(self) -> str:
        """PubSub endpoint that belongs to it."""
        return self.endpoints[0][1]

    @property
    def endpoints(self) -> tuple[tuple[str, str], ...]:
        """JSON-RPC and PubSub URL of every endpoint, the preferred one first."""
        own = f"http://{self.localnet_host}:{self.localnet_port}"
        calls = urls_in(self.solana_rpc_url) or [own]
        streams = urls_in(self.solana_ws_url)
        derived = [ws_url_of(url) for url in calls[len(streams) :]]
        return tuple(zip(calls, [*streams, *derived], strict=False))

    @property
    def program_names(self) -> tuple[str, ...]:
        """Launchpads to index, in the order given."""
        return tuple(name.strip() for name in self.indexer_programs.split(",") if name.strip())


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment, `.env` and `overrides`.

    Raises SettingsError naming every wrong setting with its value (not of secrets), why, and what
    it is for.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise wrong_settings(error, Settings) from None
