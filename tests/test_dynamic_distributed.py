"""Sparse training in two processes."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed, nn, optim
from torch.multiprocessing.spawn import spawn
from torch.nn.parallel import DistributedDataParallel

from netsculpt.core.errors import FormatError
from netsculpt.nets.families import MLP, initial_net
from netsculpt.training import dynamic
from netsculpt.training.dynamic.processes import unwrapped

STEPS, BATCH, SEED = 12, 16, 7


def course(net: nn.Module, seed: int | None, rank: int, size: int) -> dict[str, Any]:
    """Train on the part of each batch that is this process's; masks at all steps, then weights."""
    sparsifier = dynamic.rigl(net, density=0.25, end=100, every=4, rng=seed)
    optimizer = optim.SGD(net.parameters(), 0.05, momentum=0.9)
    found: dict[str, Any] = {}
    for number in range(STEPS):
        generator = torch.Generator().manual_seed(number)
        inputs = torch.randn(BATCH, 12, generator=generator, dtype=torch.float64)
        part = inputs.chunk(size)[rank]
        optimizer.zero_grad()
        (net(part) - part[:, :4].abs()).square().mean().backward()
        sparsifier.step(optimizer)
        found |= {f"{number} {name}": x.clone() for name, x in sparsifier.masks.items()}
    weights = {name: x.detach().clone() for name, x in unwrapped(net).named_parameters()}
    return {**found, **weights, "seed": torch.tensor(sparsifier.seed)}


def begun() -> nn.Module:
    return initial_net(MLP((12, 16, 4)), rng=0).double()


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meeting",
        rank=rank,
        world_size=2,
        timeout=timedelta(seconds=60),
    )
    try:
        for name, seed in (("seeded", SEED), ("unseeded", None)):
            found = course(DistributedDataParallel(begun()), seed, rank, 2)
            torch.save(found, Path(folder) / f"{name}{rank}.pt")
        net = initial_net(MLP((12, 16, 4)), rng=rank).double()
        try:
            course(net, SEED, rank, 2)
        except FormatError as error:
            (Path(folder) / f"error{rank}.txt").write_text(str(error))
        distributed.barrier()
    finally:
        distributed.destroy_process_group()
    os._exit(0)  # threads of torch sometimes abort the process while Python ends


@pytest.mark.slow
def test_two_processes_are_one_with_the_batches_of_both(tmp_path: Path) -> None:
    spawn(work, (str(tmp_path),), nprocs=2)  # type: ignore[no-untyped-call]
    for rank in (0, 1):  # of nets with other weights that nothing keeps together
        assert "come to different masks" in (tmp_path / f"error{rank}.txt").read_text()
    read = {
        (name, rank): torch.load(tmp_path / f"{name}{rank}.pt", weights_only=True)
        for name in ("seeded", "unseeded")
        for rank in (0, 1)
    }
    for name in ("seeded", "unseeded"):
        for key, value in read[name, 0].items():
            assert torch.equal(value, read[name, 1][key]), key
    alone = course(begun(), SEED, 0, 1)
    assert alone.keys() == read["seeded", 0].keys()
    for key, value in alone.items():
        if value.dtype == torch.bool:
            assert torch.equal(value, read["seeded", 0][key]), key
        else:
            assert torch.allclose(value, read["seeded", 0][key], rtol=1e-9), key
