"""The inputs, parameters, buffers and constants of an exported program."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from netsculpt.loading.programs.exported import fields
from netsculpt.loading.programs.exported.fields import name_in, only
from netsculpt.loading.programs.exported.tensors import StoredTensor
from netsculpt.tracing.names import constant_of, is_binary, plain
from netsculpt.tracing.program import Constant

__all__ = ["Signature", "signature_in"]

_NAMES = {
    "parameter": "parameter_name",
    "buffer": "buffer_name",
    "tensor_constant": "tensor_constant_name",
}


@dataclass
class Signature:
    """Inputs and constants, by their names in the graph."""

    parameters: frozenset[str]  # names in the net
    inputs: list[str] = field(default_factory=list)
    constants: dict[str, Constant] = field(default_factory=dict)
    places: dict[str, set[str]] = field(default_factory=dict)  # by member of the archive

    @property
    def sharing(self) -> Iterable[set[str]]:
        """Sets of constants in the same memory."""
        return self.places.values()


def signature_in(document: Mapping[str, Any], tensors: Mapping[str, StoredTensor]) -> Signature:
    """Inputs and constants; parameters that share a tensor get the name of the first."""
    buffers = frozenset(name for name, x in tensors.items() if not x.claim.is_parameter)
    parameters = {name: x for name, x in tensors.items() if x.claim.is_parameter}
    first = {x.claim: name for name, x in reversed(parameters.items())}
    signature = Signature(frozenset(plain(name, buffers) for name in parameters))
    for spec in fields.field(document, "input_specs", list):
        kind, value = only(spec)
        if kind in _NAMES:
            target, name = name_in(value, _NAMES[kind]), _argument_name(value)
            stored = tensors[target]
            if kind == "parameter":
                constant = _parameter(first.get(stored.claim, target), stored, tensors, buffers)
            else:
                constant = Constant(stored.value, is_mask=is_binary(stored.value))
            signature.constants[name] = constant
            signature.places.setdefault(stored.claim.path, set()).add(name)
        elif kind == "user_input":
            tag, inner = only(fields.field(value, "arg", dict))
            if tag == "as_tensor":
                signature.inputs.append(name_in(inner, "name"))
    return signature


def _argument_name(value: Any) -> str:
    return name_in(fields.field(value, "arg", dict), "name")


def _parameter(
    name: str, stored: StoredTensor, tensors: Mapping[str, StoredTensor], buffers: frozenset[str]
) -> Constant:
    mask = tensors.get(f"{name}_mask")
    keep = None if mask is None or mask.claim.is_parameter else mask.value
    if keep is not None and (keep.dtype != torch.bool or keep.shape != stored.value.shape):
        keep = None
    return constant_of(stored.value, keep, name, buffers, trained=stored.claim.trained)
