"""docs/reference says what the code says."""

from __future__ import annotations

from docs.generate import FOLDER, pages


def test_the_reference_is_what_the_code_says() -> None:
    """`python -m docs.generate` would change nothing."""
    for file, text in pages().items():
        assert (FOLDER / file).read_text() == text, file
