"""Whose data line is it? Log lines of a transaction, and the program that wrote each.

The runtime writes `Program <id> invoke [n]`, `Program <id> success`, `… failed: …`, `… consumed …`;
what a program writes always starts with `Program log: `, `Program data: ` or `Program return: `: it
can't forge the runtime's lines, except by a newline inside its text, which stays inside its element
of the list. After `Log truncated` lines are missing: nothing is read there.

`owned_data` is the hot path. It works on the JSON of the lines as the node sent it: there a quote
inside a text is always escaped, so `"Program …` after a comma or a bracket can only be the start
of a line. It proves the owner from both neighbours of a data line and reads no other. `walk`
follows the whole invoke stack. Both are linear; tests hold one against the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from operator import itemgetter

import msgspec

TRUNCATED = "Log truncated"

_DATA = b'"Program data: '
_LINE = b'"Program '
_DATA_CHARS = len(_DATA)
_LINE_STARTS = b",["
_BRACKET = ord("]")
_MAX_LINE_CHARS = len(_LINE) + 44
_INSTRUCTION = b',"Program log: Instruction: '
_RUNTIME = re.compile(
    rb'"Program ([1-9A-HJ-NP-Za-km-z]{32,44}) (?:invoke \[([1-9]\d?)\]"|consumed |success"|failed)'
)
_INVOKED = tuple(b" invoke [%d]" % depth for depth in range(100))  # two digits, as in _RUNTIME
_KEY = re.compile("[1-9A-HJ-NP-Za-km-z]{32,44}").fullmatch


TAIL_CHARS = 8
_INVOKE_CHARS = len(" invoke ")
_tail = itemgetter(slice(-TAIL_CHARS - _INVOKE_CHARS, -_INVOKE_CHARS))


class DataLine(msgspec.Struct, frozen=True):
    """A `Program data:` line: base64 text, its writer, its line number (from 0)."""

    owner: str
    text: str
    line: int
    frame: int
    """Which invocation of the owner wrote it, counting from 0."""
    begun: int
    """How many invocations of the owner had begun when it was written."""


class Walk(msgspec.Struct, frozen=True):
    """All data lines before the first truncation or contradiction, and whether there was one."""

    data: tuple[DataLine, ...]
    invocations: dict[str, int]
    """How often each program was invoked, until then."""
    is_whole: bool


# --- the hot path: JSON as the node sent it


def compact_json(logs: Sequence[str]) -> bytes:
    """Lines as the JSON that `owned_data` reads: no space between elements."""
    return msgspec.json.encode(logs)


def is_compact(raw: bytes) -> bool:
    """Whether a JSON array of lines has no space between elements, as nodes write it.

    A JSON writer is uniform: the first separator tells.
    """
    if not raw.startswith(b'["'):
        return False
    first = raw.find(b'",')
    return first < 0 or raw.startswith(b'"', first + 2)


def before_truncation(raw: bytes) -> tuple[bytes, bool]:
    """What was written before the runtime began to leave lines out, and whether it did."""
    at = raw.find(b'"Log truncated"')
    while at >= 0 and raw[at - 1] not in _LINE_STARTS:
        at = raw.find(b'"Log truncated"', at + 1)
    return (raw, False) if at < 0 else (raw[:at], True)


def line_number(raw: bytes, position: int) -> int:
    """Index of the line that holds a position."""
    start = raw.rfind(_DATA, 0, position)
    # Raw, since a broken node's text need not even be UTF-8.
    return len(msgspec.json.decode(raw[:start] + b'""]', type=list[msgspec.Raw])) - 1


Owned = tuple[bytes, int, int]
"""Program in base58, start and end of the base64 text."""


def owned_data(raw: bytes) -> tuple[list[Owned], bool]:
    """Data lines with their writers, and whether every one is proven.

    An unproven line is left out: the invoke stack around it contradicts itself.
    """
    found: list[Owned] = []
    is_proven = True
    seen: dict[int, tuple[int, bytes]] = {}
    until, owner = -1, b""
    at = raw.find(_DATA)
    while at >= 0:
        start = at + _DATA_CHARS
        end = raw.find(b'"', start)
        if end < 0:
            return found, False
        if raw[at - 1] in _LINE_STARTS:
            if at > until:
                until, owner = _prove(raw, at, end, seen)
            if owner:
                found.append((owner, start, end))
            else:
                is_proven = False
        at = raw.find(_DATA, end)
    return found, is_proven


def _prove(raw: bytes, at: int, end: int, seen: dict[int, tuple[int, bytes]]) -> tuple[int, bytes]:
    """Up to where the verdict holds, and the owner of the data line at `at`, b"" if not provable.

    The runtime's next line tells: it closes the owner, or invokes from the depth at which the owner
    was invoked last. If the line before is an invocation, it must say the same.
    """
    after = _RUNTIME.match(raw, end + 2)
    while after is None:
        end = raw.find(_LINE, end + 1)
        if end < 0:
            return len(raw), b""
        if raw[end - 1] in _LINE_STARTS:
            after = _RUNTIME.match(raw, end)
    program, depth = after.groups()
    until = after.start()
    if depth is None:
        owner, outer = program, None
    else:
        outer = int(depth) - 1
        owner = _invoked(raw, outer, at, seen)
    if raw[at - 3] == _BRACKET:  # the line before may be an invocation: they all end with one
        before = _RUNTIME.match(raw, max(0, raw.rfind(b',"', 0, at - 1)) + 1)
        if before is not None and before[2] is not None:
            agrees = before[1] == owner and outer in (None, int(before[2]))
            return until, owner if agrees else b""
    return until, owner


def _invoked(raw: bytes, depth: int, before: int, seen: dict[int, tuple[int, bytes]]) -> bytes:
    """Program of the last invocation at a depth before a position, b"" if there is none.

    `seen` remembers how far each depth was searched, so that no part is read twice.
    """
    needle = _INVOKED[depth]
    since, owner = seen.get(depth, (0, b""))
    at = before
    while (at := raw.rfind(needle, since, at)) >= 0:
        start = raw.rfind(b'"', max(0, at - _MAX_LINE_CHARS), at)
        line = _RUNTIME.match(raw, start) if raw[start - 1] in _LINE_STARTS else None
        if line is not None and line.start(2) > at:
            owner = line[1]
            break
    seen[depth] = (before, owner)
    return owner


def is_any_invoked(raw: bytes, tails: Set[bytes]) -> bool:
    """Whether a program may have run whose address ends with one of `tails`, of 8 characters each.

    False is certain: before each `[` of an invocation stands its program. One pass for all of them,
    where `instructions_logged` is one for each.
    """
    return not tails.isdisjoint(map(_tail, raw.split(b"[")))


def instructions_logged(raw: bytes, address: bytes) -> Iterator[str]:
    """What each invocation of a program first says: its instruction's name, or "" if it says none.

    An event's self-call says nothing and is left out.
    """
    needle = b'"Program %b invoke [' % address
    nothing = (b',"Program %b consumed ' % address, b',"Program %b success' % address)
    at = raw.find(needle)
    while at >= 0:
        end = raw.find(b'"', at + len(needle)) + 1
        if end == 0:
            return
        if raw[at - 1] not in _LINE_STARTS:
            pass
        elif raw.startswith(_INSTRUCTION, end):
            name = end + len(_INSTRUCTION)
            yield raw[name : raw.find(b'"', name)].decode(errors="replace")
        elif not raw.startswith(nothing, end):
            yield ""
        at = raw.find(needle, end)


# --- the whole stack


def walk(lines: Iterable[str]) -> Walk:
    """Every data line with its writer, following the stack until it is cut or contradictory."""
    stack: list[tuple[str, int]] = []
    invocations: dict[str, int] = {}
    data: list[DataLine] = []
    for number, line in enumerate(lines):
        if line.startswith("Program data: "):
            if not stack:
                return Walk(tuple(data), invocations, is_whole=False)
            owner, frame = stack[-1]
            data.append(DataLine(owner, line[14:], number, frame, invocations[owner]))
            continue
        if line == TRUNCATED:
            return Walk(tuple(data), invocations, is_whole=False)
        program, what = _runtime_line(line)
        if what == "invoke":
            if line[line.rfind("[") + 1 : -1] != str(len(stack) + 1):
                return Walk(tuple(data), invocations, is_whole=False)
            stack.append((program, invocations.get(program, 0)))
            invocations[program] = invocations.get(program, 0) + 1
        elif what:
            if not stack or stack[-1][0] != program:
                return Walk(tuple(data), invocations, is_whole=False)
            if what == "closed":
                stack.pop()
    return Walk(tuple(data), invocations, is_whole=not stack)


def _runtime_line(line: str) -> tuple[str, str]:
    """Program and what the runtime says of it: invoke, consumed, closed; ("", "") for others."""
    if not line.startswith("Program "):
        return "", ""
    space = line.find(" ", 8)
    program = line[8:space]
    if space < 0 or not _KEY(program):
        return "", ""
    rest = line[space + 1 :]
    if rest.startswith("invoke [") and rest.endswith("]"):
        return program, "invoke"
    if rest == "success" or rest.startswith("failed"):
        return program, "closed"
    return program, "consumed" if rest.startswith("consumed ") else ""
