"""`./run vulnerabilities`: what is publicly known against the locked packages.

Asks two services: OSV by pip-audit, and the npm registry's advisories. A machine that does not
reach one says so and goes on: `skipped`, with the reason. Only what was found makes it fail.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from frontend.build import FRONTEND, npm
from supply.sbom import ROOT, told, uv

_SERVICE = "api.osv.dev"
_REASON_CHARS = 160
_TIMEOUT_S = 120


class Outcome(msgspec.Struct, frozen=True):
    """What became of one question."""

    name: str
    is_good: bool
    said: str


def python_packages() -> Outcome:
    """pip-audit on the packages a user gets, as uv.lock pins them."""
    name = "pip-audit"
    try:
        socket.getaddrinfo(_SERVICE, 443)
    except OSError as error:
        return Outcome(name, True, f"skipped: {_SERVICE} is not reachable ({error.strerror})")
    export = [uv(), "export", "--frozen", "--no-default-groups", "--no-emit-project", "--quiet"]
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder, "requirements.txt")
        pinned.write_text(told(export))
        command = [
            str(Path(sys.executable).parent / "pip-audit"), "--requirement", str(pinned),
            "--disable-pip", "--require-hashes", "--vulnerability-service", "osv", "--format",
            "json", "--progress-spinner", "off", "--timeout", "15",
        ]  # fmt: skip
        status, out, err = _ran(command, ROOT)
    try:
        found = msgspec.json.decode(out)["dependencies"]
    except (msgspec.DecodeError, TypeError, KeyError):
        return Outcome(name, True, f"skipped: {_reason(err or out)}")
    hit = [each for each in found if each.get("vulns")]
    told_of = "; ".join(f"{each['name']} {each['version']}: {_ids(each)}" for each in hit)
    return Outcome(name, not hit and not status, told_of or f"{len(found)} packages, none known")


def _ids(dependency: dict[str, Any]) -> str:
    return ", ".join(
        f"{each['id']} (fixed in {', '.join(each['fix_versions']) or 'no version'})"
        for each in dependency["vulns"]
    )


def page_packages() -> Outcome:
    """npm audit on what the page is built of."""
    name = "npm audit"
    _, out, err = _ran(npm("audit", "--omit=dev", "--json"), FRONTEND)
    try:
        answer = msgspec.json.decode(out)
    except msgspec.DecodeError:
        return Outcome(name, True, f"skipped: {_reason(err or out)}")
    if "auditReportVersion" not in answer:
        return Outcome(name, True, f"skipped: {_reason(str(answer.get('message', out)))}")
    hit = answer["vulnerabilities"]
    told_of = "; ".join(
        f"{each['name']} {each['range']}: {each['severity']}" for each in hit.values()
    )
    return Outcome(name, not hit, told_of or "none known")


def _ran(command: list[str], folder: Path) -> tuple[int, str, str]:
    try:
        done = subprocess.run(  # noqa: S603 - our own tools
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return 1, "", f"no answer within {_TIMEOUT_S} s"
    return done.returncode, done.stdout, done.stderr


def _reason(text: str) -> str:
    """The last line that names what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines or ["it said nothing"])[-1][:_REASON_CHARS]


def main() -> int:
    """A line per service; exit status 1 only where something is known."""
    outcomes = [python_packages(), page_packages()]
    for each in outcomes:
        sys.stdout.write(f"{'ok    ' if each.is_good else 'FOUND '} {each.name}: {each.said}\n")
    return 0 if all(each.is_good for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
