"""Gates that are drawn while they are learned: their chances, and their gradients."""

import numpy as np
import torch

from netsculpt.training.influence.gates import rounded_gates, soft_gates


def test_a_gate_is_open_with_the_chance_of_its_logit() -> None:
    """And half open at its quantile: σ⁻¹(s) − l is the noise."""
    logits = torch.tensor([-2.0, 0.0, 3.0])
    noise = np.random.default_rng(0).logistic(size=(20_000, 3))
    soft = soft_gates(logits, noise)
    np.testing.assert_allclose(torch.logit(soft.double()) - logits, noise, atol=0.05, rtol=0.05)
    shares = (soft > 0.5).double().mean(dim=0)
    torch.testing.assert_close(shares, logits.sigmoid().double(), atol=0.015, rtol=0)


def test_rounded_gates_have_the_gradient_of_soft_ones() -> None:
    noise = np.random.default_rng(1).logistic(size=50)
    weights = torch.linspace(-1, 1, 50)
    slopes = []
    for rounds in (False, True):
        logits = torch.full((50,), 0.5, requires_grad=True)
        gates = soft = soft_gates(logits, noise)
        if rounds:
            gates = rounded_gates(soft)
            torch.testing.assert_close(gates, (soft > 0.5).float())
        (gates * weights).sum().backward()
        slopes.append(logits.grad)
    assert torch.equal(*slopes)
