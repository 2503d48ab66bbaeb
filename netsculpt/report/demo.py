"""The demonstration: a network whose modules are known because a circuit defines them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netsculpt import modules
from netsculpt.checkpoint import write_model
from netsculpt.circuits import ThresholdNet, compile_circuit, parse_circuit

if TYPE_CHECKING:
    from netsculpt.pipeline import Analysis

__all__ = ["CIRCUIT", "compare_with_truth", "make_model"]

CIRCUIT = """\
left = (a & b & ~c) | (b & c & d) | (~a & c & ~d) | (a & ~b & d)
right = (e & f & ~g) | (f & g & h) | (~e & g & ~h) | (e & ~f & h)
same = (left & right) | (~left & ~right)
only_left = left & ~right
only_right = right & ~left
"""


def make_model(path: Path) -> ThresholdNet:
    """Compile the circuit and write it as model.pt; returns the network with its truth."""
    net = compile_circuit(parse_circuit(CIRCUIT))
    state, masks = {}, {}
    for at, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True), start=1):
        state[f"fc{at}.weight"] = weight
        state[f"fc{at}.bias"] = bias
        masks[f"fc{at}.weight"] = weight != 0
    widths = [net.weights[0].shape[1], *(weight.shape[0] for weight in net.weights)]
    spec = {"family": "mlp", "widths": widths, "activation": "step"}
    write_model(path, net=spec, state=state, masks=masks, metadata={"circuit": CIRCUIT})
    return net


def compare_with_truth(found: Analysis, net: ThresholdNet) -> None:
    """Print how well each detector found the functions of the circuit."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(
        f"\nThe circuit computes {', '.join(net.modules)}: each is a module by construction."
    )
    table = Table("detector", "modules found", "ARI with the truth", "AMI", box=None)
    for each in found.detected:
        match = modules.compare(each.partition, net.truth)
        table.add_row(
            each.detector, str(each.partition.n_modules), f"{match.ari:.2f}", f"{match.ami:.2f}"
        )
    console.print(table)
