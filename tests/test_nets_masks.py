"""Masks of tied weights, through files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from netsculpt.core.errors import FormatError
from netsculpt.files.model import read_model, write_model
from netsculpt.nets import initial_net, mask_net, masks_of, net_from_model, plain_state
from netsculpt.nets.families.sparse_gpt import SparseGPT


def tied_gpt() -> tuple[SparseGPT, nn.Module]:
    spec = SparseGPT(vocabulary=5, positions=4, width=4, layers=1, heads=1, tied=True)
    net = initial_net(spec, rng=0)
    mask_net(net, {"transformer.wte.weight": torch.rand(5, 4) < 0.5})
    return spec, net


def test_the_mask_of_a_tied_weight_comes_back_from_a_file(tmp_path: Path) -> None:
    spec, net = tied_gpt()
    state, masks = plain_state(net)
    assert len(masks) == 2, "under both names"
    write_model(tmp_path / "model.pt", net=spec.spec, state=state, masks=masks)
    again = net_from_model(read_model(tmp_path / "model.pt"))
    assert [*masks_of(again)] == [*masks_of(net)]
    for name, mask in masks_of(net).items():
        assert torch.equal(masks_of(again)[name], mask)


def test_two_masks_of_one_weight_are_refused(tmp_path: Path) -> None:
    spec, net = tied_gpt()
    state, masks = plain_state(net)
    name = [*masks][-1]
    masks = {**masks, name: ~masks[name]}
    write_model(tmp_path / "model.pt", net=spec.spec, state=state, masks=masks)
    with pytest.raises(FormatError, match="one parameter with two masks"):
        net_from_model(read_model(tmp_path / "model.pt"))
