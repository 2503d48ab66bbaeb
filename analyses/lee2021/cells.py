"""What is measured: steps to a result of one batch size, and gradients along a training."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lee2021.nets import Net, workload
from netsculpt.nets.stacks import Stack
from netsculpt.training.parallelism import (
    Draws,
    Stopping,
    draws,
    gradients,
    local_lipschitz,
    steps_to_result,
)
from netsculpt.training.parallelism.draws import Optimizer
from netsculpt.training.tasks import Task

__all__ = ["Cell", "Rows", "Search", "Searching", "Steepness", "measured"]

Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Searching:
    """How the fewest steps are searched for, at all batch sizes."""

    # The published ranges are 1e-4 … 1 and .9 … .9999. In a trial with them the best learning rate
    # of SGD was at the upper edge for B = 64 and 1024; small batches like momenta below .9.
    n_draws: int = 64
    learning_rates: tuple[float, float] = (1e-3, 10.0)
    momenta: tuple[float, float] = (0.5, 0.999)
    most_steps: int = 1000  # and `most_samples` / B more
    most_samples: int = 20_000
    check_every: int = 5
    each_until: int = 50
    enough: int = 8  # complete draws end a search: resamples without any of them are rare, e⁻⁸

    def stopping(self, goal: float, batch_size: int) -> Stopping:
        """More steps for small batches, by the law that is to be fitted."""
        most = self.most_steps + self.most_samples // batch_size
        return Stopping(goal, most, self.check_every, self.each_until, self.enough)


@dataclass(frozen=True)
class Search:
    """Steps to a result: one net, one optimizer, one goal, one batch size."""

    method: str
    density: float
    optimizer: Optimizer
    goal: float  # validation error
    batch_size: int
    searching: Searching

    @property
    def about(self) -> dict[str, Any]:
        """What tells its rows from those of other cells."""
        return {name: x for name, x in asdict(self).items() if name != "searching"}


@dataclass(frozen=True)
class Steepness:
    """Local Lipschitz constants along trainings by SGD."""

    method: str
    density: float
    rates: str = "same"  # for all nets, or the "best" of each
    learning_rate: float = 0.1
    batch_size: int = 64
    n_nets: int = 16
    n_steps: int = 200
    every: int = 20


Cell = Search | Steepness


def measured(cell: Cell) -> Rows:
    """Rows of a search, "draws" and "searches", or of "steepness"."""
    torch.set_num_threads(1)
    return _searched(cell) if isinstance(cell, Search) else _steepness(cell)


def _searched(cell: Search) -> Rows:
    searching = cell.searching
    chosen = draws(
        cell.optimizer,
        searching.n_draws,
        learning_rates=searching.learning_rates,
        momenta=searching.momenta,
    )
    nets = workload(Net(cell.method, cell.density), searching.n_draws)
    stopping = searching.stopping(cell.goal, cell.batch_size)
    found = steps_to_result(nets, chosen, cell.batch_size, stopping)
    table = found.table()
    table["steps"] = table["steps"].astype(object).where(np.isfinite(table["steps"]), None)
    return {
        "draws": [{**cell.about, **row} for row in table.to_dict("records")],
        "searches": [cell.about | found.summary()],
    }


def _steepness(cell: Steepness) -> Rows:
    nets = workload(Net(cell.method, cell.density), cell.n_nets)
    rate = np.full(cell.n_nets, cell.learning_rate)
    same = Draws("sgd", rate, 0 * rate, np.arange(cell.n_nets), (1e-4, 1.0))
    running = nets.started(same, cell.batch_size)
    rows = []
    for step in range(cell.n_steps + 1):
        if step % cell.every:
            running.advance()
            continue
        errors, before = running.errors(), _values(running.stack)
        probe = running.stack.take(torch.arange(cell.n_nets))
        running.advance()
        after = _values(running.stack)
        along = {name: after[name] - before[name] for name in before}
        constants = local_lipschitz(lambda p, net=probe: _at(net, p, nets.task), before, along)  # type: ignore[misc]
        rows += [
            {
                "method": cell.method,
                "density": cell.density,
                "rates": cell.rates,
                "learning_rate": cell.learning_rate,
                "net": net,
                "step": step,
                "lipschitz": float(constants[net]),
                "error": float(errors[net]),
            }
            for net in range(cell.n_nets)
        ]
    return {"steepness": rows}


def _values(stack: Stack) -> dict[str, Tensor]:
    return {name: values.detach().clone() for name, values in stack.named_parameters()}


def _at(stack: Stack, parameters: dict[str, Tensor], samples: Task) -> dict[str, Tensor]:
    """Gradients of all samples at other parameters."""
    with torch.no_grad():
        for name, values in stack.named_parameters():
            values.copy_(parameters[name])
    every = torch.arange(samples.n_samples).expand(stack.n_nets, -1)
    return gradients(stack, samples, every)
