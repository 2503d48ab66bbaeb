"""The saved state of an interrupted run: one file format for everything that can resume.

A dict that ``torch.load(weights_only=True)`` reads:

    {"format": "netsculpt state", "version": 2, "about": "{…}", "state": {…}, "sha256": "…"}

"about" is JSON that identifies the run: only the same run resumes from the file. "state" is made
by the run, of tensors, numbers and strings; the run checks it while it restores itself. "sha256" is
of both: a file that was damaged or edited is refused, and so is half of one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netsculpt.core.errors import FormatError, LimitError, UnsafeFileError
from netsculpt.core.printable import printable
from netsculpt.files.model import read_tensors
from netsculpt.files.torch import save

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["digest", "read_state", "restoring", "write_state"]

_FORMAT = "netsculpt state"
_VERSION = 2
_DEEPEST = 100


def write_state(path: Path, about: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write the state of a run: whole or not at all.

    Parameters
    ----------
    path
        The file; its folder is made if it is missing.
    about
        What identifies the run, JSON-able: kind, seed, recipe, digests of nets and samples.
    state
        What the run needs to resume: tensors, which are moved to the CPU, and plain values.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "state.pt"
    >>> write_state(path, {"kind": "count", "seed": 3}, {"rounds": 7})
    >>> read_state(path, {"kind": "count", "seed": 3})
    {'rounds': 7}
    >>> read_state(path, {"kind": "count", "seed": 4})
    Traceback (most recent call last):
    netsculpt.core.errors.FormatError: ... is of a run with seed 3, this is 4: ...
    """
    encoded, on_cpu = _encoded(about), _on_cpu(state)
    content = {
        "format": _FORMAT,
        "version": _VERSION,
        "about": encoded,
        "state": on_cpu,
        "sha256": _fingerprint(encoded, on_cpu),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save(content, path)


def read_state(path: Path, about: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the state of a run, without running code from the file; None if there is no file.

    Parameters
    ----------
    path
        A file that `write_state` wrote, or none yet.
    about
        What identifies this run. Entries that are left out are not compared with the file's.

    Raises
    ------
    FormatError
        If the file is damaged, is not a saved state, or is of another run; the text says how the
        two differ. Or if `about` holds what JSON cannot: the first save would fail.
    """
    current = json.loads(_encoded(about))
    if not path.exists():
        return None
    with restoring(path):
        content = read_tensors(path)
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise FormatError("it has another format")
        if content.get("version") != _VERSION:
            raise FormatError(f"it is of version {content.get('version')!r:.40}")
        state, saved = content["state"], json.loads(content["about"])
        if not isinstance(state, dict) or not isinstance(saved, dict):
            raise FormatError("it is incomplete")
        if content["sha256"] != _fingerprint(content["about"], state):
            raise FormatError("it was damaged or edited: its content has another fingerprint")
    for key, value in current.items():
        difference = _difference(saved.get(key), value, key)
        if difference is not None:
            name, before, now = difference
            raise FormatError(
                f"{path} is of a run with {name} {before!r:.80}, this is {now!r:.80}: use the same "
                "to resume it, or another path to start again"
            )
    return state


@contextmanager
def restoring(path: Path) -> Iterator[None]:
    """Turn errors that a damaged state raises into a `FormatError` that names its file.

    Whatever code meets in a damaged state, it may raise anything; errors of the file system, and
    what is refused as unsafe or too large, stay what they are.
    """
    try:
        yield
    except (OSError, MemoryError, LimitError, UnsafeFileError):
        raise
    except Exception as error:
        reason = printable(f"{str(error) or 'it is incomplete':.200}")
        raise FormatError(
            f"{path} is not a saved state that this netsculpt can resume ({reason}): remove it to "
            "start again, or name another path"
        ) from error


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of the names, types, shapes and values of tensors.

    >>> import torch
    >>> digest({"a": torch.zeros(2)}) == digest({"a": torch.zeros(1, 2)})
    False
    """
    import torch

    hashed = hashlib.sha256()
    for name, tensor in tensors.items():
        hashed.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        if flat.numel():  # an empty array of NumPy's may have no stride, and so no bytes
            hashed.update(flat.view(torch.uint8).numpy().data)
    return f"sha256:{hashed.hexdigest()}"


def _fingerprint(about: str, state: Mapping[str, Any]) -> str:
    """SHA-256 of what identifies a run and of its state, types included."""
    hashed = hashlib.sha256(about.encode())
    for part in _parts(state):
        hashed.update(part)
    return hashed.hexdigest()


def _parts(value: Any, depth: int = 0) -> Iterator[bytes]:
    """Bytes that tell values apart, in the order of the value."""
    import torch

    if depth > _DEEPEST:
        raise FormatError(f"it nests values deeper than {_DEEPEST}")
    kind = type(value).__name__
    if isinstance(value, torch.Tensor):
        yield digest({kind: value}).encode()
    elif isinstance(value, Mapping):
        yield f"{kind} {len(value)}\n".encode()
        for key, inner in value.items():
            yield from _parts(key, depth + 1)
            yield from _parts(inner, depth + 1)
    elif isinstance(value, list | tuple):
        yield f"{kind} {len(value)}\n".encode()
        for inner in value:
            yield from _parts(inner, depth + 1)
    else:
        text = repr(value)
        yield f"{kind} {len(text)} {text}\n".encode("utf-8", "surrogatepass")


def _encoded(about: Mapping[str, Any]) -> str:
    """What identifies a run, as JSON; NumPy's numbers are numbers."""
    try:
        return json.dumps({**about}, allow_nan=False, default=_plain)
    except (TypeError, ValueError) as error:
        raise FormatError(
            f"what identifies the run cannot be saved ({error}): finite numbers, strings, lists "
            "and dicts are needed"
        ) from None


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r:.80} is a {type(value).__name__}")


def _difference(saved: Any, current: Any, name: str) -> tuple[str, Any, Any] | None:
    """Where two JSON values first differ."""
    if isinstance(saved, dict) and isinstance(current, dict):
        for key in saved | current:
            inner = _difference(saved.get(key), current.get(key), f"{name} {key}")
            if inner is not None:
                return inner
        return None
    return None if saved == current else (name, saved, current)


def _on_cpu(value: Any) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        return value.detach().cpu()
    if isinstance(value, Mapping):
        return {key: _on_cpu(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_on_cpu, value))
    return value
