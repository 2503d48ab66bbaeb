"""What to do where `torch.export` cannot follow a net."""

from __future__ import annotations

import inspect
import traceback

import torch
from torch import nn

from netsculpt.core.errors import TopologyError

__all__ = ["refuse_what_cannot_be_exported", "remedy"]

_QUANTISED = ("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized", "torch.nn.quantized")
_REMEDIES = (  # words of the error, and what to do
    (
        ("scalar types: Long",),
        "a net that looks up tokens needs an example of whole numbers, such as "
        "torch.zeros(1, 10, dtype=torch.int64) (on the command line --example-dtype int64)",
    ),
    (
        ("not dict", "'dict' object"),
        "it was given a dictionary as one input, because the names in it are not those of its "
        "forward: use the names that forward has, {names}",
    ),
    (
        ("DynamicCache", "EncoderDecoderCache", "StaticCache", "past_key_values"),
        "it takes or returns a cache of keys and values, which is for generating text. Trace with "
        "use_cache=False: net.config.use_cache = False, or example={'input_ids': ids, "
        "'use_cache': False} (on the command line --example use_cache=false)",
    ),
    (
        ("pytree", "is not a known type", "Unsupported input type", "Unsupported output type"),
        "it takes or returns an object that is not a tensor, tuple, list or dictionary of tensors. "
        "Wrap the net in one whose forward returns the tensors",
    ),
    (
        ("data-dependent", "DataDependent", "Unbacked", "u0", "nonzero"),
        "how many elements it handles depends on values, as where it picks elements by a mask. "
        "Write that part densely, with every element multiplied by its mask or gate",
    ),
)
_RECURRENT = "torch/nn/modules/rnn.py"  # where a packed sequence fails
_PACKING = ("pack_padded_sequence", "pad_packed_sequence", "pack_sequence")
_PACKED = (
    "how long its sequences are is a value. Trace without pack_padded_sequence, with the padded "
    "sequence given to the recurrent layer: its weights, and so its graph, are the same"
)


def refuse_what_cannot_be_exported(net: nn.Module) -> None:
    """Raise for nets whose layers are no longer Python, with what to trace instead.

    Raises
    ------
    TopologyError
        If a layer is scripted or quantised.

    Examples
    --------
    >>> refuse_what_cannot_be_exported(nn.Linear(2, 2))
    """
    for name, layer in net.named_modules():
        where = f"layer {name!r}" if name else "the net"
        if isinstance(layer, torch.jit.ScriptModule):
            raise TopologyError(
                f"{where} is scripted (torch.jit): its operations are no longer Python. Trace the "
                "net that it was scripted from, with its weights: "
                "net.load_state_dict(scripted.state_dict())"
            )
        if type(layer).__module__.startswith(_QUANTISED):
            raise TopologyError(
                f"{where} is quantised ({type(layer).__name__}): its weights are packed whole "
                "numbers. Trace the net from before torch.ao.quantization.convert; or make a float "
                "net and load the weights with .weight().dequantize()"
            )


def remedy(error: Exception, net: nn.Module, own: Exception | None = None) -> str:
    """What to do about an error of `torch.export`; `own` is what the net raises without it."""
    frames = traceback.extract_tb(error.__traceback__)
    in_packed = any(x.filename.endswith(_RECURRENT) for x in frames) and "FakeTensor" in str(error)
    if in_packed or any(x.name in _PACKING for x in frames):
        return _PACKED
    for signs, words in _REMEDIES:
        if any(sign in str(error) for sign in signs):
            return words.replace("{names}", _names(net))
    if own is not None:
        return (
            "its forward has to run before it can be followed. Give an example of the shapes and "
            "types that it takes, for which net(example) runs, and the arguments that it needs: "
            f"{_names(net)}"
        )
    return (
        "a net whose operations do not depend on the values of its inputs is needed. Trace the "
        "part without such branches, or build the graph with netsculpt.from_matrices"
    )


def _names(net: nn.Module) -> str:
    """The arguments of a net's forward, as far as they are known."""
    arguments = inspect.signature(net.forward).parameters.values()
    return ", ".join(str(x).partition(":")[0].partition("=")[0] for x in arguments) or "none"
