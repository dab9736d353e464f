"""What docs/client.md shows works as it stands there."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path

from db.pool import Pool
from db.publish import Publication, append_event
from frontend.build import FRONTEND
from localnet.npm import node_binary
from programs.keys import b58
from tests.helpers.client_package import built_package
from tests.helpers.hub import MINT_A
from tests.integration.clients.conftest import Serve, address

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "client.md"
PURCHASE = {"side": "buy", "mint": b58(MINT_A), "quote_amount": "31000000", "signature": "signed"}
BUY = Publication(event="new_trade", data=json.dumps(PURCHASE), mint=MINT_A)


def block(language: str) -> str:
    """The page's first block of code in a language."""
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


async def keep_buying(pool: Pool) -> None:
    """Somebody buys now and then, until cancelled: the program may not be there yet."""
    while True:
        await append_event(pool, BUY)
        await asyncio.sleep(0.2)


async def tells(wanted: str, *command: str, **env: str) -> str:
    """What a program prints until it says `wanted`."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | env, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None
    output = ""
    try:
        async with asyncio.timeout(100):
            while wanted not in output:
                line = (await process.stdout.readline()).decode()
                assert line, f"it ended: {output}"
                output += line
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
    return output


async def test_the_python_bot(serve: Serve, pool: Pool) -> None:
    """The bot of the page begins with a snapshot and prints what is bought."""
    server = await serve()
    buying = asyncio.create_task(keep_buying(pool))
    try:
        seen = await tells(
            f"{b58(MINT_A)} 31000000 signed", sys.executable, "-c", block("python"),
            CURVEFEED_URL=address(server.port), PYTHONPATH=str(ROOT / "clients" / "python"),
        )  # fmt: skip
    finally:
        buying.cancel()
        await asyncio.gather(buying, return_exceptions=True)
    assert seen.startswith("from position ")


async def test_ten_lines_of_javascript(serve: Serve, pool: Pool, tmp_path: Path) -> None:
    """The client without a library, in Node, with nothing changed but the port."""
    server = await serve()
    script = tmp_path / "ten_lines.mjs"
    script.write_text(block("js").replace("127.0.0.1:8001", f"127.0.0.1:{server.port}"))
    buying = asyncio.create_task(keep_buying(pool))
    try:
        seen = await tells(f"buy 31000000 {b58(MINT_A)}", node_binary(), str(script))
    finally:
        buying.cancel()
        await asyncio.gather(buying, return_exceptions=True)
    assert "missing" not in seen


async def test_what_is_shown_in_typescript_compiles(tmp_path: Path) -> None:
    """The blocks of docs/client.md and of the package's README are typed programs of the package
    as it is published.
    """
    built = await asyncio.to_thread(built_package)
    pages = (PAGE, built.parent / "README.md")
    (tmp_path / "node_modules").symlink_to(FRONTEND / "node_modules")
    for page in pages:
        for language, text in re.findall(
            r"^```(tsx?)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE
        ):
            shown = "declare const toast: (text: string) => void;\n" if "toast(" in text else ""
            (tmp_path / f"{page.stem}_{language}.{language}").write_text(shown + text)
    options = {
        "extends": str(FRONTEND / "tsconfig.json"),
        "compilerOptions": {
            "incremental": False,
            "plugins": [],
            "paths": {
                "@curvefeed/client": [str(built / "index.d.ts")],
                "@curvefeed/client/react": [str(built / "react.d.ts")],
            },
        },
        "include": ["*.ts", "*.tsx"],
    }
    (tmp_path / "tsconfig.json").write_text(json.dumps(options))
    compiler = FRONTEND / "node_modules" / "typescript" / "bin" / "tsc"
    process = await asyncio.create_subprocess_exec(
        node_binary(), str(compiler), "-p", str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
