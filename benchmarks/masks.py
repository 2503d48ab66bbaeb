"""Masks of sub-tasks, all as one batch, against one mask after another.

    python benchmarks/masks.py

Both learn the same masks of the same net by the same steps; the second runs one of them at a time,
as published code does. Processor seconds on one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from netsculpt.core.random import stream
from netsculpt.nets import MLP, initial_net
from netsculpt.training import Task, boolean, task
from netsculpt.training.influence.masking.answers import chosen_answers
from netsculpt.training.influence.masking.learning import MASKING, learned_masks
from netsculpt.training.influence.masking.masked_net import MaskedNet

SIX = "f = a ^ b; g = (c & d) | e; h = f ^ g; y1 = f & c; y2 = g ^ a; y3 = h; y4 = ~f | g"
N_RUNS = 3


def main() -> None:
    """Time both ways on a small net and on one for images."""
    torch.set_num_threads(1)
    small = MaskedNet.of(initial_net(MLP((5, 24, 24, 4)), rng=0))
    compare("5-24-24-4, all inputs", small, boolean(SIX), 200)
    images = MaskedNet.of(initial_net(MLP((128, 64, 20)), rng=0))
    compare("128-64-20, two digits", images, task("two-digits-separate", rng=0), 10)


def compare(name: str, net: MaskedNet, samples: Task, epochs: int) -> None:
    """Print the seconds of both ways, their ratio, and whether they learned the same masks."""
    names, answers = chosen_answers(samples, None)
    answers = np.tile(answers, (N_RUNS, 1))
    recipe = replace(MASKING, epochs=epochs)

    def learned(rows: list[int]) -> np.ndarray:
        rngs = [stream(0, "masks", row) for row in rows]
        chosen = answers[rows]
        return learned_masks(net, samples, chosen, rngs, recipe=recipe, penalty=0.1, seed=0)

    every = list(range(len(answers)))
    learned(every[:1])  # what is done once is not timed
    together, batch = timed(lambda: learned(every))
    apart, single = timed(lambda: np.concatenate([learned([row]) for row in every]))
    same = (together == apart).mean()
    print(
        f"{name} ({len(names)} sub-tasks × {N_RUNS} runs, {epochs} epochs): {batch:.1f} s, one by "
        f"one {single:.1f} s: {single / batch:.1f} times; {same:.2%} of the weights alike"
    )


def timed(run: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """What a function returns, and the processor seconds that it takes."""
    start = time.process_time()
    return run(), time.process_time() - start


if __name__ == "__main__":
    main()
