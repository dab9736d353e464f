"""Whose data line is it? Log lines of a transaction, and the program that wrote each.

The runtime writes `Program <id> invoke [n]`, `Program <id> success`, `… failed: …`, `… consumed …`;
what a program writes always starts with `Program log: `, `Program data: ` or `Program return: `,
so it can't forge the runtime's lines, except by a newline inside its text, which stays inside its
element of the list. After `Log truncated` lines are missing: nothing is read there.

`owned_data` is the hot path: it proves the owner from both neighbours of a data line and touches no
other line. `walk` follows the whole invoke stack. Both are linear; tests hold one against the
other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

_LINE = "\nProgram "
_DATA = "\nProgram data: "
_LOG = "\nProgram log: "
_INSTRUCTION = "Program log: Instruction: "
TRUNCATED = "Log truncated"
_TRUNCATED = f"\n{TRUNCATED}\n"


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


def joined(lines: Sequence[str]) -> str:
    """All lines as one text, each between newlines; newlines inside a line become spaces."""
    text = "\n".join(lines)
    if text.count("\n") >= len(lines):
        text = "\n".join([line.replace("\n", " ") for line in lines])
    return f"\n{text}\n"


def before_truncation(text: str) -> tuple[str, bool]:
    """What of a joined text was written before the runtime began to leave lines out."""
    at = text.find(_TRUNCATED)
    return (text, False) if at < 0 else (text[: at + 1], True)


# --- the hot path


class _Frames:
    """Last invocation at each depth before a position, remembered so that nothing is read twice."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._seen: dict[str, tuple[int, str]] = {}

    def owner(self, depth: str, before: int) -> str:
        """Program of the last `invoke [depth]` line that ends before a position, or ""."""
        text = self._text
        needle = f" invoke [{depth}]\n"
        since, owner = self._seen.get(depth, (0, ""))
        end = before + 1
        while (at := text.rfind(needle, since, end)) >= 0:
            start = text.rfind("\n", 0, at)
            program = text[start + 9 : at]
            if text.startswith(_LINE, start) and _is_key(program):
                owner = program
                break
            end = at  # a program's own text that looks like it
        self._seen[depth] = (before, owner)
        return owner


def _is_key(word: str) -> bool:
    return 32 <= len(word) <= 44 and word.isalnum()


def _next_runtime_line(text: str, at: int) -> tuple[int, str, str]:
    """Position, program and the rest of the first line from `at` on that the runtime wrote."""
    while True:
        space = text.find(" ", at + 9)
        word = text[at + 9 : space]
        if text.startswith(_LINE, at) and _is_key(word):
            return at, word, text[space + 1 : text.find("\n", space)]
        at = text.find(_LINE, at + 1)
        if at < 0:
            return len(text), "", ""


def _previous_runtime_line(text: str, at: int) -> tuple[str, str]:
    """Program and the rest of the last such line that ends at `at` or before."""
    while True:
        at = text.rfind(_LINE, 0, at)
        if at < 0:
            return "", ""
        space = text.find(" ", at + 9)
        word = text[at + 9 : space]
        if _is_key(word):
            return word, text[space + 1 : text.find("\n", space)]


def _prove(text: str, at: int, frames: _Frames) -> tuple[int, str]:
    """Owner of the data line at `at` ("" if not provable), and up to where the verdict holds."""
    until, program, what = _next_runtime_line(text, text.find("\n", at + 1))
    before, how = _previous_runtime_line(text, at)
    if what.startswith("invoke ["):
        depth = what[8:-1]
        if not depth.isdecimal() or len(depth) > 2:
            return until, ""
        outer = str(int(depth) - 1)
        owner = frames.owner(outer, at)
        if how.startswith("invoke [") and (before, how) != (owner, f"invoke [{outer}]"):
            return until, ""
        return until, owner
    if not what.startswith(("consumed ", "success", "failed")):
        return until, ""
    return until, program if before == program or not how.startswith("invoke [") else ""


def owned_data(text: str) -> tuple[list[tuple[str, int, int]], bool]:
    """Data lines of a joined text as (owner, start, end of the base64 text), and whether all are
    proven.

    An unproven line is left out: the invoke stack around it contradicts itself.
    """
    found: list[tuple[str, int, int]] = []
    at = text.find(_DATA)
    if at < 0:
        return found, True
    frames = _Frames(text)
    is_proven = True
    until, owner = -1, ""
    while at >= 0:
        end = text.find("\n", at + 15)
        if at > until:
            until, owner = _prove(text, at, frames)
        if owner:
            found.append((owner, at + 15, end))
        else:
            is_proven = False
        at = text.find(_DATA, end)
    return found, is_proven


def instructions_logged(text: str, address: str) -> Iterator[str]:
    """What each invocation of a program first says: its instruction's name, or "" if it says none.

    An event's self-CPI says nothing and is left out.
    """
    needle = f"\nProgram {address} invoke ["
    at = text.find(needle)
    while at >= 0:
        end = text.find("\n", at + len(needle))
        if text.startswith(_INSTRUCTION, end + 1):
            yield text[end + 27 : text.find("\n", end + 1)]
        elif not text.startswith(
            (f"Program {address} consumed", f"Program {address} success"), end + 1
        ):
            yield ""
        at = text.find(needle, end)


# --- the whole stack


def walk(lines: Iterable[str]) -> Walk:
    """Every data line with its writer, following the invoke stack until it is cut or
    contradictory.
    """
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
            depth = line[line.rfind("[") + 1 : -1]
            if depth != str(len(stack) + 1):
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
    """Program and what the runtime says of it: invoke, consumed, closed; ("", "") for other
    lines.
    """
    if not line.startswith("Program "):
        return "", ""
    space = line.find(" ", 8)
    program = line[8:space]
    if space < 0 or not _is_key(program):
        return "", ""
    rest = line[space + 1 :]
    if rest.startswith("invoke [") and rest.endswith("]"):
        return program, "invoke"
    if rest == "success" or rest.startswith("failed"):
        return program, "closed"
    return program, "consumed" if rest.startswith("consumed ") else ""
