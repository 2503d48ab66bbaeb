"""PNG files of figures, written in half of the time that Pillow takes, and no larger.

Pillow tries five filters on each row of pixels. None of them helps where most pixels are white.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, BinaryIO, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from numpy.typing import NDArray

__all__ = ["FigureCanvas", "png"]

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES: Final = {3: 2, 4: 6}  # by the number of channels: RGB, RGBA
_INCH: Final = 0.0254  # metres
_LEVEL: Final = 4  # of zlib's compression: 5 and above take longer for some percent


class FigureCanvas(FigureCanvasAgg):
    """What ``savefig`` uses for PNG files."""

    def print_png(self, filename_or_obj: BinaryIO, **_: Any) -> None:
        """Draw the figure and write its pixels; metadata are not written."""
        FigureCanvasAgg.draw(self)  # type: ignore[no-untyped-call]
        pixels = np.asarray(self.buffer_rgba())  # type: ignore[no-untyped-call]
        filename_or_obj.write(png(pixels, self.figure.dpi))


def png(pixels: NDArray[np.uint8], dots: float) -> bytes:
    r"""A PNG file of pixels [height, width, 4] in RGBA, which says how many `dots` make an inch.

    Opaque pixels are written as RGB. O(pixels). PNG, third edition (W3C, 2025).

    >>> png(np.zeros((2, 3, 4), np.uint8), 300)[:4]
    b'\x89PNG'
    """
    height, width, _ = pixels.shape
    shown = pixels[..., :3] if (pixels[..., 3] == 255).all() else pixels
    channels = shown.shape[2]
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # first the filter of a row: none
    rows[:, 1:] = shown.reshape(height, -1)
    per_metre = round(dots / _INCH)
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1)),
            _chunk(b"IDAT", zlib.compress(rows.data, _LEVEL)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
