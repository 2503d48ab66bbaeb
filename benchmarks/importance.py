"""Exact ablation of every weight, and the loop that runs the net once for each.

    python benchmarks/importance.py [--quick]

In processor seconds on one thread, so that other programs do not slow them, in float64, on 360
samples. The loop is timed on a part of the weights, evenly spread, and extrapolated; both are
compared on that part. Nets are at their initial weights: what is counted does not depend on them,
except that a ReLU unit that is 0 with and without a weight costs nothing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import TypeVar

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from netsculpt.nets import CNN, LSTM, MLP, initial_net, mask_net, prunable
from netsculpt.training.ablation import ablation
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.tasks import digits

Result = TypeVar("Result")

N_SAMPLES = 360
N_LOOPED = 400  # weights


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="smaller nets")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    table = Table("net", "weights", "seconds", "loop", "ratio", "largest difference")
    samples = digits()
    inputs, targets = samples.inputs[-N_SAMPLES:].double(), samples.targets[-N_SAMPLES:]
    scaled = (inputs - inputs.mean(0)) / inputs.std(0).clamp_min(1e-6)
    for name, net, read in nets(scaled, inputs, quick=quick):
        batches = Batches([(read, targets)], samples.goal.loss)
        table.add_row(name, *row(net, batches))
    Console().print(table)


def nets(scaled: Tensor, raw: Tensor, *, quick: bool) -> list[tuple[str, nn.Module, Tensor]]:
    """Nets, and the samples that each is run on."""
    widths = (64, 64, 32, 10) if quick else (64, 256, 128, 10)
    hidden = 16 if quick else 32
    text = "-".join(map(str, widths))
    sparse = initial_net(MLP(widths), rng=0)
    mask_net(sparse, {name: torch.rand(x.shape) < 0.1 for name, x in prunable(sparse).items()})
    return [
        (f"MLP {text}, tanh, z-scores", initial_net(MLP(widths, "tanh"), rng=0), scaled),
        (f"MLP {text}, ReLU, z-scores", initial_net(MLP(widths), rng=0), scaled),
        (f"MLP {text}, ReLU, pixels", initial_net(MLP(widths), rng=0), raw),
        (f"MLP {text}, a tenth kept", sparse, raw),
        (
            "CNN 8, 16 channels, 32 units",
            initial_net(CNN((1, 8, 8), (8, 16), (32,), 10), rng=0),
            raw,
        ),
        (f"LSTM 8 × 8, {hidden} units", initial_net(LSTM((8, 8), hidden, 10), rng=0), raw),
    ]


def row(net: nn.Module, batches: Batches) -> list[str]:
    """Weights, seconds, those of the loop, their ratio, and how much the results differ."""
    torch.manual_seed(0)
    changes, ours = timed(lambda: ablation(net, batches).changes)
    found = torch.cat([x.flatten() for x in changes.values()])
    kept = torch.cat([(x != 0).flatten() for x in prunable(net).values()]).nonzero()[:, 0]
    part = kept[:: max(1, len(kept) // N_LOOPED)]
    looped, seconds = timed(lambda: loop(net, batches, part))
    seconds *= len(kept) / len(part)
    difference = float((found[part] - looped).abs().max())
    return [
        f"{len(kept):,}",
        f"{ours:.2f}",
        f"{seconds:.1f}",
        f"{seconds / ours:.1f}",
        f"{difference:.0e}",
    ]


@torch.no_grad()
def loop(net: nn.Module, batches: Batches, places: Tensor) -> Tensor:
    """Change of the loss without some weights, numbered through the net."""
    net = net.double().eval()
    flat = [x.data.view(-1) for x in prunable(net).values()]
    starts = torch.tensor([0, *(len(x) for x in flat)]).cumsum(0)
    ((inputs, targets),) = batches
    before, found = batches.loss(net(inputs), targets), torch.empty(len(places)).double()
    for index, place in enumerate(places):
        layer = int(torch.searchsorted(starts, place, right=True)) - 1
        weight, at = flat[layer], int(place - starts[layer])
        value = float(weight[at])
        weight[at] = 0
        found[index] = batches.loss(net(inputs), targets) - before
        weight[at] = value
    return found


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """What a function returns, and its processor seconds."""
    start = time.process_time()
    found = work()
    return found, time.process_time() - start


if __name__ == "__main__":
    main()
