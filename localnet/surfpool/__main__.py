"""`python -m localnet.surfpool`: Surfpool in the localnet's place, on its ports."""

from __future__ import annotations

import sys

from common.errors import CurvefeedError
from common.lifecycle import run_until_stopped
from common.logging import configure_logging
from common.settings import load_settings
from localnet.surfpool import run_surfpool


def main() -> int:
    """Runs until Ctrl-C; an error is one sentence on stderr."""
    try:
        settings = load_settings()
        configure_logging(settings.log_level, settings.log_format)
        run_until_stopped(run_surfpool(settings))
    except CurvefeedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
