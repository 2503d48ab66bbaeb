"""A net whose weights are fixed, run with many masks at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, vmap

from netsculpt.core.errors import FormatError
from netsculpt.nets.copies import copy_of
from netsculpt.nets.prunable import layer_weights

__all__ = ["MaskedNet"]

_NUMBERS = 1 << 24  # weights of nets that run at a time without gradients


@dataclass(frozen=True, eq=False)
class MaskedNet:
    """The kept weights of a net as one vector [P], so that a mask is a row of P numbers."""

    net: nn.Module
    shapes: dict[str, torch.Size]  # of the weights, by name
    places: dict[str, Tensor]  # where kept weights stand in the flattened weight
    values: Tensor  # [P] kept weights, in the order of `places`

    @classmethod
    def of(cls, net: nn.Module) -> MaskedNet:
        """A copy of a net, on the CPU and in evaluation mode; what its masks prune is not there."""
        still = copy_of(net).cpu().eval().requires_grad_(requires_grad=False)
        entries = layer_weights(still)
        kept = {
            x.name: torch.ones_like(x.parameter, dtype=torch.bool) if x.mask is None else x.mask
            for x in entries
        }
        places = {name: mask.flatten().nonzero()[:, 0] for name, mask in kept.items()}
        if not sum(map(len, places.values())):
            raise FormatError("the net keeps no weights of two or more dimensions: nothing to mask")
        values = [x.parameter.detach().flatten()[places[x.name]] for x in entries]
        shapes = {x.name: x.parameter.shape for x in entries}
        return cls(still, shapes, places, torch.cat(values))

    @property
    def n_weights(self) -> int:
        """P, the weights that the net keeps."""
        return len(self.values)

    @property
    def kept(self) -> dict[str, NDArray[np.bool_]]:
        """The weights that the net keeps, as masks by name."""
        return {name: mask[0] for name, mask in self.by_layer(np.ones((1, self.n_weights))).items()}

    def by_layer(self, rows: NDArray[Any]) -> dict[str, NDArray[np.bool_]]:
        """Masks [R, …] by name, from rows [R, P]."""
        masks = {}
        for (name, places), part in zip(self.places.items(), self._parts(rows), strict=True):
            mask = np.zeros((len(rows), self.shapes[name].numel()), dtype=bool)
            mask[:, places.cpu().numpy()] = part > 0
            masks[name] = mask.reshape(len(rows), *self.shapes[name])
        return masks

    def shuffled(self, rows: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
        """Rows [R, P] with as many kept weights in each layer, in random places."""
        parts = [rng.permuted(part, axis=1) for part in self._parts(rows)]
        return np.concatenate(parts, axis=1)

    def outputs(self, masks: Tensor, inputs: Tensor) -> Tensor:
        """Outputs [R, n, O] with each of R masks [R, P], which may be between 0 and 1."""
        weights = self._weights(masks)

        def run(own: Mapping[str, Tensor]) -> Tensor:
            outputs: Tensor = functional_call(self.net, dict(own), (inputs,))
            return outputs

        if any(isinstance(layer, nn.RNNBase) for layer in self.net.modules()):
            singles = ({name: x[row] for name, x in weights.items()} for row in range(len(masks)))
            return torch.stack([run(own) for own in singles])  # vmap has no rule for them
        outputs: Tensor = vmap(run)(weights)
        return outputs

    @torch.no_grad()
    def answered(self, masks: NDArray[np.bool_], inputs: Tensor) -> Tensor:
        """Outputs as of `outputs`, a part of the masks after another."""
        at_once = max(1, _NUMBERS // (self.n_weights + len(inputs)))
        rows = torch.from_numpy(masks).to(self.values)
        return torch.cat([self.outputs(part, inputs) for part in torch.split(rows, at_once)])

    def _weights(self, masks: Tensor) -> dict[str, Tensor]:
        """Weights [R, …] by name: masked, and 0 where the net has none."""
        sizes = [len(x) for x in self.places.values()]
        parts = torch.split(masks * self.values, sizes, dim=1)
        return {
            name: part.new_zeros(len(masks), self.shapes[name].numel())
            .index_copy(1, places, part)
            .view(len(masks), *self.shapes[name])
            for (name, places), part in zip(self.places.items(), parts, strict=True)
        }

    def _parts(self, rows: NDArray[Any]) -> list[NDArray[Any]]:
        ends = np.cumsum([len(x) for x in self.places.values()])[:-1]
        return np.split(rows, ends, axis=1)
