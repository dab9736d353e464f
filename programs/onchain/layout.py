"""Where the pieces of a program go, and the corrections that follow: common to sBPF v0 and v3."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from programs.onchain.elf import (
    FILE_HEADER_BYTES,
    PROGRAM_HEADER_BYTES,
    SHF_ALLOC,
    SHF_EXEC,
    LinkError,
    RelocatableObject,
    Relocation,
    syscall_hash,
)

R_64_64, R_ABS64, R_ABS32, R_NODYLD32, R_RELATIVE, R_64_32 = 1, 2, 3, 4, 8, 10
CALL, LDDW = 0x85, 0x18
LOCAL_CALL = 0x10
V3_TEXT_ADDRESS = 1 << 32
V0_HEADERS_BYTES = FILE_HEADER_BYTES + 3 * PROGRAM_HEADER_BYTES


@dataclass(frozen=True)
class Piece:
    """An output section: name, address (in v0 also its offset in the file), bytes."""

    name: str
    address: int
    data: bytearray

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + len(self.data)


@dataclass
class Layout:
    """The input sections in their places, corrected; and what is left to the loader (v0 only)."""

    obj: RelocatableObject
    version: int
    pieces: list[Piece] = field(default_factory=list)
    addresses: dict[int, int] = field(default_factory=dict)
    """Number of an input section → its address."""
    syscalls: dict[str, int] = field(default_factory=dict)
    """Name → index in the dynamic symbol table, from 1."""
    loader_relocations: list[tuple[int, int]] = field(default_factory=list)

    def address_of(self, section: int, what: str) -> int:
        """Address of an input section. Raises LinkError if `what` has none: it is undefined."""
        if section not in self.addresses:
            raise LinkError(f"undefined data symbol {what}")
        return self.addresses[section]

    def piece_of(self, address: int) -> Piece:
        """The output section that holds `address`."""
        return next(piece for piece in self.pieces if piece.address <= address < piece.end)


def lay_out(obj: RelocatableObject, version: int) -> Layout:
    """Place and correct everything in `obj`. Raises LinkError for what cannot exist on Solana."""
    layout = Layout(obj, version)
    groups = _grouped(obj)
    if version == 3:
        read_only = groups.pop(".rodata") + groups.pop(".data.rel.ro")
        # Nothing at address 0, or a pointer to it would compare equal to NULL.
        _place(layout, ".rodata", read_only, start=8)
        _place(layout, ".text", groups[".text"], start=V3_TEXT_ADDRESS)
    else:
        at = V0_HEADERS_BYTES
        for name, members in groups.items():
            at = _place(layout, name, members, start=at)
    for section in layout.addresses:
        for relocation in obj.relocations(section):
            _correct(layout, section, relocation)
    layout.loader_relocations.sort()
    return layout


def _grouped(obj: RelocatableObject) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {".text": [], ".rodata": [], ".data.rel.ro": []}
    for number, section in enumerate(obj.sections):
        if (
            not section.flags & SHF_ALLOC
            or not section.data
            or section.name.startswith(".eh_frame")
        ):
            continue
        if section.flags & SHF_EXEC:
            groups[".text"].append(number)
        elif section.name.startswith(".data.rel.ro"):
            groups[".data.rel.ro"].append(number)
        elif section.name.startswith(".rodata"):
            groups[".rodata"].append(number)
        else:
            raise LinkError(f"section {section.name}: writable globals do not exist on Solana")
    if not groups[".text"]:
        raise LinkError("no code")
    return groups


def _place(layout: Layout, name: str, members: list[int], start: int) -> int:
    data = bytearray()
    for number in members:
        section = layout.obj.sections[number]
        data += bytes(-(start + len(data)) % max(8, section.align))
        layout.addresses[number] = start + len(data)
        data += section.data
    data += bytes(-len(data) % 8)
    if data:
        layout.pieces.append(Piece(name, start, data))
    return start + len(data)


def _correct(layout: Layout, section: int, relocation: Relocation) -> None:
    address = layout.addresses[section] + relocation.offset
    piece = layout.piece_of(address)
    at = address - piece.address
    if relocation.kind == R_64_32:
        _correct_call(layout, piece.data, at, relocation)
    elif relocation.kind == R_64_64:
        _correct_load(layout, piece.data, at, relocation)
        layout.loader_relocations.append((address, R_RELATIVE))
    elif relocation.kind == R_ABS64:
        symbol = layout.obj.symbols[relocation.symbol]
        addend: int = struct.unpack_from("<Q", piece.data, at)[0]
        target = layout.address_of(symbol.section, symbol.name) + symbol.value + addend
        # Old toolchains kept the address in the upper half of the word; v0 loaders want it there.
        struct.pack_into("<Q", piece.data, at, target if layout.version == 3 else target << 32)
        layout.loader_relocations.append((address, R_RELATIVE))
    elif relocation.kind not in (R_ABS32, R_NODYLD32):
        raise LinkError(f"relocation type {relocation.kind} at {address:#x}")


def _correct_call(layout: Layout, data: bytearray, at: int, relocation: Relocation) -> None:
    symbol = layout.obj.symbols[relocation.symbol]
    address = next(p.address for p in layout.pieces if p.data is data) + at
    if data[at] != CALL:
        raise LinkError(f"R_BPF_64_32 on a non-call at {address:#x}")
    if symbol.section:
        # The addend counts instructions; -1 is the start of the symbol.
        addend: int = struct.unpack_from("<i", data, at + 4)[0]
        target = layout.addresses[symbol.section] + symbol.value + (addend + 1) * 8
        data[at + 1] = LOCAL_CALL
        struct.pack_into("<i", data, at + 4, (target - address) // 8 - 1)
        return
    data[at + 1] = 0
    if layout.version == 3:
        struct.pack_into("<I", data, at + 4, syscall_hash(symbol.name))
        return
    index = layout.syscalls.setdefault(symbol.name, len(layout.syscalls) + 1)
    struct.pack_into("<i", data, at + 4, -1)
    layout.loader_relocations.append((address, index << 32 | R_64_32))


def _correct_load(layout: Layout, data: bytearray, at: int, relocation: Relocation) -> None:
    if data[at] != LDDW:
        raise LinkError(
            f"R_BPF_64_64 on a non-lddw in {layout.obj.symbols[relocation.symbol].name}"
        )
    symbol = layout.obj.symbols[relocation.symbol]
    addend: int = struct.unpack_from("<I", data, at + 4)[0]
    target = layout.address_of(symbol.section, symbol.name) + symbol.value + addend
    data[at + 1] &= 0x0F  # the source register must be 0
    struct.pack_into("<I", data, at + 4, target & 0xFFFFFFFF)
    struct.pack_into("<I", data, at + 12, target >> 32)
