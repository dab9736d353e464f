"""The demo's pictures: real ones, small enough for a token's own address."""

from __future__ import annotations

import io
import random

from PIL import Image

from localnet.traders.names import coin_name
from localnet.traders.pictures import creature, described_inline

MOST_URI_BYTES = 200
"""pump's limit."""


def test_every_picture_is_a_gif_that_others_can_read() -> None:
    """Pillow reads each one whole: eight by eight pixels, mirrored, of at most four colours."""
    for number in range(300):
        with Image.open(io.BytesIO(creature(f"coin {number}"))) as image:
            assert image.size == (8, 8)
            pixels = image.convert("RGB")
        for y in range(8):
            row = [pixels.getpixel((x, y)) for x in range(8)]
            assert row == row[::-1]
        assert len(pixels.getcolors() or [()] * 9) <= 4


def test_a_picture_follows_from_the_token() -> None:
    """The same token has the same picture wherever it is drawn, and another one another."""
    assert described_inline("Jolly Otter OTTER") == described_inline("Jolly Otter OTTER")
    assert described_inline("Jolly Otter OTTER") != described_inline("Jolly Otter JOTTER")


def test_every_address_fits_on_the_chain() -> None:
    """Names, tickers and addresses stay below what pump's program takes."""
    rng = random.Random(1)
    for _ in range(2_000):
        token = coin_name(rng, set())
        assert len(token.uri.encode()) <= MOST_URI_BYTES
        assert len(token.name.encode()) <= 32
        assert len(token.symbol.encode()) <= 13
