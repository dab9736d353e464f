"""The parts of ELF the linker reads and writes, and how sBPF numbers its syscalls."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

EM_BPF, ET_REL, ET_DYN = 247, 1, 3
SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_DYNAMIC, SHT_NOBITS, SHT_REL, SHT_DYNSYM = (
    1,
    2,
    3,
    6,
    8,
    9,
    11,
)
SHF_WRITE, SHF_ALLOC, SHF_EXEC = 1, 2, 4
PT_LOAD, PT_DYNAMIC = 1, 2
PF_X, PF_R = 1, 4

FILE_HEADER, PROGRAM_HEADER, SECTION_HEADER = "<16sHHIQQQIHHHHHH", "<IIQQQQQQ", "<IIQQQQIIQQ"
SYMBOL, RELOCATION, WORD_PAIR = "<IBBHQQ", "<QQ", "<QQ"
FILE_HEADER_BYTES, PROGRAM_HEADER_BYTES, SECTION_HEADER_BYTES = 64, 56, 64
IDENT = b"\x7fELF\x02\x01\x01" + bytes(9)


class LinkError(Exception):
    """The object holds what a Solana program cannot have, or this linker does not know."""


class Section(NamedTuple):
    """An input section: its header's fields that matter, and its bytes."""

    name: str
    kind: int
    flags: int
    link: int
    info: int
    align: int
    data: bytes


class Symbol(NamedTuple):
    """An input symbol; `section` 0 means undefined."""

    name: str
    section: int
    value: int
    size: int


class Relocation(NamedTuple):
    """One place to correct: offset in its section, type, index of the symbol."""

    offset: int
    kind: int
    symbol: int


class RelocatableObject:
    """An ET_REL file for BPF. Raises LinkError if `data` is anything else."""

    def __init__(self, data: bytes) -> None:
        header = struct.unpack_from(FILE_HEADER, data)
        if header[0][:6] != IDENT[:6] or header[1] != ET_REL or header[2] != EM_BPF:
            raise LinkError("not a little-endian 64-bit BPF relocatable object")
        self.sections = _sections(data, offset=header[6], count=header[12], names=header[13])
        self.symbols = _symbols(self.sections)

    def relocations(self, section: int) -> Iterator[Relocation]:
        """What is to be corrected in section number `section`."""
        for candidate in self.sections:
            if candidate.kind == SHT_REL and candidate.info == section:
                for offset, info in struct.iter_unpack(RELOCATION, candidate.data):
                    yield Relocation(offset, info & 0xFFFFFFFF, info >> 32)

    def defined(self, name: str) -> Symbol:
        """The symbol that is called `name` and has a place. Raises LinkError without one."""
        for symbol in self.symbols:
            if symbol.name == name and symbol.section:
                return symbol
        raise LinkError(f"no symbol {name}")


def _text(table: bytes, at: int) -> str:
    return table[at : table.index(b"\0", at)].decode()


def _sections(data: bytes, offset: int, count: int, names: int) -> list[Section]:
    headers = [
        struct.unpack_from(SECTION_HEADER, data, offset + SECTION_HEADER_BYTES * number)
        for number in range(count)
    ]
    bodies = [b"" if h[1] == SHT_NOBITS else data[h[4] : h[4] + h[5]] for h in headers]
    return [
        Section(_text(bodies[names], h[0]), h[1], h[2], h[6], h[7], h[8], body)
        for h, body in zip(headers, bodies, strict=True)
    ]


def _symbols(sections: list[Section]) -> list[Symbol]:
    table = next((s for s in sections if s.kind == SHT_SYMTAB), None)
    if table is None:
        raise LinkError("no symbol table")
    names = sections[table.link].data
    return [
        Symbol(_text(names, name), section, value, size)
        for name, _info, _other, section, value, size in struct.iter_unpack(SYMBOL, table.data)
    ]


def syscall_hash(name: str) -> int:
    """murmur3_32 with seed 0 of a syscall's name: how sBPF v3 calls it."""
    data, hashed, mask = name.encode(), 0, 0xFFFFFFFF
    for at in range(0, len(data), 4):
        block = data[at : at + 4]
        k = int.from_bytes(block, "little") * 0xCC9E2D51 & mask
        hashed ^= (k << 15 | k >> 17) * 0x1B873593 & mask
        if len(block) == 4:
            hashed = ((hashed << 13 | hashed >> 19) & mask) * 5 + 0xE6546B64 & mask
    hashed ^= len(data)
    hashed = (hashed ^ hashed >> 16) * 0x85EBCA6B & mask
    hashed = (hashed ^ hashed >> 13) * 0xC2B2AE35 & mask
    return hashed ^ hashed >> 16
