"""Images and labels in IDX files, the format of MNIST and Fashion-MNIST."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.core.numbers import checked_whole
from netsculpt.training.tasks.goals import Classes
from netsculpt.training.tasks.protocol import Task

__all__ = ["idx"]

_GZIP = b"\x1f\x8b"
_BYTES = b"\0\0\x08"  # the beginning of an IDX file of unsigned bytes
_LARGEST = 255
_DEFLATE_RATIO = 1032  # the most that deflate can shrink data
_MOST_AXES = 8
_CHUNK = 1 << 20


def idx(
    images: Path | str, labels: Path | str, *, n_classes: int = 10, max_bytes: int = 1 << 30
) -> Task:
    """Read a classification task from two IDX files, gzipped or not.

    Nothing is downloaded. Sizes in the header are checked against the length of the file, and a
    gzipped file is never unpacked beyond them. The name of a file does not matter.

    Parameters
    ----------
    images
        Unsigned bytes [n, …], such as ``train-images-idx3-ubyte.gz``.
    labels
        Unsigned bytes [n].
    n_classes
        Classes are 0 … n_classes − 1; other labels are refused.
    max_bytes
        Largest size of a file, unpacked. The inputs take four times as much memory.

    Returns
    -------
    Task
        Inputs [n, product of the other axes] in 0 … 1, targets [n, 1], nothing held out.

    Raises
    ------
    FormatError
        If a file is not an IDX file of bytes, is cut off or too long, or does not fit the other.
    LimitError
        If a file holds more than `max_bytes`.

    Examples
    --------
    >>> train = idx("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")  # doctest: +SKIP
    >>> hold_out(train, 1 / 6, rng=0).n_samples  # doctest: +SKIP
    50000
    """
    import torch

    n_classes = checked_whole(n_classes, "n_classes", least=1)
    pixels, classes = _array(Path(images), max_bytes), _array(Path(labels), max_bytes)
    if pixels.ndim < 2 or classes.ndim != 1 or pixels.shape[0] != classes.shape[0]:
        raise FormatError(
            f"images are {list(pixels.shape)}, labels {list(classes.shape)}: [n, height, width] "
            "and [n] of the same n are needed; are these the right two files, in this order?"
        )
    flat = pixels.reshape(pixels.shape[0], -1)
    inputs = torch.from_numpy(flat).to(torch.float32).div_(_LARGEST)
    targets = torch.from_numpy(classes).to(torch.int64)[:, None]
    return Task("idx", inputs, targets, Classes((n_classes,)))


def _array(path: Path, max_bytes: int) -> NDArray[np.uint8]:
    if not path.is_file():
        raise FormatError(f"no file at '{path}': name an IDX file, gzipped or not")
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == _GZIP
            file.seek(0)
            n_held = path.stat().st_size * (_DEFLATE_RATIO if zipped else 1)
            if not zipped:
                return _read(file, path, n_held, max_bytes)
            with gzip.open(file) as unpacked:
                return _read(unpacked, path, n_held, max_bytes)
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(
            f"'{path}' cannot be read: {error}; fetch it again if it is damaged"
        ) from None


def _read(
    file: BinaryIO | gzip.GzipFile, path: Path, n_held: int, max_bytes: int
) -> NDArray[np.uint8]:
    """The array in a file that can hold at most `n_held` bytes."""
    magic = file.read(4)
    n_axes = magic[3] if len(magic) == 4 and magic[:3] == _BYTES else 0
    if not 0 < n_axes <= _MOST_AXES:
        raise FormatError(
            f"'{path}' begins with {magic.hex(' ') or 'nothing'}: an IDX file of unsigned bytes "
            "begins with 00 00 08 and its number of axes"
        )
    sizes = file.read(4 * n_axes)
    if len(sizes) < 4 * n_axes:
        raise FormatError(f"'{path}' ends within its header: it is cut off; fetch it again")
    shape = struct.unpack(f">{n_axes}I", sizes)
    n_bytes = math.prod(shape)
    if not n_bytes:
        raise FormatError(
            f"'{path}' holds an empty array of shape {list(shape)}: give a file with data"
        )
    if n_bytes > n_held:
        raise _cut_off(path, shape)
    if n_bytes > max_bytes:
        raise LimitError(
            f"'{path}' holds {n_bytes} bytes, {max_bytes} are allowed: raise max_bytes if you "
            "trust the file"
        )
    content = bytearray()
    while chunk := file.read(min(_CHUNK, n_bytes + 1 - len(content))):
        content += chunk
    if len(content) < n_bytes:
        raise _cut_off(path, shape)
    if len(content) > n_bytes:
        raise FormatError(
            f"'{path}' continues after its array of shape {list(shape)}: its header is wrong; "
            "fetch it again"
        )
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _cut_off(path: Path, shape: tuple[int, ...]) -> FormatError:
    return FormatError(
        f"'{path}' is shorter than the array of shape {list(shape)} that it claims: it is cut off "
        "or its header is wrong; fetch it again"
    )
