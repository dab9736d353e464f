"""Compile the programs of this folder: `python -m programs.onchain.build [folder]`; and, with
`./run program FILE.c`, anybody's.

Writes `<name>_v0.so` and `<name>_v3.so` for each program. Needs only Python packages: ziglang
(clang for BPF, dev group) and solders (addresses for the generated header). The result is the same
byte for byte on every machine, and committed: nobody needs the compiler to run a localnet.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from solders.pubkey import Pubkey

from common.errors import BuildError
from programs.onchain import FOLDER, PROGRAM_IDS
from programs.onchain.elf import LinkError
from programs.onchain.link import link

VERSIONS = (0, 3)
_KEYS = {
    "SYSTEM_PROGRAM": "11111111111111111111111111111111",
    "TOKEN_PROGRAM": "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
    "TOKEN_2022_PROGRAM": "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb",
    "ATA_PROGRAM": "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL",
    "AMM_PROGRAM": "pAMMBay6oceH9fJKBRHGP5D4bD4sWpmSwMn52FMfXEA",
    "WSOL_MINT": "So11111111111111111111111111111111111111112",
}
_PDAS = {
    "GLOBAL": b"global",
    "MINT_AUTHORITY": b"mint-authority",
    "EVENT_AUTHORITY": b"__event_authority",
}
_DISCRIMINATORS = {
    "GLOBAL": ("global", ("initialize", "create", "buy", "sell", "migrate")),
    "ACCOUNT": ("account", ("Global", "BondingCurve")),
    "EVENT": (
        "event",
        ("CreateEvent", "TradeEvent", "CompleteEvent", "CompletePumpAmmMigrationEvent"),
    ),
}
# cpu v2: sBPF v0 has no 32-bit jumps. Unaligned access: a copy of a key is 72 bytes, not 520.
_TARGET = ("-target", "bpfel-freestanding", "-mcpu=v2+allows_misaligned_mem_access")
_CODE = ("-O2", "-std=gnu11", "-ffreestanding", "-fno-builtin", "-fno-asynchronous-unwind-tables")
_LIMITS = ("-fno-jump-tables", "-mllvm", "-bpf-stack-size=4096", "-Wall", "-Wextra", "-Werror")


def _hash8(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:8]


def _key_line(name: str, key: Pubkey) -> str:
    raw = bytes(key)
    words = ", ".join(
        f"0x{int.from_bytes(raw[at : at + 8], 'little'):016x}ULL" for at in range(0, 32, 8)
    )
    return f"static const Key {name} = {{{{{words}}}}}; /* {key} */"


def ids_header(program_id: Pubkey) -> str:
    """The text of ids.h: keys, PDAs with their bumps, Anchor's discriminators."""
    lines = ["#pragma once", _key_line("PROGRAM_ID", program_id)]
    lines += [_key_line(name, Pubkey.from_string(key)) for name, key in _KEYS.items()]
    for name, seed in _PDAS.items():
        address, bump = Pubkey.find_program_address([seed], program_id)
        lines += [_key_line(name, address), f"#define {name}_BUMP {bump}"]
    for prefix, (space, names) in _DISCRIMINATORS.items():
        for name in names:
            number = int.from_bytes(_hash8(f"{space}:{name}"), "little")
            lines.append(f"#define DISC_{prefix}_{name} 0x{number:016x}ULL")
    # emit_cpi! puts this tag before an event: 8 bytes of sha256("anchor:event"), reversed.
    lines.append(f"#define EVENT_IX_TAG 0x{int.from_bytes(_hash8('anchor:event'), 'big'):016x}ULL")
    return "\n".join(lines) + "\n"


def keys_header() -> str:
    """The text of ids.h for programs that are not pump: keys of the programs everybody calls."""
    lines = [_key_line(name, Pubkey.from_string(key)) for name, key in _KEYS.items()]
    # Most programs call only some of them.
    return "\n".join(["#pragma once", '#pragma clang diagnostic ignored "-Wunused-const-variable"',
                      *lines]) + "\n"  # fmt: skip


def compiled(source: Path, header: str) -> bytes:
    """The object file of a source that includes `header` as ids.h. Raises BuildError with the
    compiler's words.
    """
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, "ids.h").write_text(header)
        target = Path(scratch, "program.o")
        command = [
            sys.executable,
            "-m",
            "ziglang",
            "cc",
            *_TARGET,
            *_CODE,
            *_LIMITS,
            "-I",
            scratch,
            "-I",
            str(FOLDER),
        ]
        command += ["-c", str(source), "-o", str(target)]
        environment = {
            **os.environ,
            "ZIG_GLOBAL_CACHE_DIR": scratch,
            "ZIG_LOCAL_CACHE_DIR": scratch,
        }
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)  # noqa: S603
        if done.returncode:
            hint = (
                "Install the dev group: uv sync --group dev"
                if "No module" in done.stderr
                else done.stderr
            )
            raise BuildError(f"{source.name} does not compile", hint=hint)
        return target.read_bytes()


def build(name: str) -> dict[str, bytes]:
    """File name → bytes of both versions of program `name`. Raises BuildError."""
    data = compiled(FOLDER / f"{name}.c", ids_header(PROGRAM_IDS["pump"]))
    try:
        return {f"{name}_v{version}.so": link(data, version) for version in VERSIONS}
    except LinkError as error:
        raise BuildError(f"{name}.c does not link: {error}") from error


def build_for_localnet(source: Path) -> bytes:
    """The ELF file of anybody's program in C: sBPF 0, for a chain's genesis. Raises BuildError."""
    try:
        return link(compiled(source, keys_header()))
    except LinkError as error:
        raise BuildError(
            f"{source.name} does not link: {error}",
            hint="Is there an `entrypoint`, no writable global, no function that is not yours?",
        ) from error


def main(folder: Path = FOLDER) -> None:
    """Write every program to `folder`, one line each to stdout."""
    for name in PROGRAM_IDS:
        for file, data in build(name).items():
            (folder / file).write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()[:16]
            sys.stdout.write(f"{folder / file}: {len(data)} bytes, sha256 {digest}\n")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:2]))
