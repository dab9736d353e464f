"""The Autobahn test suite against our framing and uvicorn's own, in one run:

    python -m tests.conformance.autobahn [CASE …]       e.g. 1.* 6.*, or all

By default all but 9, 12 and 13, which send megabytes and take an hour.

Autobahn needs Python 2.7. Debian 11 has the last one: it is fetched by apt-get into .cache, beside
the system's packages, and nothing is installed. The rest comes from PyPI by Python 2's last pip.
Exit status 0 only if we fail no case.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from tests.conformance.echo import OURS, SERVERS

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".cache" / "autobahn"
DEBIAN = "http://deb.debian.org/debian"
PYTHON2 = (
    "python2.7-minimal", "python2.7", "libpython2.7-minimal", "libpython2.7-stdlib", "libpython2.7",
    "libpython2.7-dev", "python2.7-dev", "libffi7", "libssl1.1",
)  # fmt: skip
PIP = "pip==20.3.4"
WSPROTO = "wsproto==1.3.2"
QUICK = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*")
RIGHT = ("OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED")
_TIMEOUT_S = 3_600
_WSTEST = f"""
import site, sys
site.addsitedir({str(KEPT / "site")!r})  # with the .pth files of its namespaces
from autobahntestsuite.wstest import run
sys.exit(run())
"""


def is_installed() -> bool:
    """Is everything there?"""
    return (KEPT / "ready").exists()


def install() -> None:
    """Once. Raises CalledProcessError where Debian or PyPI are out of reach."""
    shutil.rmtree(KEPT, ignore_errors=True)
    (KEPT / "apt" / "lists" / "partial").mkdir(parents=True)
    (KEPT / "apt" / "archives" / "partial").mkdir(parents=True)
    key = "/usr/share/keyrings/debian-archive-keyring.gpg"
    source = KEPT / "apt" / "sources.list"
    source.write_text(f"deb [check-valid-until=no signed-by={key}] {DEBIAN} bullseye main\n")
    _apt_get("update")
    _apt_get("download", *PYTHON2)
    for archive in (KEPT / "apt").glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", archive, KEPT / "debian"], check=True)
    uv = shutil.which("uv") or next(map(str, (ROOT / ".cache").glob("uv-*")))
    site = KEPT / "site"
    _fetch(uv, site, PIP, "setuptools==44.1.1", "wheel==0.37.1")
    _python2("-m", "pip", "install", "--quiet", "--target", str(site), "--upgrade", "--no-deps",
             "--requirement", str(Path(__file__).with_suffix(".txt")))  # fmt: skip
    _fetch(uv, KEPT / "wsproto", WSPROTO)
    (KEPT / "ready").touch()


def _apt_get(*args: str) -> None:
    places = {"Dir::Etc::sourcelist": "sources.list", "Dir::State::lists": "lists",
              "Dir::Cache": "."}  # fmt: skip
    options = [f"-o{name}={KEPT / 'apt' / place}" for name, place in places.items()]
    options += ["-oDir::Etc::sourceparts=-", "-oAPT::Sandbox::User="]
    subprocess.run(["apt-get", "-q", *options, *args], cwd=KEPT / "apt", check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # fmt: skip


def _fetch(uv: str, target: Path, *packages: str) -> None:
    """Wheels that are good for Python 2, too: our Python may unpack them."""
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--no-deps", "--target", str(target), *packages],
        check=True,
    )


def _python2(*args: str, cwd: Path | None = None, log: TextIO | None = None) -> None:
    include = KEPT / "debian" / "usr" / "include"
    env = os.environ | {
        "PYTHONPATH": str(KEPT / "site"),
        "LD_LIBRARY_PATH": str(KEPT / "debian" / "usr" / "lib" / "x86_64-linux-gnu"),
        "CFLAGS": f"-I{include / 'python2.7'} -I{include}",
        "PYTHONWARNINGS": "ignore",
    }
    program = KEPT / "debian" / "usr" / "bin" / "python2.7"
    subprocess.run([program, *args], check=True, cwd=cwd, env=env, timeout=_TIMEOUT_S, stdout=log)


@contextmanager
def serving(name: str) -> Iterator[int]:
    """An echo server; its port."""
    env = os.environ | {"PYTHONPATH": str(KEPT / "wsproto")}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.conformance.echo", name], cwd=ROOT, env=env,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def run(cases: Sequence[str], servers: Sequence[str] = SERVERS) -> dict[str, dict[str, str]]:
    """Play the cases against each server: server → case → Autobahn's word for it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="autobahn-")))
        urls = {name: f"ws://127.0.0.1:{stack.enter_context(serving(name))}/" for name in servers}
        spec = {
            "outdir": str(folder / "reports"),
            "servers": [{"agent": name, "url": url} for name, url in urls.items()],
            "cases": list(cases),
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        (folder / "spec.json").write_text(json.dumps(spec))
        with (folder / "log").open("w") as log:
            _python2("-c", _WSTEST, "-m", "fuzzingclient", "-s", "spec.json", cwd=folder, log=log)
        found = json.loads((folder / "reports" / "index.json").read_text())
    return {name: {case: each["behavior"] for case, each in found[name].items()} for name in found}


def failures(of: dict[str, str]) -> list[str]:
    """Cases that are not right, in order."""
    return sorted((case for case, word in of.items() if word not in RIGHT), key=_order)


def _order(case: str) -> tuple[int, ...]:
    return tuple(map(int, case.split(".")))


def table(found: dict[str, dict[str, str]]) -> str:
    """Groups by servers: cases right of cases played, and which were not."""
    groups: dict[int, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for name, words in found.items():
        for case, word in words.items():
            groups[_order(case)[0]][name][word] += 1
    lines = ["| group | " + " | ".join(found) + " |", "|---|" + "---|" * len(found)]
    for group, counts in sorted(groups.items()):
        cells = [_cell(counts[name]) for name in found]
        lines.append(f"| {group} | " + " | ".join(cells) + " |")
    lines.append("| failed | " + " | ".join(
        ", ".join(failures(words)) or "none" for words in found.values()
    ) + " |")  # fmt: skip
    return "\n".join(lines)


def _cell(words: Counter[str]) -> str:
    named = [f"{count} {word.lower()}" for word, count in sorted(words.items()) if word != "OK"]
    return ", ".join([f"{words['OK']} ok", *named])


def main(cases: Sequence[str]) -> int:
    """Exit status."""
    if not is_installed():
        install()
    wanted = ["*"] if list(cases) == ["all"] else cases
    found = run(wanted or QUICK)
    print(table(found))
    return 1 if failures(found[OURS]) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
