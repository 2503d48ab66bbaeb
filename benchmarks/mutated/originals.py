"""A small good file of every format that ``load`` accepts, and hostile ones to splice from.

A new format is one more entry in `BUILDERS`.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from netsculpt.files.model import write_model
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.npz import save

CANARY = "canary"  # a folder of this name appears if code from a file runs


class Canary:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, (CANARY,)


@cache
def weights() -> tuple[torch.Tensor, torch.Tensor]:
    """Of the net 3-4-2."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(4, 3, generator=generator), torch.randn(2, 4, generator=generator)


def state() -> dict[str, torch.Tensor]:
    """A state dict with a norm and a bias."""
    first, second = weights()
    norm = {"1.weight": torch.ones(4), "1.bias": torch.zeros(4), "1.running_mean": torch.zeros(4)}
    return {"0.weight": first, **norm, "1.running_var": torch.ones(4), "2.weight": second}


def net() -> nn.Module:
    """A small convolutional net with a residual sum's worth of operations."""
    torch.manual_seed(0)
    layers = nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4), nn.Linear(4, 2)
    return nn.Sequential(*layers).eval()


def checkpoint(path: Path) -> None:
    """A checkpoint with an optimizer's state, masks and nested names."""
    model = {f"module.{name}": x for name, x in state().items()}
    masks = {"0.weight": weights()[0] > 0}
    optimizer = {"state": {0: {"step": 3}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    torch.save({"state_dict": model, "masks": masks, "optimizer": optimizer, "epoch": 3}, path)


def sparse(path: Path) -> None:
    """Sparse tensors of every layout."""
    first, second = weights()
    layouts = first.to_sparse(), second.to_sparse_csr(), torch.eye(2).to_sparse_csc()
    blocks = torch.eye(2).to_sparse_bsr((1, 1))
    torch.save({f"{number}.weight": x for number, x in enumerate((*layouts, blocks))}, path)


def pruned(path: Path) -> None:
    """A state dict after torch.nn.utils.prune."""
    from torch.nn.utils import prune

    made = net()
    for layer in (made[0], made[3]):  # type: ignore[index]
        prune.l1_unstructured(layer, "weight", amount=0.5)  # type: ignore[no-untyped-call]
    torch.save(made.state_dict(), path)


def model(path: Path) -> None:
    """A model.pt of netsculpt."""
    first, second = weights()
    tensors = {"0.weight": first, "0.bias": first[:, 0], "2.weight": second, "2.bias": second[:, 0]}
    masks = {name: x > 0 for name, x in tensors.items() if name.endswith("weight")}
    about = {"family": "mlp", "widths": [3, 4, 2], "activation": "relu"}
    task = {"plan": {"task": "reused-use-2"}}
    write_model(path, net=about, state=tensors, masks=masks, metadata=task)


def sharded(path: Path) -> None:
    """An index, with its shard in the same folder."""
    save_file(state(), path.with_name("shard"))
    path.write_text(json.dumps({"weight_map": dict.fromkeys(state(), "shard")}))


def arrays() -> dict[str, Any]:
    """The state as NumPy arrays."""
    return {name: x.numpy() for name, x in state().items()}


def npz(path: Path, *, packed: bool) -> None:
    """Arrays in a zip file."""
    stream = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(stream, **arrays())
    path.write_bytes(stream.getvalue())


def npy(path: Path) -> None:
    """One array."""
    with path.open("wb") as stream:
        np.save(stream, weights()[0].numpy())


def exported(path: Path) -> None:
    """A program of torch.export."""
    program = torch.export.export(net(), (torch.zeros(1, 2, 4, 4),))
    with path.open("wb") as stream:
        torch.export.save(program, stream)


def onnx(path: Path) -> None:
    """The same as ONNX, written by hand: no exporter is needed."""
    from onnx import TensorProto, helper, numpy_helper, save_model

    kernel, *_, last, _ = net().state_dict().values()
    held = {"kernel": kernel.numpy(), "last": last.numpy()}
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["a"], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Flatten", ["b"], ["c"], axis=1),
        helper.make_node("Gemm", ["c", "first"], ["d"], transB=1),
        helper.make_node("Gemm", ["d", "last"], ["y"], transB=1),
    ]
    held["first"] = net()[3].weight.detach().numpy()  # type: ignore[index]
    held["last"] = net()[4].weight.detach().numpy()  # type: ignore[index]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(x, name) for name, x in held.items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    with path.open("wb") as stream:
        save_model(helper.make_model(graph, opset_imports=opsets, ir_version=10), stream)


def legacy(path: Path, content: Any) -> None:
    """A torch file from before zip."""
    torch.save(content, path, _use_new_zipfile_serialization=False)


def pickled(path: Path, content: Any, protocol: int) -> None:
    """A plain pickle."""
    path.write_bytes(pickle.dumps(content, protocol))


def masks() -> list[Any]:
    """As mask files list them."""
    return [x > 0 for x in weights()]


BUILDERS: dict[str, Callable[[Path], None]] = {
    "torch zip": lambda path: torch.save(state(), path),
    "checkpoint": checkpoint,
    "sparse tensors": sparse,
    "pruned": pruned,
    "torch legacy": lambda path: legacy(path, state()),
    "model.pt": model,
    "safetensors": lambda path: save_file(state(), path),
    "sharded": sharded,
    "npy": npy,
    "npz": lambda path: npz(path, packed=False),
    "npz packed": lambda path: npz(path, packed=True),
    "pickled tensors": lambda path: pickled(path, masks(), 4),
    "pickled arrays": lambda path: pickled(path, arrays(), 3),
    "graph": lambda path: save(from_matrices(list(weights())), path),
    "pt2": exported,
    "onnx": onnx,
}
HOSTILE: dict[str, Callable[[Path], None]] = {
    "hostile zip": lambda path: torch.save({"0.weight": weights()[0], "x": Canary()}, path),
    "hostile legacy": lambda path: legacy(path, {"0.weight": weights()[0], "x": Canary()}),
    "hostile pickle": lambda path: pickled(path, [Canary(), masks()], 2),
}


def build(folder: Path) -> dict[str, Path]:
    """Every file, by the name of its format."""
    paths: dict[str, Path] = {}
    for name, make in (BUILDERS | HOSTILE).items():
        place = folder / name.replace(" ", "-")
        place.mkdir(parents=True)
        paths[name] = place / "original"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            make(paths[name])
    return paths
