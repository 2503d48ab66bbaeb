"""What to do where a file of weights does not say how its layers are connected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netsculpt.files.arrays import Array
from netsculpt.files.words import quoted

__all__ = ["IN_MEMORY", "Ask"]

IN_MEMORY = "state_dict"  # stands for the name of the file of weights that come from none
_SIDES = {
    2: (),
    3: (32,),
    4: (32, 32),
    5: (8, 32, 32),
}  # of an example, by axes of the first weight


@dataclass(frozen=True)
class Ask:
    """The remedies for one file; each is a sentence without its full stop."""

    where: str
    example: str  # the shape of an example
    guessed: str  # what of it no weight says; "" if it is known
    ordered: bool  # whether the file keeps the order of layers

    @classmethod
    def of(cls, arrays: Mapping[str, Array], where: str, *, ordered: bool) -> Ask:
        """The remedies for weights, with an example of the shape that the first one takes.

        >>> import numpy as np
        >>> Ask.of({"0.weight": np.zeros((4, 5))}, "w.pt", ordered=True).example
        '1,5'
        """
        first = next((x.shape for x in arrays.values() if len(x.shape) in _SIDES), (1, 1))
        sides = ",".join(map(str, _SIDES[len(first)]))
        example = ",".join(filter(None, ("1", str(first[1]), sides)))
        return cls(where, example, sides, ordered)

    @property
    def net(self) -> str:
        """Naming the net: the only remedy where it is not a chain."""
        if self.where == quoted(IN_MEMORY):
            return (
                "Define how they are connected by the net of these weights: "
                "net.load_state_dict(state), then netsculpt.trace(net, example), with an example "
                f"such as torch.zeros({self.example.replace(',', ', ')})"
            )
        guess = f" ({self.guessed} is a guess: give the size of your inputs)" * bool(self.guessed)
        return (
            "Define how they are connected by naming the net of these weights: on the command "
            f"line add --model pkg.module:factory --example-shape {self.example}{guess}, as "
            "'analyze', 'compare', 'track' and 'export' take it, or in Python call "
            "netsculpt.load_into(net, path) and netsculpt.trace(net, example)"
        )

    @property
    def chain(self) -> str:
        """Or giving the matrices, where it may be a chain."""
        return (
            f"{self.net}; if it is a chain of layers, netsculpt.from_matrices([W1, W2, …], "
            "masks=[…]) makes its graph without the net"
        )

    @property
    def order(self) -> str:
        """Or saving the weights in order, where their order is what is wrong."""
        saving = (
            "save the weights again in the order of the forward pass"
            if self.ordered
            else "save a state dict with torch.save, which keeps the order of layers"
        )
        return (
            f"{self.net}; without a net, {saving}, or call "
            "netsculpt.from_matrices([W1, W2, …], masks=[…])"
        )
