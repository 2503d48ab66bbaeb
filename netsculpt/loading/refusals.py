"""Errors for files that no format recognises: what the file is, and what to use instead."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from netsculpt.core.errors import FormatError, NetsculptError, UnsafeFileError
from netsculpt.files.json_stream import begins_json
from netsculpt.files.source import Source

__all__ = ["NOT_MASKS", "mask_refusal", "refusal"]

NOT_MASKS: Final = MappingProxyType(  # formats whose files hold no masks, and what they are
    {
        "attribution": "an attribution graph in JSON",
        "graph": "a netsculpt graph",
        "onnx": "an ONNX model",
        "pt2": "an exported program",
        "wann_weights": "JSON",
    }
)
_STATE_DICT = "torch.save(model.state_dict(), 'weights.pt')"
_MAGIC = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"\x89HDF\r\n": "an HDF5 file (Keras?)",
    b"\x1f\x8b": "a gzip file: unpack it first",
    b"BZh": "a bzip2 file: unpack it first",
    b"\xfd7zXZ": "an xz file: unpack it first",
    b"7z\xbc\xaf": "a 7z file: unpack it first",
    b"PAR1": "a Parquet file",
    b"GGUF": "a GGUF file",
}
_ENCODINGS: Final = MappingProxyType(  # how text begins that is not plain UTF-8
    {
        "text with a byte order mark": re.compile(rb"\xef\xbb\xbf"),
        "text in UTF-16": re.compile(
            rb"\xff\xfe[^\0]\0|\xfe\xff\0[^\0]|[{\[]\0[^\0]\0|\0[{\[]\0[^\0]"
        ),
    }
)


def refusal(source: Source) -> NetsculptError:
    """The error to raise for a file that no format recognises."""
    names = source.members
    if any("/code/" in name or name.endswith("/constants.pkl") for name in names):
        return UnsafeFileError(
            f"{source.where} is a TorchScript program, which can only be read by running it: save "
            f"the weights where it was made, {_STATE_DICT}"
        )
    if any(name.endswith("/archive_format") for name in names) or (
        "serialized_exported_program.json" in names
    ):
        return FormatError(
            f"{source.where} is an exported program (.pt2) without a graph in the format of "
            "current torch: it is compiled, or from an old torch. Export the net again with torch "
            f">= 2.10 and torch.export.save, or save the weights, {_STATE_DICT}"
        )
    if _is_onnx(source.head):
        return FormatError(
            f"{source.where} begins like an ONNX model, but is cut off or damaged: fetch or export "
            "it again"
        )
    if source.head[257:262] == b"ustar":
        return UnsafeFileError(
            f"{source.where} is a tar file; those that early torch wrote can only be read by "
            f"running code from them: load it where it was made and save it again, {_STATE_DICT}"
        )
    for encoding, beginning in _ENCODINGS.items():
        if beginning.match(begins_json(source)):
            return FormatError(
                f"{source.where} is {encoding}: UTF-8 without a mark is needed, "
                "write it again with encoding='utf-8'"
            )
    return FormatError(f"{source.where} is {_kind(source)}{_needed(source)}")


def mask_refusal(source: Source, kind: str | None = None) -> NetsculptError:
    """The error to raise for a file that is given as masks and holds none; `kind` is what it is."""
    error = refusal(source)
    if kind is None and not isinstance(error, FormatError):
        return error
    return FormatError(
        f"{source.where} is {kind or _kind(source)}: a file of masks is needed, 0 or 1 for each "
        "weight under the name of the weight, such as numpy.savez('masks.npz', **masks) or "
        "torch.save(masks, 'masks.pt'); if the model has no masks, leave the option out"
    )


def _needed(source: Source) -> str:
    """What is needed instead, of the kinds that such a file may have been meant for."""
    weights = f"a file of weights is needed, such as {_STATE_DICT} writes"
    if b"\0" in source.head or source.members or not _is_text(source.head):
        return f": {weights}, or safetensors"
    if source.head.lstrip()[:1] in (b"{", b"["):
        return (
            f": {weights}, or an attribution graph, an object whose first key is metadata, "
            "qParams, nodes or links"
        )
    return f": {weights}, or rows of numbers with commas between them (.out)"


def _kind(source: Source) -> str:
    head = source.head
    if source.members:
        return "a zip file that holds neither torch tensors nor arrays alone"
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    if b"\0" not in head and _is_text(head):
        return "JSON" if head.lstrip()[:1] in (b"{", b"[") else "a text file"
    return "in no known format, or its beginning is missing"


def _is_text(head: bytes) -> bool:
    try:
        head[:-3].decode() if len(head) > 3 else head.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return True


def _is_onnx(head: bytes) -> bool:
    """Whether the file begins like an ONNX model: IR version, then producer, opset or graph."""
    return len(head) > 2 and head[0] == 0x08 and 0 < head[1] < 32 and head[2] in b"\x12\x3a\x42"
