"""The protocol of net specs, and how they are checked, read and written."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Protocol, TypeGuard, cast

import torch
from torch import nn

from netsculpt.core.errors import FormatError, LimitError, first_line
from netsculpt.core.random import RNG, root_seed

__all__ = [
    "NetSpec",
    "Requirement",
    "Stored",
    "built",
    "check",
    "count",
    "halvings",
    "image_shape",
    "initial_net",
    "one_of",
    "size",
    "sizes",
    "spec_from_dict",
]

_MOST_PARAMETERS = 2**31  # of four bytes: 8 GiB, as of files
_MOST_LAYERS = 100_000
_SMALLER = "give smaller sizes"

Requirement = tuple[bool, str]  # whether a field meets it, and what is needed


class NetSpec(Protocol):
    """How to build a net: frozen, and equivalent to the dict that ``model.pt`` stores."""

    @property
    def n_inputs(self) -> int:
        """Numbers in one sample: nets take [n, n_inputs]."""

    @property
    def n_outputs(self) -> int:
        """Numbers that the net returns for a sample: logits [n, n_outputs]."""

    @property
    def spec(self) -> dict[str, Any]:
        """The spec in JSON's types, with its "family"."""

    def build(self) -> nn.Module:
        """A new net with weights drawn from torch's global generator."""


def built(spec: NetSpec) -> nn.Module:
    """The net of a spec, with weights drawn from torch's global generator.

    Raises
    ------
    LimitError
        If its parameters would take more than 8 GiB; none of the memory is taken then.

    Examples
    --------
    >>> from netsculpt.nets.families import MLP
    >>> built(MLP((4, 10**9, 4)))
    Traceback (most recent call last):
    netsculpt.core.errors.LimitError: the net has 9,000,000,004 parameters, 8 GiB hold ...
    """
    try:
        with torch.device("meta"):
            net = spec.build()
        n_parameters = sum(x.numel() for x in net.state_dict().values())
    except (RuntimeError, TypeError, OverflowError) as error:  # more than 64 bits can count
        raise LimitError(
            f"the net is too large to count ({first_line(error)}): {_SMALLER}"
        ) from None
    if n_parameters > _MOST_PARAMETERS:
        raise LimitError(
            f"the net has {n_parameters:,} parameters, 8 GiB hold {_MOST_PARAMETERS:,}: {_SMALLER}"
        )
    return spec.build()


class Stored:
    """A frozen spec that is stored with its family."""

    family: ClassVar[str]

    @property
    def spec(self) -> dict[str, Any]:
        """The net as ``model.pt`` stores it."""
        return {"family": self.family, **{x: _listed(value) for x, value in vars(self).items()}}


def initial_net(spec: NetSpec, *, rng: RNG = None) -> nn.Module:
    """Build a net whose weights depend on `rng` alone; torch's global generator is not touched.

    >>> from netsculpt.nets.families import MLP
    >>> a, b = (initial_net(MLP((4, 3, 2)), rng=7) for _ in range(2))
    >>> torch.equal(a.fc1.weight, b.fc1.weight)
    True
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(root_seed(rng) % 2**63)
        return built(spec)


def spec_from_dict(make: type[Any], spec: Mapping[str, Any]) -> Any:
    """Frozen spec of class `make` from a dict."""
    values = {key: _tupled(value) for key, value in spec.items() if key != "family"}
    fields = dataclasses.fields(make)
    needed = {x.name for x in fields if x.default is dataclasses.MISSING}
    if not needed <= set(values) <= {x.name for x in fields}:
        raise FormatError(
            f"a net of family {spec['family']!r} has the fields {', '.join(x.name for x in fields)}"
            f", this one has {', '.join(map(repr, values)) or 'none'}: give exactly those"
        )
    return make(**values)


def check(net: Any, **requirements: Requirement) -> None:
    """Raise `FormatError` at the first field of `net` that does not meet its requirement."""
    for field, (good, needed) in requirements.items():
        if not good:
            raise FormatError(
                f"{field} of a net of family {net.family!r} is {getattr(net, field)!r:.80}: "
                f"{needed} is needed"
            )


def size(value: object) -> Requirement:
    """A whole number of at least 1."""
    return _is_size(value), "a whole number above 0"


def count(value: object) -> Requirement:
    """A number of layers or blocks, each of which is an object."""
    good = _is_size(value) and cast(int, value) <= _MOST_LAYERS
    return good, f"a whole number from 1 to {_MOST_LAYERS:,}"


def sizes(value: object, *, least: int = 0, most: int | None = None) -> Requirement:
    """A tuple of `least` to `most` sizes."""
    good = _is_shape(value) and least <= len(value) <= (len(value) if most is None else most)
    number = f"{least} or more" if most is None else f"{least} … {most}"
    return good, f"a tuple of {number} whole numbers above 0"


def image_shape(value: object) -> Requirement:
    """A shape (channels, height, width)."""
    return _is_shape(value) and len(value) == 3, "(channels, height, width)"


def one_of(value: object, values: Iterable[object]) -> Requirement:
    """One of a few values."""
    is_one = any(type(value) is type(x) and value == x for x in values)
    return is_one, "one of " + ", ".join(map(str, values))


def halvings(image: object) -> int:
    """How often an image can be halved; 0 if `image` is not an image shape."""
    good, _ = image_shape(image)
    return min(image[1:]).bit_length() - 1 if good and isinstance(image, tuple) else 0


def _is_size(value: object) -> bool:
    return type(value) is int and value >= 1


def _is_shape(value: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(value, tuple) and all(map(_is_size, value))


def _tupled(value: Any) -> Any:
    return tuple(map(_tupled, value)) if isinstance(value, list | tuple) else value


def _listed(value: Any) -> Any:
    return list(map(_listed, value)) if isinstance(value, tuple) else value
