"""Networks of a sculpting, round by round."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netsculpt.core.errors import FormatError
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.training.sculpting.sculpt import Sculpting

__all__ = ["sculpting_rounds"]


def sculpting_rounds(process: Sculpting) -> Iterator[tuple[int, NetGraph]]:
    """Do the rounds of a sculpting, and yield (round, network) where one was accepted.

    The first is the dense net once it is trained. A round that is undone yields nothing.

    Parameters
    ----------
    process
        Of one seed and one gradient each. It is finished when this ends.

    Raises
    ------
    FormatError
        If there are several runs: a network is followed, not a stack.

    Examples
    --------
    >>> from netsculpt.nets import MLP
    >>> from netsculpt.training import Sculpting, task
    >>> process = Sculpting(MLP((4, 12, 4)), task("input-separable"), seeds=[0])
    >>> rounds = [(number, graph.n_edges) for number, graph in sculpting_rounds(process)]
    >>> rounds[0][1], rounds[-1][1] < 40
    (96, True)
    """
    about = process.about
    n_runs = [len(about[name]) for name in ("seeds", "unit gradients", "edge gradients")]
    if max(n_runs) > 1:
        raise FormatError(
            f"the sculpting has {n_runs[0]} seeds and {n_runs[1]} × {n_runs[2]} gradients: one of "
            "each is needed"
        )
    number, before = 0, None
    while not process.finished:
        process.advance()
        number += 1
        if not process.accepted.n_replicas:
            return  # the net did not reach the goal
        state, masks = process.accepted.state(0)
        kept = np.concatenate([mask.cpu().numpy().ravel() for mask in masks.values()])
        if before is None or (kept != before).any():
            before = kept
            weights = [state[name].cpu() for name in masks]
            found = from_matrices(
                weights, [mask.cpu() for mask in masks.values()], parameters=list(masks)
            )
            yield number, found
