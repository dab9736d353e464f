"""The command line: what each command takes. compose.py puts the parts together."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import developing
from common.errors import CurvefeedError, GiveUp
from common.lifecycle import run_until_stopped
from common.logging import configure_logging
from common.settings import Settings, load_settings
from compose import (
    KeyAction,
    run_apikey,
    run_audit,
    run_backup,
    run_epoch,
    run_index,
    run_migrate,
    run_rebuild,
    run_relay_alone,
    run_replay,
    run_requeue,
    run_restore,
    run_retention,
    run_serve,
    run_traders,
    run_up,
)
from db.api_keys import NewKey
from localnet.node import run_localnet
from localnet.surfpool import run_surfpool
from programs.decode_file import decode_file

app = typer.Typer(
    help="curvefeed: Solana's bonding curves, decoded, stored and pushed to the browser.",
    pretty_exceptions_enable=False,
    add_completion=False,
)


app.add_typer(developing.app)


class NodeKind(StrEnum):
    """What runs the localnet."""

    LITESVM = "litesvm"
    SURFPOOL = "surfpool"


Port = Annotated[int | None, typer.Option(help="Port of API, WebSocket and page.")]
DataDir = Annotated[Path | None, typer.Option(help="Folder of the embedded Postgres.")]
Pace = Annotated[float | None, typer.Option(help="Average trades per second of the demo traders.")]
NoPage = Annotated[bool, typer.Option("--no-page", help="Neither build nor serve the page.")]
Files = Annotated[list[Path], typer.Argument(exists=True, dir_okay=False)]
OwnPrograms = Annotated[
    list[str] | None,
    typer.Option("--program", help="ADDRESS=FILE.so: a program of yours on the localnet; repeat."),
]


def configured(**options: object) -> Settings:
    """Settings with the options given on the command line above the environment's."""
    settings = load_settings(
        **{name: value for name, value in options.items() if value is not None}
    )
    configure_logging(settings.log_level, settings.log_format)
    return settings


@app.command()
def up(
    port: Port = None,
    data_dir: DataDir = None,
    no_traders: Annotated[bool, typer.Option(help="A localnet without demo traders.")] = False,
    no_page: NoPage = False,
    trades_per_second: Pace = None,
    program: OwnPrograms = None,
) -> None:
    """Everything on this machine: database, localnet, demo traders, indexer, API and page."""
    pace = 0 if no_traders else trades_per_second
    settings = configured(
        websocket_port=port, data_dir=data_dir, localnet_trades_per_second=pace,
        localnet_programs=",".join(program) if program else None,
    )  # fmt: skip
    run_until_stopped(run_up(settings, with_page=not no_page))


@app.command()
def localnet(
    port: Annotated[int | None, typer.Option(help="RPC port; PubSub is at port + 1.")] = None,
    slot_ms: Annotated[int | None, typer.Option(help="Length of a slot.")] = None,
    node: Annotated[NodeKind, typer.Option(help="Ours, or Surfpool from npm.")] = NodeKind.LITESVM,
    program: OwnPrograms = None,
) -> None:
    """A Solana chain on this machine, with the launchpad's program, without traders."""
    settings = configured(
        localnet_port=port, localnet_slot_ms=slot_ms,
        localnet_programs=",".join(program) if program else None,
    )  # fmt: skip
    work = run_surfpool if node is NodeKind.SURFPOOL else run_localnet
    run_until_stopped(work(settings))


@app.command()
def traders(
    trades_per_second: Pace = None,
    seed: Annotated[int | None, typer.Option(help="Seed of their choices.")] = None,
) -> None:
    """Demo traders on SOLANA_RPC_URL: for Surfpool, solana-test-validator or `./run localnet`."""
    settings = configured(localnet_trades_per_second=trades_per_second, localnet_seed=seed)
    run_until_stopped(run_traders(settings))


@app.command()
def index(data_dir: DataDir = None) -> None:
    """The indexer alone: from the node into Postgres."""
    run_until_stopped(run_index(configured(data_dir=data_dir)))


@app.command()
def serve(port: Port = None, data_dir: DataDir = None, no_page: NoPage = False) -> None:
    """The API alone: REST, WebSocket and page, from Postgres."""
    settings = configured(websocket_port=port, data_dir=data_dir)
    run_until_stopped(run_serve(settings, with_page=not no_page))


@app.command()
def relay(data_dir: DataDir = None) -> None:
    """The feed from Postgres to NATS (FEED_URL), for many hubs; of several one works."""
    run_until_stopped(run_relay_alone(configured(data_dir=data_dir)))


@app.command()
def migrate(data_dir: DataDir = None) -> None:
    """Bring the database's schema to this version's."""
    run_until_stopped(run_migrate(configured(data_dir=data_dir)))


@app.command()
def replay(files: Files, data_dir: DataDir = None) -> None:
    """Recorded notifications or transactions through the real pipeline, into the database."""
    run_until_stopped(run_replay(configured(data_dir=data_dir), files))


@app.command()
def requeue(data_dir: DataDir = None) -> None:
    """Decode what lies in quarantine again, after an upgrade, each transaction once."""
    run_until_stopped(run_requeue(configured(data_dir=data_dir)))


@app.command()
def rebuild(data_dir: DataDir = None) -> None:
    """Make all that is folded anew of the stored events; goes on where it was stopped."""
    run_until_stopped(run_rebuild(configured(data_dir=data_dir)))


@app.command()
def retention(data_dir: DataDir = None) -> None:
    """Drop what is older than RETENTION_… say; without these settings, nothing."""
    run_until_stopped(run_retention(configured(data_dir=data_dir)))


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="A file that is not there yet.")],
    data_dir: DataDir = None,
) -> None:
    """The whole database into one file, beside running processes."""
    run_until_stopped(run_backup(configured(data_dir=data_dir), file))


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A backup.")],
    data_dir: DataDir = None,
) -> None:
    """A backup into an empty database, with a new epoch: clients start afresh."""
    run_until_stopped(run_restore(configured(data_dir=data_dir), file))


@app.command()
def epoch(data_dir: DataDir = None) -> None:
    """A new epoch of the feed, after a database was set back by other means than `restore`."""
    run_until_stopped(run_epoch(configured(data_dir=data_dir)))


@app.command()
def audit(
    from_slot: Annotated[int, typer.Option(help="First slot.", min=0)],
    to_slot: Annotated[int, typer.Option(help="Last slot.", min=0)],
    repair: Annotated[bool, typer.Option("--repair", help="Store what is missing.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Slots against the node's own list, whatever the ledger says; --repair stores what lacks."""
    settings = configured(data_dir=data_dir)
    run_until_stopped(run_audit(settings, from_slot, to_slot, is_repairing=repair))


@app.command()
def apikey(
    action: KeyAction,
    name: Annotated[str, typer.Argument(help="Whose key it is; for create and revoke.")] = "",
    per_minute: Annotated[int, typer.Option(help="Requests a minute.", min=1)] = 600,
    per_day: Annotated[int | None, typer.Option(help="Requests a day (UTC).", min=1)] = None,
    data_dir: DataDir = None,
) -> None:
    """Keys of the REST API (see API_KEYS): create NAME prints one, revoke NAME, list."""
    if not name and action is not KeyAction.LIST:
        raise GiveUp("a key has a name", hint=f"./run apikey {action} NAME")
    key = NewKey(name=name, per_minute=per_minute, per_day=per_day)
    run_until_stopped(run_apikey(configured(data_dir=data_dir), action, key))


@app.command()
def doctor(data_dir: DataDir = None) -> None:
    """Check versions, database, node and ports; prints what to paste into an issue."""
    from doctor import examine

    run_until_stopped(examine(configured(data_dir=data_dir)))


@app.command()
def decode(files: Files) -> None:
    """Recorded transactions or notifications to events: one JSON line per file on stdout."""
    is_whole = True
    for path in files:
        try:
            # The standard library's: sqrt prices pass 64 bits, which msgspec refuses.
            typer.echo(json.dumps(decode_file(str(path), path.read_bytes())))
        except GiveUp as error:
            is_whole = False
            typer.echo(f"{path}: {error}", err=True)
    if not is_whole:
        raise typer.Exit(1)


def main() -> None:
    """Run a command; an error of ours is one line that says what to do."""
    first = sys.argv[1] if len(sys.argv) > 1 else ""
    if not first or (first.startswith("-") and first != "--help"):
        sys.argv.insert(1, "up")
    try:
        app()
    except CurvefeedError as error:
        typer.echo(f"curvefeed: {error}", err=True)
        sys.exit(1)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"benchmarks", "chaos", "supply", "tests"}:
            raise
        typer.echo("curvefeed: this command needs a clone of the repository: ./run there", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
