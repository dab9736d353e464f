"""The first seconds of the trading page, as Lighthouse (fetched by npm for this) judges them.

The token has traded and the market is quiet. The peer of each figure is a page of one sentence and
no script from the same server, judged in the same minute: what this machine lets a page reach.
"mobile" and "desktop" are Lighthouse's own simulated devices and networks. They take this machine
for one of 1500 points in its own benchmark (a good desktop); "…_calibrated" tells it by how much
that is wrong today, so that the simulated device is the one that is meant.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from api.server import ApiServer
from benchmarks.figure import Figure
from benchmarks.history import key_of
from benchmarks.page import database, goal, market, one_by_one, output_of, serving
from common.settings import load_settings
from db.pool import Pool
from db.writer import Writer
from frontend.build import install, npm
from indexer.commit import Batch, commit
from programs.keys import b58

LIGHTHOUSE = "lighthouse@13.0.1"
RUNS = int(os.environ.get("LIGHTHOUSE_RUNS", "3"))
TRADES, BATCH = 2_000, 100
KINDS = {"mobile": ((), 4.0), "desktop": (("--preset=desktop",), 1.0)}
"""Flags, and how many times slower than this machine the simulated processor is."""
REFERENCE_INDEX = 1_500
METRICS = {
    "fcp": ("first-contentful-paint", "ms"),
    "lcp": ("largest-contentful-paint", "ms"),
    "tbt": ("total-blocking-time", "ms"),
    "speed_index": ("speed-index", "ms"),
    "cls": ("cumulative-layout-shift", ""),
}
SENTENCE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>One sentence</title>
<meta name="viewport" content="width=device-width"><meta name="description" content="A sentence.">
</head><body><main><h1>One sentence</h1><p>Nothing is loaded after this.</p></main></body></html>"""


class Verdict(msgspec.Struct):
    """Of one run: scores from 0 to 100, metrics as named above, points of the machine."""

    scores: dict[str, float]
    metrics: dict[str, float]
    index: float


async def judged(url: str, flags: tuple[str, ...]) -> Verdict:
    """What Lighthouse says of this page."""
    chromium = shutil.which("chromium") or os.environ["CHROMIUM"]
    command = npm(
        "exec", "--yes", f"--package={LIGHTHOUSE}", "--", "lighthouse", url, "--output=json",
        "--quiet", "--only-categories=performance,accessibility",
        "--chrome-flags=--headless=new --no-sandbox --disable-gpu", *flags,
    )  # fmt: skip
    report = json.loads(await output_of(command, {"CHROME_PATH": chromium}))
    return Verdict(
        scores={name: 100 * one["score"] for name, one in report["categories"].items()},
        metrics={
            name: report["audits"][audit]["numericValue"] for name, (audit, _) in METRICS.items()
        },
        index=report["environment"]["benchmarkIndex"],
    )


async def medians(url: str, flags: tuple[str, ...]) -> Verdict:
    """Of RUNS runs, each figure by itself."""
    runs = [await judged(url, flags) for _ in range(RUNS)]
    return Verdict(
        scores={
            name: statistics.median(run.scores[name] for run in runs) for name in runs[0].scores
        },
        metrics={
            name: statistics.median(run.metrics[name] for run in runs) for name in runs[0].metrics
        },
        index=statistics.median(run.index for run in runs),
    )


@asynccontextmanager
async def one_sentence(database_url: str, pool: Pool) -> AsyncIterator[str]:
    """URL of a page of one sentence, served by our API."""
    with tempfile.TemporaryDirectory(prefix="curvefeed-sentence-") as folder:
        (Path(folder) / "index.html").write_text(SENTENCE)
        settings = load_settings(database_url=database_url, websocket_port=0)
        server = ApiServer(settings, pool, Path(folder))
        await server.start()
        try:
            yield f"http://127.0.0.1:{server.port}/"
        finally:
            await server.stop()


async def some_history(pool: Pool) -> None:
    """Trades of one token, up to now."""
    history = market()
    async with Writer(pool) as writer:
        for _ in range(TRADES // BATCH):
            batch = [next(history) for _ in range(BATCH)]
            await commit(writer, Batch(events=batch), "confirmed")


def compared(kind: str, ours: Verdict, sentence: Verdict) -> Iterator[Figure]:
    """Ours beside the sentence's, and the goals."""
    yield goal(
        f"lighthouse_{kind}_performance", ours.scores["performance"], "points", 95,
        is_more_better=True,
    )  # fmt: skip
    yield Figure(
        name=f"lighthouse_{kind}_beside", value=ours.scores["performance"], unit="points",
        peer="one sentence", peer_value=sentence.scores["performance"],
    )  # fmt: skip
    yield goal(
        f"lighthouse_{kind}_accessibility", ours.scores["accessibility"], "points", 100,
        is_more_better=True,
    )  # fmt: skip
    for name, (_, unit) in METRICS.items():
        yield Figure(
            name=f"lighthouse_{kind}_{name}", value=ours.metrics[name], unit=unit,
            peer="one sentence", peer_value=sentence.metrics[name], higher_is_better=False,
        )  # fmt: skip


async def measured() -> AsyncGenerator[Figure]:
    """All figures, one after the other."""
    install(dev=True)
    mint = b58(key_of("mint", 0))
    async with database() as (url, pool), serving(url) as base, one_sentence(url, pool) as plain:
        await some_history(pool)
        trade = f"{base}/trade/?mint={mint}"
        for kind, (flags, slowdown) in KINDS.items():
            sentence = await medians(plain, flags)
            ours = await medians(trade, flags)
            for figure in compared(kind, ours, sentence):
                yield figure
            yield Figure(
                name=f"lighthouse_{kind}_machine", value=ours.index, unit="points",
                peer="reference", peer_value=REFERENCE_INDEX,
            )  # fmt: skip
            multiplier = slowdown * ours.index / REFERENCE_INDEX
            throttling = f"--throttling.cpuSlowdownMultiplier={multiplier:.3f}"
            for figure in compared(
                f"{kind}_calibrated", await medians(trade, (*flags, throttling)), sentence
            ):
                yield figure


def run() -> Iterator[Figure]:
    """See above."""
    return one_by_one(measured())
