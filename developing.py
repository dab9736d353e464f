"""Commands for who extends curvefeed or works on it; most need a clone. main.py has the others."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated

import typer

from common.lifecycle import run_until_stopped
from common.logging import configure_logging
from programs.interface import InstructionKind
from programs.interface_file import read_interface

app = typer.Typer()


@app.command()
def interface(
    idl: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An Anchor IDL.")],
    name: Annotated[str, typer.Option(help="Short name of the launchpad.")],
    event: Annotated[list[str] | None, typer.Option(help="An event to read; repeat.")] = None,
    buy: Annotated[list[str] | None, typer.Option(help="An instruction that buys.")] = None,
    sell: Annotated[list[str] | None, typer.Option(help="One that sells.")] = None,
    trade: Annotated[list[str] | None, typer.Option(help="One that does either.")] = None,
    create: Annotated[list[str] | None, typer.Option(help="One that makes a token.")] = None,
    migrate: Annotated[list[str] | None, typer.Option(help="One that ends a curve.")] = None,
    out: Annotated[Path | None, typer.Option(help="A file instead of stdout.")] = None,
) -> None:
    """A program's Anchor IDL as programs/idl/NAME.json wants it."""
    kinds: dict[InstructionKind, list[str] | None]
    kinds = {"buy": buy, "sell": sell, "trade": trade, "create": create, "migrate": migrate}
    text = read_interface(idl, name, event or [], kinds)
    if out is None:
        typer.echo(text)
    else:
        out.write_text(f"{text}\n")


@app.command()
def program(
    source: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A C file.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
) -> None:
    """Compile a program in C for the localnet (--program), without any Solana install."""
    from programs.onchain.build import build_for_localnet

    out.write_bytes(build_for_localnet(source))
    typer.echo(f"· {out}: {out.stat().st_size} bytes")


@app.command()
def sbom(
    out: Annotated[Path, typer.Option(help="The folder to write to.", file_okay=False)],
) -> None:
    """Bills of materials, as CycloneDX: of the Python packages, and of the page's."""
    for path in importlib.import_module("supply.sbom").write_bills(out):
        typer.echo(f"· {path}")


@app.command()
def vulnerabilities() -> None:
    """What is publicly known against the locked packages; says what it could not ask."""
    raise typer.Exit(importlib.import_module("supply.vulnerabilities").main())


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="A benchmark, or all: then it is recorded.")],
    record: Annotated[
        bool, typer.Option("--record", help="Keep it in benchmarks/RESULTS.md.")
    ] = False,
    runs: Annotated[int, typer.Option(help="Recorded: medians of so many.", min=1)] = 1,
) -> None:
    """Measure: one JSON line per figure on stdout, a table on stderr."""
    importlib.import_module("benchmarks.__main__").main(name, runs, is_recorded=record)


@app.command()
def chaos(
    seeds: Annotated[int, typer.Option(help="How many scenarios.", min=1)] = 10,
    first_seed: Annotated[int, typer.Option(help="The first one's seed.")] = 1,
    time_scale: Annotated[float, typer.Option(help="Of outages of 2 to 60 s.", min=0.01)] = 0.1,
    only: Annotated[str, typer.Option(help="Comma-separated faults; others stay away.")] = "",
    without: Annotated[str, typer.Option(help="Comma-separated faults to leave out.")] = "",
    bound: Annotated[float, typer.Option(help="Seconds to be right after the last fault.")] = 10,
    plan: Annotated[Path | None, typer.Option(help="A plan.json instead of seeds.")] = None,
    sustained: Annotated[bool, typer.Option("--sustained", help="A steady loss instead.")] = False,
    drop: Annotated[float, typer.Option(help="Sustained: share lost.", min=0, max=1)] = 0.05,
    trades_per_second: Annotated[
        float | None, typer.Option(help="Sustained (300), mixed and delivery (200): pace.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="Sustained: how long.")] = 300,
    delivery: Annotated[
        bool, typer.Option("--delivery", help="Resuming clients of three hubs instead.")
    ] = False,
    apart: Annotated[bool, typer.Option("--apart", help="Delivery: each fault by itself.")] = False,
    mixed: Annotated[bool, typer.Option("--mixed", help="All of it at once instead.")] = False,
    minutes: Annotated[float, typer.Option(help="Mixed: how long.", min=0.5)] = 30,
    clients: Annotated[int, typer.Option(help="Mixed: how many.", min=1)] = 500,
) -> None:
    """Seeded faults against real processes; exit status 0 only if the chain's ledger agrees."""
    from chaos.delivery import DeliveryOptions
    from chaos.delivery import delivery as run_delivery
    from chaos.mixed import MixedOptions
    from chaos.mixed import mixed as run_mixed
    from chaos.run import ChaosOptions
    from chaos.run import chaos as run_chaos
    from chaos.sustained import SustainedOptions
    from chaos.sustained import sustained as run_sustained

    configure_logging("error", "console")
    if sustained:
        steady = SustainedOptions(
            drop=drop, trades_per_second=trades_per_second or 300, seconds=seconds
        )
        run_until_stopped(run_sustained(steady, typer.echo))
        return
    if mixed:
        everything = MixedOptions(
            minutes=minutes, trades_per_second=trades_per_second or 200, clients=clients,
            seed=first_seed,
        )  # fmt: skip
        run_until_stopped(run_mixed(everything, typer.echo))
        return
    if delivery:
        resuming = DeliveryOptions(
            time_scale=time_scale, only=names_in(only), is_apart=apart,
            per_s=trades_per_second or 200,
        )  # fmt: skip
        run_until_stopped(run_delivery(resuming, typer.echo))
        return
    options = ChaosOptions(
        seeds=seeds, first_seed=first_seed, time_scale=time_scale,
        only=names_in(only), without=names_in(without), bound_s=bound, plan=plan,
    )  # fmt: skip
    run_until_stopped(run_chaos(options, typer.echo))


@app.command()
def soak(
    minutes: Annotated[float, typer.Option(help="How long.", min=0.1)] = 15,
    warm_up: Annotated[float, typer.Option(help="Minutes of it that don't count.")] = 5,
    clients: Annotated[int, typer.Option(help="Clients, some of which come and go.")] = 60,
    rate: Annotated[float, typer.Option(help="Events per second.")] = 100,
    nats: Annotated[bool, typer.Option("--nats", help="The feed over NATS.")] = False,
) -> None:
    """A hub under load for a while; exit status 0 only if its memory and tasks do not grow."""
    from chaos.soak import SoakOptions
    from chaos.soak import soak as run_soak

    configure_logging("error", "console")
    options = SoakOptions(
        minutes=minutes, warm_up_minutes=warm_up, clients=clients, per_s=rate, nats=nats
    )
    run_until_stopped(run_soak(options, typer.echo))


def names_in(text: str) -> tuple[str, ...]:
    """The names of a comma-separated list."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context) -> None:
    """Every check and every test; with arguments, only pytest, with those."""
    raise typer.Exit(importlib.import_module("tests.__main__").main(context.args))


@app.command()
def lint() -> None:
    """Formatting, types, layers and the page's own checks."""
    raise typer.Exit(importlib.import_module("tests.lint").main())
