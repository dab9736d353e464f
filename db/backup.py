"""A database into one file and back, with Postgres' own programs; and the epoch that has to change
when history was set back: clients hold positions that mean something else now.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from common.errors import GiveUp
from db.embedded import program
from db.pool import Connection, Pool


async def new_epoch(target: Pool | Connection) -> str:
    """Give the feed another epoch and tell the hubs; returns it. Every client starts afresh."""
    epoch: str = await target.fetchval(
        """WITH head AS (UPDATE feed_head SET epoch = substr(md5(gen_random_uuid()::text), 1, 8)
                         RETURNING epoch)
           SELECT epoch FROM head, pg_notify('feed', '0')"""
    )
    return epoch


async def dump(url: str, file: Path) -> None:
    """Everything, as of one moment, beside running processes. Raises GiveUp."""
    if await asyncio.to_thread(file.exists):
        raise GiveUp("there is a file already", hint="Name another one", file=file)
    half = file.with_name(f"{file.name}.part")
    await _run("pg_dump", url, "--format=custom", "--no-owner", "--no-acl", f"--file={half}")
    await asyncio.to_thread(half.rename, file)


async def is_empty(target: Pool | Connection) -> bool:
    """Nobody has made a table there yet."""
    return not await target.fetchval(
        "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public')"
    )


async def restore(url: str, file: Path) -> None:
    """Into an empty database, all or nothing. Raises GiveUp."""
    await _run(
        "pg_restore", url, "--no-owner", "--no-acl", "--exit-on-error", "--single-transaction",
        str(file),
    )  # fmt: skip


async def _run(name: str, url: str, *arguments: str) -> None:
    place, password = _without_password(url)
    env = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    process = await asyncio.create_subprocess_exec(
        _found(name), f"--dbname={place}", "--no-password", *arguments, env=env,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    if process.returncode:
        lines = said.decode(errors="replace").strip().splitlines()
        raise GiveUp(
            f"{name} failed, nothing is changed",
            hint="Its major version has to be the server's or newer; see docs/how-to/backup.md",
            said=lines[0] if lines else "nothing",
        )


def _found(name: str) -> str:
    """The wheel's program, which is of the newest major version; else the system's."""
    own = program(name)
    if own is not None:
        return str(own)
    system = shutil.which(name)
    if system is None:
        raise GiveUp(f"there is no {name}", hint="Install Postgres' client programs")
    return system


def _without_password(url: str) -> tuple[str, str | None]:
    """The URL as other users of this machine may see it in the list of processes."""
    parts = urlsplit(url)
    if parts.password is None:
        return url, None
    user, _, host = parts.netloc.rpartition("@")
    shown = parts._replace(netloc=f"{user.partition(':')[0]}@{host}")
    return urlunsplit(shown), unquote(parts.password)
