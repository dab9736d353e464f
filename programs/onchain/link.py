"""Link one BPF object (clang, `-target bpfel`) into the ELF file that Solana's loader accepts.

sBPF v0 runs on every runtime, v3 also deploys where v0 no longer may (SIMD-0500). Facts from
anza-xyz/sbpf, `src/elf.rs`, `src/elf_parser` and `src/verifier.rs` at v0.21.0.

v3 is static: file header, two program headers, read-only data at address 0, code at 0x1_0000_0000,
nothing to relocate, syscalls called by the hash of their name.

v0, every section with sh_addr == sh_offset because the loader wants it:

    file header | 3 program headers | .text | .rodata | .data.rel.ro | .dynamic | .dynsym | .dynstr
                | .rel.dyn | .shstrtab | section headers

What the v0 loader does with it, and so what is left to it:
  * a call whose immediate is not -1 is pc-relative: local calls are finished here;
  * a call of -1 with R_BPF_64_32 against an undefined dynamic symbol is a syscall;
  * R_BPF_64_RELATIVE on a load of an address, or on a pointer in data, adds 0x1_0000_0000.
"""

from __future__ import annotations

import struct

from programs.onchain.elf import (
    EM_BPF,
    ET_DYN,
    FILE_HEADER,
    FILE_HEADER_BYTES,
    IDENT,
    PF_R,
    PF_X,
    PROGRAM_HEADER,
    PROGRAM_HEADER_BYTES,
    PT_DYNAMIC,
    PT_LOAD,
    RELOCATION,
    SECTION_HEADER,
    SECTION_HEADER_BYTES,
    SHF_ALLOC,
    SHF_EXEC,
    SHF_WRITE,
    SHT_DYNAMIC,
    SHT_DYNSYM,
    SHT_PROGBITS,
    SHT_REL,
    SHT_STRTAB,
    SYMBOL,
    WORD_PAIR,
    LinkError,
    RelocatableObject,
)
from programs.onchain.layout import V3_TEXT_ADDRESS, Layout, Piece, lay_out

ENTRY = "entrypoint"
LONGEST_SYSCALL_NAME = 63
_KINDS = {
    ".dynamic": SHT_DYNAMIC,
    ".dynsym": SHT_DYNSYM,
    ".dynstr": SHT_STRTAB,
    ".rel.dyn": SHT_REL,
    ".shstrtab": SHT_STRTAB,
}
_FLAGS = {
    ".text": SHF_ALLOC | SHF_EXEC,
    ".data.rel.ro": SHF_ALLOC | SHF_WRITE,
    ".dynamic": SHF_ALLOC | SHF_WRITE,
    ".shstrtab": 0,
}
_LINKS = {".dynamic": ".dynstr", ".dynsym": ".dynstr", ".rel.dyn": ".dynsym"}
_ENTRY_BYTES = {".dynamic": 16, ".dynsym": 24, ".rel.dyn": 16}
DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_SYMENT, DT_REL, DT_RELSZ, DT_RELENT = 5, 6, 10, 11, 17, 18, 19


def link(data: bytes, version: int = 0) -> bytes:
    """The program in object file `data`, as sBPF `version` 0 or 3. Raises LinkError."""
    if version not in (0, 3):
        raise LinkError("sBPF version must be 0 or 3")
    obj = RelocatableObject(data)
    layout = lay_out(obj, version)
    symbol = obj.defined(ENTRY)
    entry = layout.addresses[symbol.section] + symbol.value
    return _v3_file(layout, entry) if version == 3 else _v0_file(layout, entry, symbol.size)


def _v3_file(layout: Layout, entry: int) -> bytes:
    read_only = b"".join(bytes(8) + p.data for p in layout.pieces if p.name == ".rodata")
    code = b"".join(bytes(p.data) for p in layout.pieces if p.name == ".text")
    parts = [(PF_R, 0, read_only)] if read_only else []
    parts.append((PF_X, V3_TEXT_ADDRESS, code))
    headers, offset = b"", FILE_HEADER_BYTES + PROGRAM_HEADER_BYTES * len(parts)
    for flags, address, body in parts:
        headers += struct.pack(
            PROGRAM_HEADER, PT_LOAD, flags, offset, address, address, len(body), len(body), 0
        )
        offset += len(body)
    file_header = struct.pack(
        FILE_HEADER, IDENT, ET_DYN, EM_BPF, 1, entry, FILE_HEADER_BYTES, 0, 3,
        FILE_HEADER_BYTES, PROGRAM_HEADER_BYTES, len(parts), SECTION_HEADER_BYTES, 0, 0,
    )  # fmt: skip
    return file_header + headers + b"".join(body for _, _, body in parts)


def _dynamic_symbols(layout: Layout, entry: int, entry_bytes: int) -> tuple[bytes, bytes]:
    """Symbol table and its strings: the syscalls, then the entry point."""
    strings, symbols = bytearray(b"\0"), bytearray(24)
    for name in layout.syscalls:
        if len(name) > LONGEST_SYSCALL_NAME:
            raise LinkError(f"symbol too long: {name}")
        symbols += struct.pack(SYMBOL, len(strings), 0x10, 0, 0, 0, 0)
        strings += name.encode() + b"\0"
    symbols += struct.pack(SYMBOL, len(strings), 0x12, 0, 1, entry, entry_bytes)
    strings += ENTRY.encode() + b"\0"
    strings += bytes(-len(strings) % 8)
    return bytes(symbols), bytes(strings)


def _dynamic_pieces(layout: Layout, entry: int, entry_bytes: int) -> list[Piece]:
    symbols, strings = _dynamic_symbols(layout, entry, entry_bytes)
    relocations = b"".join(struct.pack(RELOCATION, *r) for r in layout.loader_relocations)
    start = layout.pieces[-1].end
    symbols_at = start + 16 * (8 if relocations else 5)
    strings_at = symbols_at + len(symbols)
    relocations_at = strings_at + len(strings)
    tags = [
        (DT_SYMTAB, symbols_at),
        (DT_SYMENT, 24),
        (DT_STRTAB, strings_at),
        (DT_STRSZ, len(strings)),
    ]
    if relocations:
        tags += [(DT_REL, relocations_at), (DT_RELSZ, len(relocations)), (DT_RELENT, 16)]
    dynamic = b"".join(struct.pack(WORD_PAIR, *tag) for tag in [*tags, (0, 0)])
    pieces = [
        Piece(".dynamic", start, bytearray(dynamic)),
        Piece(".dynsym", symbols_at, bytearray(symbols)),
        Piece(".dynstr", strings_at, bytearray(strings)),
    ]
    if relocations:
        pieces.append(Piece(".rel.dyn", relocations_at, bytearray(relocations)))
    return pieces


def _section_headers(pieces: list[Piece], names: bytes) -> bytes:
    numbers = {piece.name: number for number, piece in enumerate(pieces, start=1)}
    headers = bytearray(SECTION_HEADER_BYTES)
    for piece in pieces:
        headers += struct.pack(
            SECTION_HEADER,
            names.index(b"\0" + piece.name.encode() + b"\0") + 1,
            _KINDS.get(piece.name, SHT_PROGBITS),
            _FLAGS.get(piece.name, SHF_ALLOC),
            piece.address if piece.name != ".shstrtab" else 0,
            piece.address,
            len(piece.data),
            numbers.get(_LINKS.get(piece.name, ""), 0),
            1 if piece.name == ".dynsym" else 0,
            8,
            _ENTRY_BYTES.get(piece.name, 0),
        )
    return bytes(headers)


def _v0_file(layout: Layout, entry: int, entry_bytes: int) -> bytes:
    static, dynamic = layout.pieces, _dynamic_pieces(layout, entry, entry_bytes)
    names = b"\0" + b"".join(p.name.encode() + b"\0" for p in static + dynamic) + b".shstrtab\0"
    names += bytes(-len(names) % 8)
    pieces = [*static, *dynamic, Piece(".shstrtab", dynamic[-1].end, bytearray(names))]

    def segment(kind: int, flags: int, start: int, size: int, align: int) -> bytes:
        return struct.pack(PROGRAM_HEADER, kind, flags, start, start, start, size, size, align)

    first, dynamic_at = static[0].address, dynamic[0].address
    segments = segment(PT_LOAD, PF_R | PF_X, first, static[-1].end - first, 0x1000)
    segments += segment(PT_LOAD, PF_R, dynamic_at, dynamic[-1].end - dynamic_at, 0x1000)
    segments += segment(PT_DYNAMIC, PF_R, dynamic_at, len(dynamic[0].data), 8)
    file_header = struct.pack(
        FILE_HEADER, IDENT, ET_DYN, EM_BPF, 1, entry, FILE_HEADER_BYTES, pieces[-1].end, 0,
        FILE_HEADER_BYTES, PROGRAM_HEADER_BYTES, 3, SECTION_HEADER_BYTES,
        len(pieces) + 1, len(pieces),
    )  # fmt: skip
    body = b"".join(bytes(piece.data) for piece in pieces)
    return file_header + segments + body + _section_headers(pieces, names)
