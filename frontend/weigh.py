"""How much a built page makes a browser fetch before it lives: `python -m frontend.weigh`.

Scripts named in the page's own HTML, gzipped as a proxy would send them; not those for browsers of
long ago, and not what a page asks for later, such as the chart.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from pathlib import Path

from frontend.build import build

PAGES = ("index.html", "trade/index.html", "wallet/index.html", "status/index.html")
_SCRIPT = re.compile(r'<script(?![^>]*nomodule)[^>]+src="(/_next/[^"?]+\.js)', re.IGNORECASE)


def scripts_bytes(page: Path, html: str) -> int:
    """Bytes, gzipped, of all scripts that this HTML file loads. Raises OSError where one lacks."""
    names = set(_SCRIPT.findall((page / html).read_text()))
    return sum(len(gzip.compress((page / name.lstrip("/")).read_bytes(), 9)) for name in names)


def main() -> int:
    """One JSON line per page."""
    page = build()
    for html in PAGES:
        kib = round(scripts_bytes(page, html) / 1024, 1)
        sys.stdout.write(json.dumps({"page": html, "scripts_gzip_kib": kib}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
