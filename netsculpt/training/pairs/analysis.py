"""A sparse net and its dense twin on a task, next to other pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor, nn

from netsculpt.compare.pair import (
    GraphComparison,
    PairAnalysis,
    PairOutcome,
    PhaseOverlaps,
    debiased_cka,
    pair_outcome,
    phase_overlaps,
)
from netsculpt.core.errors import FormatError, LimitError, TopologyError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.modules.chosen import GivenDetector
from netsculpt.nets.prunable import prunable
from netsculpt.training.dynamic.cram import one_shot
from netsculpt.training.fitting.batches import batches_of
from netsculpt.training.pairs.graphs import all_masks, compared_graphs, density_of
from netsculpt.training.pairs.running import activations, labels, logits
from netsculpt.training.tasks import Task

__all__ = ["pair_analysis"]

_TUNED_ON = 1000  # samples, for batch norms of the twin that is pruned in one step


def pair_analysis(
    sparse: nn.Module,
    dense: nn.Module,
    task: Task,
    *,
    answer: int = 0,
    baselines: Mapping[str, tuple[nn.Module, nn.Module]] | None = None,
    phases: Sequence[nn.Module] = (),
    detector: GivenDetector = "layered",
    n_activations: int = 1000,
    rng: RNG = None,
) -> PairAnalysis:
    """Compare a sparse net with its dense twin: answers, outputs, representations and graphs.

    Nets are left as they are, and run in evaluation mode on the validation samples. Beside the pair
    stands "one-shot", the dense twin itself pruned to the same density without training; add two
    dense nets of other seeds to see how many answers change anyway.

    Parameters
    ----------
    sparse
        A net with masks, as of AC/DC.
    dense
        Its dense twin: a net with weights of the same names and shapes.
    task
        The task; answers are compared on its validation samples.
    answer
        Which bit or which classification of the task.
    baselines
        Other pairs (sparse or second, dense or first) by name.
    phases
        The sparse net at the end of each sparse phase, for the overlaps of their masks.
    detector
        One of `netsculpt.modules.detectors`, or a function ``(graph, *, rng)`` that returns labels,
        for the modules of both graphs.
    n_activations
        Samples at most, drawn at random, on which representations are compared.
    rng
        Seed or generator. Same seed, same bytes.

    Raises
    ------
    FormatError
        If the nets are not of one architecture, or do not fit the task.

    Examples
    --------
    >>> from netsculpt.nets import MLP, initial_net
    >>> from netsculpt.training import task
    >>> dense = initial_net(MLP((64, 16, 10)), rng=0)
    >>> sparse = one_shot(dense, 0.2).net
    >>> analysis = pair_analysis(sparse, dense, task("digits"), rng=0)
    >>> analysis.graph.masks.iou, analysis.graph.module_ami
    (1.0, 1.0)
    """
    seed, samples = root_seed(rng), task.validation
    checked_whole(n_activations, "n_activations", least=4)
    _check_twins(sparse, dense)
    for net in phases:
        _check_twins(net, dense)
    truth = labels(samples, answer)

    def outcome(name: str, first: nn.Module, second: nn.Module) -> PairOutcome:
        one, other = (logits(net, samples, answer) for net in (first, second))
        return pair_outcome(one, other, truth, rng=stream(seed, "classes", name))

    pairs = dict(baselines or {})
    density, graph, no_graph = density_of(sparse), None, None
    if density < 1:
        tune_on = batches_of(
            task, n_samples=min(_TUNED_ON, task.n_samples), rng=stream(seed, "tuning")
        )
        pruned = one_shot(dense, density, tune_on=tune_on, rng=seed).net
        pairs = {"one-shot": (pruned, dense), **pairs}
        graph, no_graph = _graphs(sparse, pruned, samples.inputs[:1], detector, seed)
    else:
        no_graph = "nothing of the sparse net is pruned: there is no mask to compare"
    drawn = stream(seed, "activations").permutation(samples.n_samples)[:n_activations]
    inputs = samples.inputs[np.sort(drawn)]
    return PairAnalysis(
        outcome("", sparse, dense),
        {name: outcome(name, *pair) for name, pair in pairs.items()},
        _similar(sparse, dense, inputs),
        graph,
        no_graph,
        _phases(phases),
        {"task": task.name, "answer": answer, "seed": seed, "density": density},
    )


def _check_twins(sparse: nn.Module, dense: nn.Module) -> None:
    shapes = [{name: list(x.shape) for name, x in prunable(y).items()} for y in (sparse, dense)]
    if shapes[0] != shapes[1]:
        names = dict.fromkeys([*shapes[0], *shapes[1]])
        name = next(x for x in names if shapes[0].get(x) != shapes[1].get(x))
        raise FormatError(
            f"weight {name!r} is {shapes[0].get(name)} in the sparse net and {shapes[1].get(name)} "
            "in the dense one: two nets of one architecture are needed"
        )


def _graphs(
    sparse: nn.Module, pruned: nn.Module, example: Tensor, detector: GivenDetector, seed: int
) -> tuple[GraphComparison | None, str | None]:
    """The graphs, or why there are none."""
    try:
        return compared_graphs(sparse, pruned, example, detector=detector, seed=seed), None
    except (TopologyError, LimitError) as error:
        return None, str(error)


def _similar(sparse: nn.Module, dense: nn.Module, inputs: Tensor) -> dict[str, float]:
    """Debiased linear CKA of every layer."""
    both = [activations(net, inputs) for net in (sparse, dense)]
    return {name: debiased_cka(both[0][name], x) for name, x in both[1].items() if name in both[0]}


def _phases(nets: Sequence[nn.Module]) -> PhaseOverlaps | None:
    if not nets:
        return None
    flat = [np.concatenate([x.numpy().ravel() for x in all_masks(net).values()]) for net in nets]
    return phase_overlaps(flat)
