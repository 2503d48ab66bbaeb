"""IDX files: they are read as written, and headers are not trusted."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.training.tasks import Classes, Task, digit_sum, hold_out, idx

IMAGES = np.random.default_rng(0).integers(256, size=(6, 3, 4), dtype=np.uint8)
IMAGES[0, 0, :2] = 0, 255
LABELS = np.array([0, 1, 9, 3, 7, 2], dtype=np.uint8)


def content(array: np.ndarray, shape: tuple[int, ...] | None = None, kind: int = 8) -> bytes:
    sizes = array.shape if shape is None else shape
    return (
        bytes([0, 0, kind, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + array.tobytes()
    )


@pytest.fixture
def read(tmp_path: Path):
    def made(images: bytes, labels: bytes = content(LABELS), **options: int) -> Task:
        paths = tmp_path / "images.gz", tmp_path / "labels"  # endings are not believed either
        for path, text in zip(paths, (images, labels), strict=True):
            path.write_bytes(text)
        return idx(paths[0], str(paths[1]), **options)

    return made


@pytest.mark.parametrize("zipped", [False, True])
def test_what_is_written_is_read(read, zipped: bool) -> None:
    text = content(IMAGES)
    made = read(gzip.compress(text) if zipped else text, gzip.compress(content(LABELS)))
    np.testing.assert_allclose(made.inputs.numpy() * 255, IMAGES.reshape(6, 12), rtol=1e-6)
    assert made.inputs[0, :2].tolist() == [0, 1]
    assert made.targets[:, 0].tolist() == LABELS.tolist()
    assert made.targets.dtype == torch.int64
    assert made.goal == Classes((10,))
    assert made.truth is None
    assert hold_out(made, 0.5, rng=0).validation.n_samples == 3
    assert digit_sum(made, 4, rng=0).inputs.shape == (4, 24)


def test_several_gzip_members(read) -> None:
    text = content(IMAGES)
    made = read(gzip.compress(text[:20]) + gzip.compress(text[20:]))
    assert made.inputs.shape == (6, 12)


GOOD = content(IMAGES)
BAD = {
    "empty": (b"", "begins with nothing"),
    "short magic": (GOOD[:3], "begins with 00 00 08:"),
    "other magic": (b"\x89PNG" + GOOD[4:], "begins with 89 50"),
    "floats": (content(IMAGES, kind=0x0D), "unsigned bytes"),
    "no axes": (b"\0\0\x08\0" + GOOD, "number of axes"),
    "many axes": (b"\0\0\x08\xff" + GOOD, "number of axes"),
    "cut header": (GOOD[:9], "within its header"),
    "cut content": (GOOD[:-1], "shorter than the array"),
    "too long": (GOOD + b"\0", "continues after"),
    "empty array": (content(IMAGES[:0]), "an empty array"),
    "zero pixels": (content(IMAGES, (6, 0, 4)), "an empty array"),
    "huge": (content(IMAGES, (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF)), "shorter than the array"),
    "wraps": (content(IMAGES, (1 << 31, 1 << 31, 4, 72)), "shorter than the array"),
    "labels twice": (content(LABELS), "the right two files"),
    "other n": (content(IMAGES[:5]), "the right two files"),
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("case", BAD)
def test_hostile_files(read, case: str, zipped: bool) -> None:
    text, message = BAD[case]
    with pytest.raises(FormatError, match=message):
        read(gzip.compress(text) if zipped else text)


@pytest.mark.parametrize("cut", [3, 12, -9, -4, -1])
def test_cut_gzip(read, cut: int) -> None:
    with pytest.raises(FormatError, match="cannot be read"):
        read(gzip.compress(GOOD)[:cut])


def test_damaged_gzip(read) -> None:
    text = bytearray(gzip.compress(GOOD))
    text[-8] ^= 1  # the checksum
    with pytest.raises(FormatError, match="cannot be read"):
        read(bytes(text))
    with pytest.raises(FormatError, match="cannot be read"):
        read(gzip.compress(GOOD) + b"rubbish")


def test_a_bomb_is_unpacked_no_further_than_it_claims(read) -> None:
    text = gzip.compress(GOOD + bytes(1 << 26))
    with pytest.raises(FormatError, match="continues after"):
        read(text)


def test_the_limit(read) -> None:
    assert read(GOOD, max_bytes=72).n_samples == 6
    for text in (GOOD, gzip.compress(GOOD)):
        with pytest.raises(LimitError, match="72 bytes, 71 are allowed"):
            read(text, max_bytes=71)


def test_labels_beyond_the_classes(read) -> None:
    with pytest.raises(FormatError, match="0 … 9, 5 classes"):
        read(GOOD, n_classes=5)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no file at"):
        idx(tmp_path / "none", tmp_path / "none")
    with pytest.raises(FormatError, match="no file at"):
        idx(tmp_path, tmp_path)
