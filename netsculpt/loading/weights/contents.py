"""What a file and its mask file hold: the steps before anybody says how layers are connected."""

from __future__ import annotations

from typing import Any

from netsculpt.core.catalog import modules
from netsculpt.files import checkpoint
from netsculpt.files.arrays import as_arrays
from netsculpt.files.content import Content
from netsculpt.files.source import Source
from netsculpt.loading.refusals import refusal
from netsculpt.loading.weights.mask_file import masked
from netsculpt.loading.weights.state import State, masks_beside, tensors_in, unfolded

__all__ = ["content_of", "state_of", "with_masks"]


def content_of(source: Source) -> tuple[str, Content]:
    """The format that recognises a file, and what it reads."""
    for name, known in modules("formats").items():
        if known.sniff(source):
            return name, known.read(source)
    raise refusal(source)


def state_of(
    content: Content, source: Source, *, has_mask: bool
) -> tuple[State, dict[str, Any]]:  # fmt: skip
    """Weights, and the masks that pruning tools hide among them; what else the file says."""
    tensors, details = _tensors(content.value, source.where)
    arrays = as_arrays(tensors, max_bytes=source.max_bytes, where=source.where)
    has_mask = has_mask or _own_masks(content) is not None
    return unfolded(arrays, source.where, has_mask=has_mask), details


def with_masks(
    state: State, content: Content, source: Source, beside: Source | None
) -> tuple[State, dict[str, Any]]:
    """The state with the masks that a checkpoint holds beside it, and those of a mask file."""
    own = _own_masks(content)
    if own is not None:
        masks, _ = _tensors(own, source.where, for_mask=True)
        where = f"the masks in {source.where}"
        state = masked(state, masks, max_bytes=source.max_bytes, where=where)
    if beside is None:
        return state, {}
    name, given = content_of(beside)
    tensors, _ = _tensors(given.value, beside.where, for_mask=True)
    found = masked(state, tensors, max_bytes=beside.max_bytes, where=beside.where)
    return found, {"mask": beside.path.name, "mask_format": name, "mask_hash": given.sha256}


def _own_masks(content: Content) -> Any:
    return None if checkpoint.is_model(content.value) else masks_beside(content.value)


def _tensors(
    value: Any, where: str, *, for_mask: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tensors by name, and what else the file says about them."""
    if not checkpoint.is_model(value):
        return tensors_in(value, where, for_mask=for_mask), {}
    model = checkpoint.as_model(value, where)
    masks = {f"{name}_mask": mask for name, mask in model.masks.items()}
    return {**model.state, **masks}, {"net": model.net}
