"""A program by itself: a stranger's picture on stdin, a small WebP on stdout or a reason on stderr.

It runs without our environment, with little memory and time, so that whatever a decoder of pictures
does with hostile bytes, it does not do it to the indexer. Needs Pillow and the standard library.
"""

import io
import os
import resource
import sys
import warnings

FORMATS = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"RIFF": "WEBP"}
EDGE = 128
MOST_PIXELS = 24_000_000
MEMORY_BYTES = 768 * 1024 * 1024
CPU_S = 10
_SMALL = 32
"""Up to this edge a picture is pixel art: it is enlarged without blurring."""


def format_of(data: bytes) -> str | None:
    """By its first bytes, never by what somebody says; None: nothing we decode (SVG among it)."""
    for magic, name in FORMATS.items():
        if data.startswith(magic) and (name != "WEBP" or data[8:12] == b"WEBP"):
            return name
    return None


def thumbnail(data: bytes) -> bytes:
    """A WebP of at most EDGE pixels a side: the first frame, without anything but its pixels.

    Raises ValueError with the reason.
    """
    from PIL import Image, ImageOps

    name = format_of(data)
    if name is None:
        raise ValueError("it is no PNG, JPEG, GIF or WebP")
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with Image.open(io.BytesIO(data), formats=[name]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError("the picture has too many pixels")
            image.draft("RGB", (EDGE, EDGE))
            pixels = image.convert("RGBA")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValueError("the picture has too many pixels") from None
    except (OSError, SyntaxError, IndexError, EOFError, MemoryError):
        raise ValueError("the picture is broken") from None
    is_small = max(pixels.size) <= _SMALL
    method = Image.Resampling.NEAREST if is_small else Image.Resampling.LANCZOS
    small = ImageOps.contain(pixels, (EDGE, EDGE), method)
    out = io.BytesIO()
    small.save(out, "WEBP", lossless=is_small, quality=80, method=4)
    return out.getvalue()


def main() -> None:
    """As the worker starts it."""
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        sys.stdout.buffer.write(thumbnail(sys.stdin.buffer.read()))
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
