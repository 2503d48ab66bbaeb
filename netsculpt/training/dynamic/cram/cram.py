"""CrAM: training for weights that can be pruned afterwards in one step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from netsculpt.core.callables import name_of
from netsculpt.core.catalog import near
from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_number, checked_whole
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.nets.masks import mask_gradients
from netsculpt.nets.prunable import prunable
from netsculpt.training.dynamic.cram.compressions import Compression, Largest
from netsculpt.training.dynamic.cram.statistics import kept_buffers

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CrAM"]


class CrAM:
    r"""Steps of an optimizer with the gradient that a net has after it was compressed.

    A step goes uphill, compresses there, and takes the gradient of the same batch once more:

    .. math:: g_0 = \nabla L(w), \quad
        \tilde w = C(w + \rho\, g_0), \quad
        g = \nabla L(\tilde w)\; [\,\odot\, m\,]\; [\,+\, g_0\,]

    C keeps the largest weights and m is its mask. The optimizer then steps from w, to the bit, with
    g. Several compressions, of which each step draws one, make "Multi": one dense net that can be
    pruned to every one of these densities.

    Parameters
    ----------
    net
        Any net. Entries that its masks prune stay 0.
    optimizer
        Any optimizer of its parameters that steps with gradients. Its state stays its own: save it
        as without CrAM. Schedulers of its learning rate work as ever.
    compressions
        Densities, for the largest weights of all layers together; or functions ``(weights,
        generator) -> masks`` such as `Largest`, `LargestOfEach` and `NOfM`. Published: densities
        .5, .3 and .1.
    rho
        ρ, at least 0: how far uphill, in units of the gradient, which is not normalised. Published:
        .05 on ImageNet, .2 on CIFAR-10.
    plus
        Whether g₀ is added, "CrAM⁺": the dense net keeps its accuracy. So with ρ = 0 and all
        weights kept, the optimizer sees 2 g₀.
    sparse_gradient
        Whether the gradient of the compressed net counts only for the weights that it kept. Biases
        and norms always get all of it.
    dense
        Weights that are never compressed, by name.
    period
        Steps for which the mask of each compression stays the same.
    rng
        Seed or generator for the draw of the compression, and for ties. The draws of a step follow
        from the seed and the number of the step.

    Raises
    ------
    FormatError
        If the optimizer holds no parameter of the net, there is no compression, or a name in
        `dense` is not a weight.

    Notes
    -----
    Costs two passes and a copy of the parameters. Buffers keep the values of the first pass: the
    second one, whose weights are compressed, leaves no trace in the running statistics of batch
    norms of any kind. With automatic mixed precision use bfloat16: gradients that a `GradScaler`
    has scaled would go too far uphill.

    Peste et al., CrAM: A Compression-Aware Minimizer, arXiv:2207.14200, equations 3 to 6. The
    published code keeps one weight fewer, protects ``BatchNorm2d`` only, and loses the momentum of
    the optimizer on resuming.

    Examples
    --------
    >>> net = nn.Linear(2, 1, bias=False)
    >>> cram = CrAM(net, torch.optim.SGD(net.parameters(), lr=0.1), [0.5, 1.0], rng=0)
    >>> inputs, targets = torch.eye(2), torch.ones(2, 1)
    >>> def closure():
    ...     loss = ((net(inputs) - targets) ** 2).mean()
    ...     loss.backward()
    ...     return loss
    >>> losses = [float(cram.step(closure)) for _ in range(60)]
    >>> losses[-1] < 0.01 * losses[0]
    True
    """

    def __init__(
        self,
        net: nn.Module,
        optimizer: torch.optim.Optimizer,
        compressions: Sequence[float | Compression],
        *,
        rho: float = 0.05,
        plus: bool = True,
        sparse_gradient: bool = True,
        dense: Collection[str] = (),
        period: int = 1,
        rng: RNG = None,
    ) -> None:
        self.net, self.optimizer = net, optimizer
        self.compressions = tuple(x if callable(x) else Largest(x) for x in compressions)
        self.rho = checked_number(rho, "rho", least=0)
        self.plus, self.sparse_gradient = plus, sparse_gradient
        self.period = checked_whole(period, "period", least=1)
        self.dense = tuple(sorted(set(dense)))
        self.seed, self.n_steps = root_seed(rng), 0
        held = {id(x) for group in optimizer.param_groups for x in group["params"]}
        self._parameters = [x for x in net.parameters() if id(x) in held]
        weights = prunable(net)
        self._weights = {
            name: x for name, x in weights.items() if id(x) in held and name not in self.dense
        }
        self._masks: dict[int, dict[str, Tensor]] = {}  # of this period, by compression
        if not self._parameters:
            raise FormatError(
                "the optimizer holds no parameter of the net: make it from net.parameters()"
            )
        if not self.compressions:
            raise FormatError("there is no compression: give at least one density")
        for name in self.dense:
            if name not in weights:
                raise FormatError(
                    f"{name!r} in dense is not a weight of the net; {near(name, weights)}"
                )

    def step(self, closure: Callable[[], Tensor]) -> Tensor:
        """Take one step, in place of ``optimizer.step()``.

        Parameters
        ----------
        closure
            Computes the loss of one batch, calls ``backward`` on it and returns it. It is called
            twice, with gradients cleared before; a batch may be split, with one ``backward`` for
            each part.

        Returns
        -------
        Tensor
            Loss of the net as it is, from the first call.

        Raises
        ------
        FormatError
            If the closure leaves no gradient.
        LimitError
            If weights are not finite after the way uphill; they are then as before the step.
        """
        loss = self._gradients(closure)
        uphill = {x: x.grad for x in self._parameters if x.grad is not None}
        if not uphill:
            raise FormatError(
                "no parameter has a gradient after the closure: call backward on the loss in it"
            )
        weights = {name: x for name, x in self._weights.items() if x in uphill}
        with _restored(uphill), kept_buffers(self.net):
            with torch.no_grad():
                for parameter, gradient in uphill.items():
                    parameter.add_(gradient, alpha=self.rho)
                masks = self._chosen(weights)
                for name, mask in masks.items():
                    weights[name].mul_(mask)
            self._gradients(closure)
        with torch.no_grad():
            self._combine(weights, masks, uphill)
        self.optimizer.step()
        self.n_steps += 1
        return loss

    def about(self) -> dict[str, Any]:
        """What the steps do, JSON-able."""
        return {
            "method": "cram",
            "compressions": [_described(x) for x in self.compressions],
            "rho": self.rho,
            "plus": self.plus,
            "sparse_gradient": self.sparse_gradient,
            "dense": list(self.dense),
            "period": self.period,
        }

    def state_dict(self) -> dict[str, Any]:
        """All that later steps depend on, apart from the net and the optimizer."""
        return {
            "about": self.about(),
            "seed": self.seed,
            "n_steps": self.n_steps,
            "masks": {
                index: {name: mask.clone() for name, mask in masks.items()}
                for index, masks in self._masks.items()
            },
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Resume from the result of `state_dict`, to the same bits.

        Net and optimizer are loaded as without CrAM.

        Raises
        ------
        FormatError
            If it is the state of other settings, or its masks are of other weights.
        """
        if state["about"] != self.about():
            raise FormatError(
                f"the state is of {state['about']!r:.300}, this is {self.about()!r:.300}: build "
                "CrAM with the same settings"
            )
        masks = {
            checked_whole(index, "a compression", least=0, most=len(self.compressions) - 1): each
            for index, each in state["masks"].items()
        }
        for each in masks.values():
            for name, mask in each.items():
                weight = self._weights.get(name)
                if weight is None or mask.dtype != torch.bool or mask.shape != weight.shape:
                    raise FormatError(
                        f"the state has a mask of {name!r:.80} that fits no weight of the net: "
                        "load the state of this net"
                    )
        self.seed = checked_whole(state["seed"], "the seed", least=0)
        self.n_steps = checked_whole(state["n_steps"], "n_steps", least=0)
        self._masks = {
            index: {name: mask.to(self._weights[name].device) for name, mask in each.items()}
            for index, each in masks.items()
        }

    def _gradients(self, closure: Callable[[], Tensor]) -> Tensor:
        """Gradients of a batch, cleared before; those of pruned entries are 0."""
        for parameter in self.net.parameters():
            parameter.grad = None
        with torch.enable_grad():
            loss = closure()
        mask_gradients(self.net)
        return loss.detach()

    def _chosen(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Masks of the compression that this step draws."""
        if self.n_steps % self.period == 0:
            self._masks = {}
        index = int(stream(self.seed, "compression", self.n_steps).integers(len(self.compressions)))
        if self._masks.get(index, {}).keys() != weights.keys():
            ties = int(stream(self.seed, "ties", self.n_steps).integers(2**63))
            generator = torch.Generator().manual_seed(ties)
            masks = self.compressions[index](weights, generator) if weights else {}
            if self.period == 1:
                return masks
            self._masks[index] = masks
        return self._masks[index]

    def _combine(
        self,
        weights: Mapping[str, Tensor],
        masks: Mapping[str, Tensor],
        uphill: Mapping[nn.Parameter, Tensor],
    ) -> None:
        """Put the gradient to step with in its place."""
        if self.sparse_gradient:
            for name, mask in masks.items():
                gradient = weights[name].grad
                if gradient is not None:
                    gradient.mul_(mask)
        if self.plus:
            for parameter, first in uphill.items():
                parameter.grad = first if parameter.grad is None else parameter.grad.add_(first)


@contextmanager
def _restored(parameters: Collection[nn.Parameter]) -> Iterator[None]:
    """Give parameters their values back after a block, to the bit."""
    before = [(x, x.detach().clone()) for x in parameters]
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, values in before:
                parameter.copy_(values)


def _described(compression: Compression) -> dict[str, Any] | str:
    if is_dataclass(compression) and not isinstance(compression, type):
        return {"kind": type(compression).__name__, **asdict(compression)}
    return name_of(compression)
