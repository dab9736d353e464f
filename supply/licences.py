"""`python -m supply.licences` writes docs/reference/licences.md; a licence that nobody allowed, or
none, ends it (and `./run lint`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from supply.sbom import ROOT, page_bill, python_bill

PAGE = ROOT / "docs" / "reference" / "licences.md"
ALLOWED = frozenset(
    {
        "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "CC0-1.0", "ISC",
        "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "OFL-1.1", "PSF-2.0", "PostgreSQL", "Python-2.0",
        "Unlicense", "Zlib",
    }
)  # fmt: skip
"""What may be part of what we ship: permissive, or (MPL, OFL) reaching no further than a file."""
NAMED = MappingProxyType(
    {"License :: OSI Approved :: Apache Software License": "Apache-2.0"},
)
STATED = MappingProxyType(
    {
        "solders": ("Apache-2.0", "by the LICENSE file in its wheel; its metadata name none"),
        "jsonalias": (
            "none stated",
            "one type alias, required by solders and imported only by type checkers; upstream has "
            "published no licence with it",
        ),
        "caniuse-lite": ("CC-BY-4.0", "data that the page's build reads; none of it is shipped"),
    }
)
"""By name: what is known of packages whose metadata do not say it, or that need a word."""
_BUILD_ONLY = "binary of a build tool for one platform; in no page and no wheel"


class Package(msgspec.Struct, frozen=True, order=True):
    """One package and its licence."""

    name: str
    version: str
    licence: str
    remark: str
    is_allowed: bool


def packages(bill: Mapping[str, Any]) -> list[Package]:
    """Every package of a bill of materials, by name."""
    return sorted(_package(each) for each in bill["components"])


def _package(component: Mapping[str, Any]) -> Package:
    group = component.get("group")
    name = f"{group}/{component['name']}" if group else str(component["name"])
    licence = " AND ".join(sorted(set(_licences(component))))
    remark = ""
    if component.get("scope") == "optional" and not is_allowed(licence):
        licence, remark = licence or "none stated", _BUILD_ONLY
    elif name in STATED and not is_allowed(licence):
        licence, remark = STATED[name]
    return Package(name, component["version"], licence, remark, bool(remark) or is_allowed(licence))


def _licences(component: Mapping[str, Any]) -> Iterator[str]:
    for each in component.get("licenses", []):
        found = each.get("expression") or each["license"].get("id") or each["license"].get("name")
        yield NAMED.get(found, found)


def is_allowed(expression: str) -> bool:
    """Whether an SPDX expression can be met by allowed licences alone."""
    either = re.split(r"\s+OR\s+", expression.strip("() "))
    return any(
        all(each.strip("() ") in ALLOWED for each in re.split(r"\s+AND\s+", one)) for one in either
    )


def page(bills: Iterable[tuple[str, list[Package]]]) -> str:
    """The text of docs/reference/licences.md."""
    lines = [
        "# Licences", "",
        "<!-- Made by `python -m supply.licences` from uv.lock and package-lock.json. -->", "",
        "curvefeed is under the MIT licence. What an installation brings along, by what the "
        "packages say of themselves; `./run lint` fails at a licence that is not on the list in "
        "`supply/licences.py`. `./run sbom` writes the same as CycloneDX.", "",
    ]  # fmt: skip
    for title, found in bills:
        lines += [f"## {title}", "", "| Package | Version | Licence | |", "|---|---|---|---|"]
        lines += [f"| {p.name} | {p.version} | {p.licence} | {p.remark} |" for p in found]
        lines.append("")
    return "\n".join(lines)


def main() -> int:
    """Write the page; exit status 1 where a licence is not allowed or `--check` finds it old."""
    bills = [
        ("Python packages", packages(python_bill())),
        ("Packages of the page's build", packages(page_bill())),
    ]
    wrong = [each for _, found in bills for each in found if not each.is_allowed]
    for each in wrong:
        sys.stderr.write(
            f"{each.name} {each.version}: {each.licence or 'no licence stated'} is not allowed\n"
        )
    if "--check" not in sys.argv:
        PAGE.write_text(page(bills))
        return 1 if wrong else 0
    # Another system or Python needs some packages less or more: what is here must be there.
    known = PAGE.read_text()
    lacking = [each for _, found in bills for each in found if f"| {each.name} |" not in known]
    for each in lacking:
        sys.stderr.write(f"{each.name} is not in {PAGE.name}: run python -m supply.licences\n")
    return 1 if wrong or lacking else 0


if __name__ == "__main__":
    sys.exit(main())
