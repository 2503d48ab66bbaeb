"""The file of a pruning that goes over many rounds: its masks after the last one that is over."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from netsculpt.core.errors import FormatError
from netsculpt.core.writing import replacing
from netsculpt.files.checkpoint import read_tensors

__all__ = ["PruningFile", "digest"]

_FORMAT = "netsculpt pruning"


@dataclass(frozen=True)
class PruningFile:
    """Where masks are kept between two rounds."""

    path: Path
    about: Mapping[str, Any]  # what must be the same to go on: plain values

    def read(self, masks: dict[str, Tensor]) -> tuple[int, dict[str, Tensor]]:
        """Rounds that are over, and the masks after them; `masks` if there is no file yet."""
        if not self.path.exists():
            return 0, masks
        content = read_tensors(self.path)
        ours = isinstance(content, dict) and content.get("format") == _FORMAT
        if not ours or content.keys() != {"format", "about", "rounds", "masks"}:
            raise FormatError(
                f"{self.path} is no state of a pruning: remove it to begin anew, or name another "
                "path"
            )
        for key, now in self.about.items():
            if content["about"].get(key) != now:
                raise FormatError(
                    f"{self.path} is of a pruning with {key} {content['about'].get(key)!r:.80}, "
                    f"this is {now!r:.80}: give the same to go on with it, or another path to "
                    "begin anew"
                )
        return content["rounds"], content["masks"]

    def write(self, n_rounds: int, masks: Mapping[str, Tensor]) -> None:
        """Keep the masks after so many rounds: whole or not at all."""
        about = dict(self.about)
        content = {"format": _FORMAT, "about": about, "rounds": n_rounds, "masks": dict(masks)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.path) as file:
            torch.save(content, file)


def digest(tensors: Iterable[Tensor]) -> str:
    """What tells tensors from others."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(f"{tensor.dtype} {list(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        found.update(flat.view(torch.uint8).numpy().data)
    return f"sha256:{found.hexdigest()}"
