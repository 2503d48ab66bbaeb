"""The data-aware detector on the published networks, beside the published detector.

From the folder of the analyses:

    python -m patil2023.data_aware FOLDER [--part exemplars|rest|all] [-o ROWS.parquet]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from netsculpt.graph import NetGraph
from netsculpt.hierarchy import infer
from netsculpt.loading import load
from netsculpt.modules import sculpting
from netsculpt.modules.data_aware import functional
from netsculpt.training.influence import answer_flips
from netsculpt.training.nets import MLP
from netsculpt.training.replicas import Replicas
from netsculpt.training.tasks import Task, task
from patil2023.networks import Network, find_networks
from patil2023.truth import CRITERIA, judge, truth_of

__all__ = ["influence_of", "judged", "task_of"]

_TASKS = {  # our name by the authors', with {} for the uses
    (8, 2): "overlap-0-use-{}",
    (7, 3, 2): "overlap-1-use-{}",
    (6, 3, 2): "overlap-2-use-{}",
    (5, 3, 2): "overlap-3-use-{}",
    (4, 1, 2, 2): "overlap-4-use-{}",
    (4, 1, 2): "reused-use-{}",
    (4, 2): "input-separable",
    (6, 3, 3): "input-separable-reused",
    (4, 1): "non-modular",
    (8, 2, 1, 2): "levels-{}",
}
_CELL = ["study", "name", "uses", "hidden_layers"]


def task_of(network: Network) -> Task:
    """The task that a network was sculpted for, with its truth table."""
    uses = network.task[-1] // len(truth_of(network.task).functions)
    return task(_TASKS[network.task[:-1]].format(uses))


def influence_of(network: Network, graph: NetGraph) -> NDArray[np.float64]:
    """How often each output of a network flips with each of its units [U, O].

    The graph gives weights and masks, the file the biases.
    """
    state = torch.load(network.weights, map_location="cpu", weights_only=True)
    biases = [value.float() for value in state.values() if value.ndim == 1]
    parameters: dict[str, torch.Tensor] = {}
    masks: dict[str, torch.Tensor] = {}
    for at, (block, bias) in enumerate(zip(graph.blocks, biases, strict=True), start=1):
        weights, pattern = (
            torch.from_numpy(form.block(block.source, block.target).toarray().T.copy())
            for form in (graph, graph.pattern)
        )
        parameters |= {f"fc{at}.weight": weights[None], f"fc{at}.bias": bias[None]}
        kept = torch.ones_like(bias, dtype=torch.bool)
        masks |= {f"fc{at}.weight": pattern[None] > 0, f"fc{at}.bias": kept[None]}
    spec = MLP(network.arch)
    flips = answer_flips(Replicas(spec, spec.build(), parameters, masks), task_of(network))
    found: NDArray[np.float64] = flips[0]
    return found


def judged(network: Network) -> list[dict[str, Any]]:
    """One row for the published detector, one for the data-aware one.

    ``circles``: modules feed each other in circles, so that their hierarchy had to merge them.
    """
    graph, truth = load(network.weights, mask=network.masks), truth_of(network.task)
    found = [sculpting(graph), functional(graph, influence_of(network, graph))]
    return [
        {
            "id": network.id,
            "first_listed": network.first_listed,
            "study": truth.study,
            "name": truth.name,
            "uses": network.task[-1] // len(truth.functions),
            "hidden_layers": len(network.arch) - 2,
            "detector": partition.method,
            "n_modules": partition.n_modules,
            "circles": bool(infer(graph, partition).merged),
            **judge(graph, partition, truth),
        }
        for partition in found
    ]


def rates(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Rates of the criteria by cell, first-listed networks only: "published | data-aware"."""
    kept = rows[rows["first_listed"]]
    columns = [*CRITERIA, "circles"]
    published, ours = (
        kept[kept["detector"] == name].groupby(by) for name in ("sculpting", "functional")
    )
    pairs = zip(published[columns].mean().to_numpy(), ours[columns].mean().to_numpy(), strict=True)
    text = [[f"{a:.2f} | {b:.2f}" for a, b in zip(*pair, strict=True)] for pair in pairs]
    table = pd.DataFrame(text, columns=columns, index=ours.size().index)
    table.insert(0, "networks", ours.size())
    return table


def _main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="published networks")
    parser.add_argument("--part", choices=["exemplars", "rest", "all"], default="all")
    parser.add_argument("-o", "--out", type=Path, help="one row a network and detector, Parquet")
    given = parser.parse_args()
    torch.set_num_threads(1)  # nets are tiny
    chosen = [
        network
        for network in find_networks(given.folder)[0]
        if given.part == "all"
        or network.experiment.startswith("exemplars") == (given.part == "exemplars")
    ]
    rows = pd.DataFrame([row for network in chosen for row in judged(network)])
    if given.out:
        rows.to_parquet(given.out, index=False)
    for by in (_CELL, _CELL[:3]):
        print(rates(rows, by).to_string(), end="\n\n")
    print(f"{len(chosen)} networks")


if __name__ == "__main__":
    _main()
