"""Make operations in place functional: whatever uses the changed value later uses the new one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from netsculpt.loading.programs.exported.node import ExportedNode
from netsculpt.tracing.program import Ref, filled, inputs_of
from netsculpt.tracing.rules.moves import OPS as _MOVES
from netsculpt.tracing.rules.unchanged import OPS as _UNCHANGED

__all__ = ["functional"]

_COPIES = frozenset(("cat", "clone", "repeat", "stack"))
_VIEWS = (
    frozenset(_MOVES) | frozenset(_UNCHANGED) | {"expand_as", "reshape_as", "view_as"}
) - _COPIES


def functional(
    nodes: Sequence[ExportedNode], outputs: tuple[Any, ...], sharing: Iterable[set[str]]
) -> tuple[list[ExportedNode], tuple[Any, ...]]:
    """The same operations and outputs, where no operation changes its arguments.

    Raises if a view of a changed value, or the value that it is a view of, is used afterwards.
    `sharing` are sets of constants in the same memory.
    """
    memory = _Memory(nodes, outputs, sharing)
    pure = []
    for index, node in enumerate(nodes):
        args, kwargs = memory.now((node.args, node.kwargs))
        pure.append(replace(node, args=args, kwargs=kwargs, in_place=False))
        if node.in_place:
            memory.change(node, index)
        else:
            memory.add(node)
    return pure, memory.now(outputs)


class _Memory:
    """The current value of each name, and the names that may share memory."""

    def __init__(
        self, nodes: Sequence[ExportedNode], outputs: tuple[Any, ...], sharing: Iterable[set[str]]
    ) -> None:
        self.tensor: dict[str, str] = {}  # the first name of the same tensor
        self.names: dict[str, list[str]] = {}  # by first name, the others
        self.value: dict[str, str] = {}  # by first name
        self.shared = {name: names for names in sharing for name in names}  # first names
        self.last: dict[str, int] = {}  # index of the last node that takes a name
        for index, node in enumerate(nodes):
            self.last.update(dict.fromkeys(inputs_of((node.args, node.kwargs)), index))
        self.last.update(dict.fromkeys(inputs_of(outputs), len(nodes)))

    def now(self, arguments: Any) -> Any:
        """Arguments with each name replaced by that of its current value."""
        return filled(arguments, self._now)

    def _now(self, name: str) -> Ref:
        first = self._first(name)
        return Ref(self.value.get(first, first))

    def add(self, node: ExportedNode) -> None:
        """Add the outputs of a node, in the memory of its first argument if they may be views."""
        source = node.args[0] if node.args else None
        if node.name in _VIEWS and isinstance(source, Ref):
            family = self._family(self._first(source.name))
            views = [name for name in node.outputs if name is not None]
            family.update(views)
            self.shared.update(dict.fromkeys(views, family))

    def change(self, node: ExportedNode, index: int) -> None:
        """Give the tensor that is the first argument of a node its new value."""
        source = node.args[0] if node.args else None
        (output,) = node.outputs or (None,)
        if not isinstance(source, Ref) or output is None:
            raise ValueError(f"{node.name}_ without a tensor to change")
        first = self._first(source.name)
        others = self._family(first) - {first}
        names = [name for x in others for name in (x, *self.names.get(x, ()))]
        if any(self.last.get(name, -1) > index for name in names):
            raise node.refusal(
                "it changes a value in place, and a view of it is used afterwards: save the "
                "program after .run_decompositions(), which makes it functional"
            )
        self.tensor[output] = first
        self.names.setdefault(first, []).append(output)
        self.value[first] = output

    def _first(self, name: str) -> str:
        return self.tensor.get(name, name)

    def _family(self, first: str) -> set[str]:
        return self.shared.setdefault(first, {first})
