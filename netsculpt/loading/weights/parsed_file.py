"""Files that have been read, and the weights and masks in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netsculpt.core.counting import counted
from netsculpt.core.errors import FormatError
from netsculpt.core.provenance import Step, step
from netsculpt.files.arrays import as_arrays
from netsculpt.files.content import Content
from netsculpt.files.model import check_model, is_model
from netsculpt.files.source import Source
from netsculpt.files.words import counts
from netsculpt.loading.weights.mask_file import masked
from netsculpt.loading.weights.state import State, checkpoint_masks, named_tensors, plain_state

__all__ = ["ParsedFile", "state_of", "with_masks"]


@dataclass(frozen=True)
class ParsedFile:
    """A file with its parsed content, and the files that belong to it."""

    source: Source
    format: str  # its name in the catalogue "formats"
    content: Content
    mask: ParsedFile | None = None
    weights: ParsedFile | None = None  # of a weight agnostic network

    @property
    def value(self) -> Any:
        """The parsed content itself."""
        return self.content.value

    @property
    def where(self) -> str:
        """The file's name, for messages."""
        return self.source.where

    def n_dropped(self, nonfinite: Mapping[str, int], what: str, *, allowed: bool) -> int:
        """Total of the non-finite entries of each weight; an error unless they are allowed.

        `what` is the noun for one of them.
        """
        total = sum(nonfinite.values())
        if total and not allowed:
            raise FormatError(
                f"{self.where} has {counted(total, what)} whose value is NaN or infinite, in "
                f"{counts(nonfinite)}: finite values are needed. Check the training, or drop them "
                "with --allow-nonfinite (allow_nonfinite=True)"
            )
        return total

    def step(
        self, function: str, origins: Mapping[str, str], *, n_dropped: int = 0, **more: Any
    ) -> Step:
        """Provenance step of reading the file.

        `origins` says what defined the edges of each weight, "mask", "stored" (entries of a sparse
        tensor) or "nonzero"; `n_dropped` how many entries were not finite.
        """
        mask, kinds = self.mask, set(origins.values())
        edges = next((kind for kind in ("mask", "stored") if kind in kinds), "nonzero")
        return step(
            function,
            input_hash=self.content.sha256 or None,  # of what is in memory there is none
            path=self.source.path.name,
            format=self.format,
            edges=edges,
            **({"edges_by_layer": dict(origins)} if len(kinds) > 1 else {}),
            **more,
            **({"nonfinite_dropped": n_dropped} if n_dropped else {}),
            **self.content.details,
            **({"net": self.value["net"]} if is_model(self.value) else {}),
            **({} if mask is None else {"mask": mask.source.path.name, "mask_format": mask.format}),
            **({"mask_hash": mask.content.sha256} if mask and mask.content.sha256 else {}),
        )


def state_of(file: ParsedFile) -> State:
    """Weights by name, and the masks that pruning tools hide among them."""
    tensors = _tensors(file.value, file.where)
    arrays = as_arrays(tensors, max_bytes=file.source.max_bytes, where=file.where)
    has_mask = file.mask is not None or _masks_among_weights(file) is not None
    return plain_state(arrays, file.where, has_mask=has_mask)


def with_masks(state: State, file: ParsedFile) -> State:
    """The state with the masks that a checkpoint keeps next to it, and those of the mask file."""
    stored, mask = _masks_among_weights(file), file.mask
    if stored is not None:
        where = f"the masks in {file.where}"
        masks = _tensors(stored, file.where, for_mask=True)
        state = masked(state, masks, max_bytes=file.source.max_bytes, where=where)
    if mask is not None:
        masks = _tensors(mask.value, mask.where, for_mask=True)
        state = masked(state, masks, max_bytes=mask.source.max_bytes, where=mask.where)
    return state


def _masks_among_weights(file: ParsedFile) -> Any:
    value = file.value
    return None if is_model(value) else checkpoint_masks(value)


def _tensors(value: Any, where: str, *, for_mask: bool = False) -> dict[str, Any]:
    if not is_model(value):
        return named_tensors(value, where, for_mask=for_mask)
    check_model(value, where)
    return {**value["state"], **{f"{name}_mask": mask for name, mask in value["masks"].items()}}
