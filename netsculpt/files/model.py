"""``model.pt``: one file that training writes and loading reads.

A plain dict of tensors and JSON-able metadata, written by ``torch.save``, that
``torch.load(weights_only=True)`` accepts:

    {"format": "netsculpt model", "version": 1,
     "net": {"family": "mlp", "widths": [4, 8, 2], "activation": "relu"},
     "state": {"0.weight": tensor, …}, "masks": {"0.weight": bool tensor, …}, "metadata": {…}}
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsculpt.core.errors import FormatError
from netsculpt.files import torch_zip
from netsculpt.files.arrays import is_tensor
from netsculpt.files.source import Source
from netsculpt.files.torch import save

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = [
    "Model",
    "as_model",
    "check_model",
    "is_model",
    "model_content",
    "read_model",
    "read_tensors",
    "write_model",
]

_FORMAT = "netsculpt model"
_VERSION = 1
_OF_TENSORS = ("state", "masks")
_DICTS = ("net", *_OF_TENSORS, "metadata")
_MOST_VALUES, _DEEPEST = 1_000_000, 50  # in the description of a net or the metadata


@dataclass(frozen=True, eq=False)
class Model:
    """The content of a ``model.pt``."""

    net: Mapping[str, Any]  # how to build the net: {"family": …, "widths": …, …}
    state: Mapping[str, Tensor]  # parameters and buffers by name, in the net's order
    masks: Mapping[str, Tensor]  # bool, True = kept, by the name of the parameter
    metadata: Mapping[str, Any]  # JSON-able: seeds, scores, versions


def write_model(
    path: str | os.PathLike[str],
    *,
    net: Mapping[str, Any],
    state: Mapping[str, Tensor | NDArray[Any]],
    masks: Mapping[str, Tensor | NDArray[Any]],
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a ``model.pt``: whole or not at all, and the same bytes for the same content.

    Parameters
    ----------
    path
        The file; an existing one is replaced in one step.
    net
        How to build the net, JSON-able, with at least "family".
    state
        Tensors or arrays by name, in the order of the net; copied to the CPU without gradients.
    masks
        Boolean tensors or arrays by names of `state`, of the same shapes. True = kept.
    metadata
        Anything JSON-able.

    Examples
    --------
    >>> import tempfile, torch
    >>> path = Path(tempfile.mkdtemp()) / "model.pt"
    >>> state = {"0.weight": torch.eye(2)}
    >>> masks = {"0.weight": state["0.weight"] > 0}
    >>> write_model(path, net={"family": "mlp"}, state=state, masks=masks)
    >>> read_model(path).masks["0.weight"].tolist()
    [[True, False], [False, True]]
    """
    content = {
        **model_content(
            _plain(net, "net"),
            {name: _compact(tensor) for name, tensor in state.items()},
            {name: _compact(mask) for name, mask in masks.items()},
        ),
        "metadata": _plain(metadata or {}, "metadata"),
    }
    as_model(content, "the model to write")
    save(content, Path(path))


def model_content(
    net: Mapping[str, Any], state: Mapping[str, Tensor], masks: Mapping[str, Tensor] | None = None
) -> dict[str, Any]:
    """What a ``model.pt`` holds, without metadata, for nets that come from elsewhere."""
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "net": dict(net),
        "state": dict(state),
        "masks": dict(masks or {}),
        "metadata": {},
    }


def read_model(path: str | os.PathLike[str], *, max_bytes: int = 8 * 2**30) -> Model:
    """Read a ``model.pt`` without running code from it.

    Raises
    ------
    FormatError
        If it is not a ``model.pt`` of this version, or its parts do not fit each other.
    """
    value = read_tensors(path, max_bytes=max_bytes)
    where = repr(Path(path).name)
    if not is_model(value):
        raise FormatError(
            f"{where} is not a model.pt of netsculpt, which holds a net with its description: give "
            "one that 'netsculpt train' or 'sculpt' wrote, or write yours with "
            "netsculpt.files.model.write_model, as docs/importance.md#a-net-of-your-own shows"
        )
    return as_model(value, where)


def read_tensors(path: str | os.PathLike[str], *, max_bytes: int = 8 * 2**30) -> Any:
    """Read a file of ``torch.save`` with all checks of untrusted files; None if it is none.

    netsculpt reads all torch files that it wrote through this function.
    """
    source = Source.open(Path(path), max_bytes)
    return torch_zip.read(source).value if torch_zip.sniff(source) else None


def is_model(value: object) -> bool:
    """Whether the content of a torch file is marked as a ``model.pt``."""
    mark = value.get("format") if isinstance(value, dict) else None
    return isinstance(mark, str) and mark == _FORMAT


def as_model(value: Mapping[str, Any], where: str) -> Model:
    """The content of a ``model.pt`` after checks; arrays in it become tensors over the same memory.

    Raises
    ------
    FormatError
        As `check_model`.
    """
    import torch

    check_model(value, where)
    state, masks = (
        {name: torch.as_tensor(x) for name, x in value[part].items()} for part in _OF_TENSORS
    )
    return Model(value["net"], state, masks, value["metadata"])


def check_model(value: Mapping[str, Any], where: str) -> None:
    """Check the content of a ``model.pt`` that has tensors or arrays in it, without torch.

    Raises
    ------
    FormatError
        If it is of another version, or its parts do not fit each other.
    """
    if value.get("version") != _VERSION:
        raise FormatError(
            f"{where} is a model of version {value.get('version')!r:.40}, this netsculpt reads "
            f"version {_VERSION}: install the netsculpt that wrote it, or write it again"
        )
    wrong = [key for key in _DICTS if not _is_str_dict(value.get(key))]
    if wrong:
        raise FormatError(f"{where} lacks a dict under {wrong[0]!r}: write it with write_model")
    net, state, masks, metadata = (value[key] for key in _DICTS)
    if not isinstance(net.get("family"), str):
        raise FormatError(f"{where} does not name the family of its net: net needs 'family'")
    for part in (net, metadata):
        _check_plain(part, where)
    for part in (state, masks):
        _check_tensors(part, where)
    for name, mask in masks.items():
        _check_mask(name, mask, state, where)


def _check_tensors(tensors: Mapping[str, Any], where: str) -> None:
    for name, tensor in tensors.items():
        if not is_tensor(tensor) or not getattr(tensor.dtype, "isnative", True):
            raise FormatError(
                f"{name!r:.80} in {where} is a {type(tensor).__name__}: state and masks hold "
                "tensors by name"
            )


def _check_mask(name: str, mask: Any, state: Mapping[str, Any], where: str) -> None:
    if name not in state:
        raise FormatError(
            f"{where} has a mask of {name!r:.80} but no such parameter: name masks after the "
            "parameters that they mask"
        )
    dtype, sizes = str(mask.dtype).removeprefix("torch."), list(mask.shape)
    if dtype != "bool" or sizes != list(state[name].shape):
        raise FormatError(
            f"mask of {name!r:.80} in {where} is {dtype} {sizes}, its parameter is "
            f"{list(state[name].shape)}: a boolean mask of that shape is needed"
        )


def _check_plain(content: Any, where: str) -> None:
    """Refuse values that JSON cannot hold, and lists nested without end."""
    left = [(content, 0)]
    for _ in range(_MOST_VALUES):
        if not left:
            return
        value, depth = left.pop()
        if isinstance(value, dict | list) and depth < _DEEPEST:
            inner = [*value, *value.values()] if isinstance(value, dict) else value
            left += [(x, depth + 1) for x in inner[:_MOST_VALUES]]
        elif isinstance(value, float) and not math.isfinite(value):
            raise FormatError(
                f"{where} holds the number {value} in its net or metadata, which JSON has not: "
                "write it with write_model"
            )
        elif type(value) not in (str, bool, int, float, type(None)):
            raise FormatError(
                f"{where} holds a {type(value).__name__} in its net or metadata, or nests them "
                f"deeper than {_DEEPEST}: write it with write_model"
            )
    raise FormatError(
        f"{where} holds more than {_MOST_VALUES} values in its net or metadata, which no model "
        "needs: write it with write_model"
    )


def _is_str_dict(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) for key in value)


def _plain(value: Mapping[str, Any], part: str) -> dict[str, Any]:
    """The value after a round trip through JSON, so that reading returns what was written."""
    try:
        plain: dict[str, Any] = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise FormatError(
            f"{part} of the model cannot be written as JSON ({error}): give finite numbers, "
            "strings, lists and dicts"
        ) from None
    return plain


def _compact(values: Tensor | NDArray[Any]) -> Tensor:
    """A copy with its own storage, so that only its own numbers are written."""
    import torch

    tensor = values if isinstance(values, torch.Tensor) else torch.tensor(values)
    return tensor.detach().to(device="cpu", copy=True).contiguous()
