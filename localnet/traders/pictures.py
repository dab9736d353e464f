"""Pictures for tokens that nobody drew: creatures of eight by eight pixels, small enough to stand
in a token's own address on the chain, so that a demo has pictures without a network.
"""

from __future__ import annotations

import base64
import colorsys
import random
import struct

EDGE = 8
_CLEAR, _END, _FIRST_CODE, _LEAST_BITS = 4, 5, 6, 3
_HEADER = b"GIF87a" + struct.pack("<HHBBB", EDGE, EDGE, 0x81, 0, 0)
_FRAME = b"," + struct.pack("<HHHHB", 0, 0, EDGE, EDGE, 0)
_LZW_BITS = 2


def described_inline(seed: str) -> str:
    """A data URI of a JSON document with a picture in it; always the same for the same `seed`."""
    picture = base64.b64encode(creature(seed)).decode()
    return f'data:application/json,{{"image":"data:image/gif;base64,{picture}"}}'


def creature(seed: str) -> bytes:
    """A GIF: mirrored left to right, in four colours that go together."""
    rng = random.Random(seed)  # noqa: S311 - a drawing, not a secret
    half = EDGE // 2
    rows = []
    for y in range(EDGE):
        is_edge = y in (0, EDGE - 1)
        left = [_pixel(rng, is_edge or x == 0) for x in range(half)]
        rows += [*left, *reversed(left)]
    return _HEADER + _palette(rng) + _FRAME + _compressed(rows) + b";"


def _pixel(rng: random.Random, is_edge: bool) -> int:
    """0 is the background; at the edges there is more of it."""
    weights = (6, 2, 1, 1) if is_edge else (2, 5, 2, 2)
    return rng.choices(range(4), weights)[0]


def _palette(rng: random.Random) -> bytes:
    hue = rng.random()
    shades = ((hue, 0.93, 0.35), (hue, 0.5, 0.8), (hue + 0.08, 0.7, 0.85), (hue + 0.5, 0.3, 0.6))
    colours = (colorsys.hls_to_rgb(tone % 1, light, deep) for tone, light, deep in shades)
    return bytes(round(255 * part) for colour in colours for part in colour)


def _compressed(pixels: list[int]) -> bytes:
    """GIF's LZW, in one block of at most 255 bytes."""
    codes: dict[tuple[int, ...], int] = {(value,): value for value in range(4)}
    bits, width, count = _CLEAR, _LEAST_BITS, _LEAST_BITS
    word: tuple[int, ...] = ()
    following = _FIRST_CODE
    for pixel in pixels:
        longer = (*word, pixel)
        if longer in codes:
            word = longer
            continue
        bits |= codes[word] << count
        count += width
        codes[longer] = following
        if following == 1 << width:
            width += 1
        following += 1
        word = (pixel,)
    bits |= codes[word] << count
    count += width
    bits |= _END << count
    count += width
    data = bits.to_bytes((count + 7) // 8, "little")
    return bytes([_LZW_BITS, len(data)]) + data + b"\0"
