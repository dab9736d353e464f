"""Coverage-guided fuzzing of the decoders with atheris, which lives in an environment of its own:

    UV_PROJECT_ENVIRONMENT=.cache/fuzz uv sync --frozen --only-group fuzz
    .cache/fuzz/bin/python -m tests.fuzz.fuzz .cache/fuzz-corpus tests/fuzz/corpus -max_len=4096

The first folder gets seeds and what is found to reach new code. Ends at the first failure and
writes the input to a file `crash-…`: keep it in tests/fuzz/corpus, where the tests run it for
ever. `-runs=10000000` bounds the number of inputs, `-max_total_time=20` the seconds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["programs"]):
    from tests.fuzz.seeds import write_seeds
    from tests.fuzz.targets import one_input

if __name__ == "__main__":
    folders = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    if folders:
        write_seeds(Path(folders[0]))
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
