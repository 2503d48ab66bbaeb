"""Operations in place made functional: what takes the changed value later takes the new one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from netsculpt.loading.programs.exported.node import Node
from netsculpt.tracing.program import Ref, refs
from netsculpt.tracing.rules.moves import OPS as _MOVES
from netsculpt.tracing.rules.unchanged import OPS as _UNCHANGED

__all__ = ["functional"]

_COPIES = frozenset(("cat", "clone", "repeat", "stack"))
_VIEWS = (
    frozenset(_MOVES) | frozenset(_UNCHANGED) | {"expand_as", "reshape_as", "view_as"}
) - _COPIES


def functional(
    nodes: Sequence[Node], outputs: tuple[Any, ...], together: Iterable[set[str]]
) -> tuple[list[Node], tuple[Any, ...]]:
    """The same operations, none of which changes what others see; and the outputs alike.

    Refused where a view of what is changed, or what it is a view of, is taken afterwards.
    `together` are constants in the same memory.
    """
    memory = _Memory(nodes, outputs, together)
    found = []
    for at, node in enumerate(nodes):
        args, options = memory.now((node.args, dict(node.options)))
        found.append(replace(node, args=args, options=options, in_place=False))
        if node.in_place:
            memory.change(node, at)
        else:
            memory.give(node)
    return found, memory.now(outputs)


class _Memory:
    """Which value each name has at the moment, and which names may share memory."""

    def __init__(
        self, nodes: Sequence[Node], outputs: tuple[Any, ...], together: Iterable[set[str]]
    ) -> None:
        self.tensor: dict[str, str] = {}  # the first name of the same tensor
        self.names: dict[str, list[str]] = {}  # by first name, the others
        self.value: dict[str, str] = {}  # by first name
        self.shared = {name: names for names in together for name in names}  # first names
        self.last: dict[str, int] = {}  # where a name is taken
        for at, node in enumerate(nodes):
            self._note(refs((node.args, node.options)), at)
        self._note(refs(outputs), len(nodes))

    def _note(self, taken: Iterable[Ref], at: int) -> None:
        for ref in taken:
            self.last[ref.name] = at

    def now(self, given: Any) -> Any:
        """Arguments with every name replaced by that of its value."""
        if isinstance(given, Ref):
            first = self._first(given.name)
            return Ref(self.value.get(first, first))
        if isinstance(given, dict):
            return {key: self.now(x) for key, x in given.items()}
        if isinstance(given, list | tuple):
            return type(given)(self.now(x) for x in given)
        return given

    def give(self, node: Node) -> None:
        """New tensors, in the memory of the first argument if they may be views of it."""
        source = node.args[0] if node.args else None
        if node.name in _VIEWS and isinstance(source, Ref):
            family = self._family(self._first(source.name))
            views = [name for name in node.outputs if name is not None]
            family.update(views)
            self.shared.update(dict.fromkeys(views, family))

    def change(self, node: Node, at: int) -> None:
        """The tensor that is the first argument has another value from here on."""
        source = node.args[0] if node.args else None
        (output,) = node.outputs or (None,)
        if not isinstance(source, Ref) or output is None:
            raise ValueError(f"{node.name}_ without a tensor that it changes")
        first = self._first(source.name)
        others = self._family(first) - {first}
        names = [name for x in others for name in (x, *self.names.get(x, ()))]
        if any(self.last.get(name, -1) > at for name in names):
            raise node.refusal(
                "it changes a value in place of which a view is used afterwards: "
                "save the program after .run_decompositions(), which makes it functional"
            )
        self.tensor[output] = first
        self.names.setdefault(first, []).append(output)
        self.value[first] = output

    def _first(self, name: str) -> str:
        return self.tensor.get(name, name)

    def _family(self, first: str) -> set[str]:
        return self.shared.setdefault(first, {first})
