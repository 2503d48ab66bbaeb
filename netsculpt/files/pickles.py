"""Pickles read as data, by a small stack machine with a fixed table of constructors.

Nothing is ever imported by name. A global in the file is looked up in the caller's table. One that
is missing there becomes a hole in the result and makes the file an error at the end, so that every
foreign class is reported, not only the first.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from netsculpt.core.errors import FormatError, LimitError, NetsculptError, UnsafeFileError
from netsculpt.files.words import listed, reason

__all__ = ["PLAIN", "Constructors", "Global", "Stub", "Unfinished", "plain_key", "read_pickle"]

Constructors = Mapping[str, Callable[..., Any] | None]  # None: a name that may be passed on only

_LITERALS = frozenset(
    {
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    }
)
_CONSTANTS: Mapping[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_MOST_STEPS = 2_000_000  # of a pickle; one of 100 tensors takes some 5,000
_TAKE_NAMES = ("collections.defaultdict",)  # of a class, to make what a key lacks
_KEY_BITS = 63  # larger integers can be made to collide in a dict


@dataclass(frozen=True)
class Global:
    """A name in the file that the table allows."""

    name: str


@dataclass(frozen=True)
class Stub:
    """Stands for an object of a class that is never imported; what it holds is dropped."""

    name: str


@dataclass(frozen=True)
class _Foreign:
    """A name outside the table, which may be passed on and stand for a stub, but not be called."""

    name: str


class Unfinished(Protocol):
    """An object that the pickle completes later, by its state."""

    def finished(self, state: Any) -> Any:
        """The completed object."""


class _Hole:
    """Placeholder for an object of a name outside the table."""


_HOLE = _Hole()


def read_pickle(
    stream: BinaryIO,
    constructors: Constructors,
    *,
    persistent: Callable[[Any], Any] | None = None,
    inert: set[str] | None = None,
    where: str,
) -> Any:
    """Build the object that a pickle describes, using only `constructors`.

    Parameters
    ----------
    stream
        Positioned at the pickle's first byte, afterwards behind its last.
    constructors
        For each allowed ``"module.name"`` the function to call in its place, or None for a name
        that may be passed to others (a dtype, a storage class) but not called.
    persistent
        Turns a persistent id into an object (default: they are an error).
    inert
        If given, objects of other classes that are made without arguments, as those of
        dataclasses and namespaces, become a `Stub`, and names that are only passed on are legal.
        Those names, as they stand in the file, are added. By default they are an error.
    where
        The file, for messages.

    Raises
    ------
    UnsafeFileError
        If the pickle names anything else; the message lists every such name.
    FormatError
        If it is damaged, or uses opcodes that data does not need.
    LimitError
        If it takes more steps than any pickle of tensors.
    """
    machine = _Machine(constructors, persistent, inert)
    try:
        value = machine.run(stream, where)
    except NetsculptError:
        raise
    except Exception as error:
        machine.refuse_blocked(where)
        raise FormatError(
            f"{where} is damaged: its pickle cannot be followed ({reason(error)}). Fetch or save "
            "it again."
        ) from None
    machine.refuse_blocked(where)
    return value


class _Machine:
    def __init__(
        self,
        constructors: Constructors,
        persistent: Callable[[Any], Any] | None,
        inert: set[str] | None,
    ) -> None:
        self.inert = inert
        self.constructors = constructors
        self.persistent = persistent
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.finished: dict[int, tuple[Any, Any]] = {}  # by id: unfinished object, completed object
        self.blocked: set[str] = set()

    def run(self, stream: BinaryIO, where: str) -> Any:
        for step, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if step == _MOST_STEPS:
                raise LimitError(
                    f"the pickle in {where} takes more than {_MOST_STEPS} steps: it is forged, or "
                    "contains lists of numbers; save only tensors"
                )
            name = opcode.name
            if name in _LITERALS:
                self.stack.append(argument)
            elif name in _CONSTANTS:
                self.stack.append(_CONSTANTS[name]())
            elif name in _ACTIONS:
                _ACTIONS[name](self, argument)
            elif name == "STOP":
                return self.only_inside(self.stack.pop())
            elif name not in ("PROTO", "FRAME"):
                raise ValueError(f"opcode {name} does not belong in a file of tensors")
        raise ValueError("it ends early")

    def only_inside(self, value: Any) -> Any:
        """The content; an object of a foreign class may be in it, but not be all of it."""
        if isinstance(value, Stub | _Foreign):
            self.blocked.add(value.name)
        return value

    def refuse_blocked(self, where: str) -> None:
        if self.blocked:
            raise UnsafeFileError(_refusal(where, self.blocked))

    def mark(self, _: Any) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.marks.pop()
        return items

    def popped(self, n: int) -> list[Any]:
        return [self.stack.pop() for _ in range(n)][::-1]

    def gather(self, make: Callable[[list[Any]], Any]) -> None:
        items = self.since_mark()
        self.stack.append(make(items))

    def find(self, module: str, name: str) -> None:
        written = f"{module}.{name}"
        module = "builtins" if module == "__builtin__" else module
        full = f"{module}.{name}"
        if full in self.constructors:
            self.stack.append(Global(full))
        elif self.inert is not None and module.partition(".")[0] != "torch":
            self.inert.update((written, full))
            self.stack.append(_Foreign(full))
        else:
            self.blocked.add(full)
            self.stack.append(_HOLE)

    def find_argument(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.find(module, name)

    def find_on_stack(self, _: Any) -> None:
        module, name = self.popped(2)
        if not (isinstance(module, str) and isinstance(name, str)):
            raise TypeError("a name is not a string")
        self.find(module, name)

    def call(self, _: Any) -> None:
        function, arguments = self.popped(2)
        self.stack.append(self.result(function, arguments))

    def new(self, _: Any) -> None:
        function, arguments = self.popped(2)
        if isinstance(function, _Foreign) and arguments == ():
            self.stack.append(Stub(function.name))
        else:
            self.stack.append(self.result(function, arguments))

    def result(self, function: Any, arguments: Any) -> Any:
        foreign = [x for x in (function, *arguments) if isinstance(x, _Foreign)]
        if foreign and getattr(function, "name", "") not in _TAKE_NAMES:
            self.blocked.update(x.name for x in foreign)
            return _HOLE
        if function is _HOLE:
            return _HOLE
        if not isinstance(function, Global) or not isinstance(arguments, tuple):
            raise TypeError("a call of something that is not a function")
        constructor = self.constructors[function.name]
        if constructor is None:
            raise TypeError(f"{function.name} is called, but only its name may be used")
        return _HOLE if any(x is _HOLE for x in arguments) else constructor(*arguments)

    def instance(self, _: Any) -> None:
        """OBJ and INST: classes of protocols 0 and 1, which tensors do not use."""
        items = self.since_mark()
        self.stack.append(self.result(items[0], tuple(items[1:])))

    def instance_of_argument(self, argument: str) -> None:
        items = self.since_mark()
        self.find_argument(argument)
        self.stack.append(self.result(self.stack.pop(), tuple(items)))

    def build(self, _: Any) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, Stub):
            parts = state if isinstance(state, tuple) else (state,)
            if any(isinstance(x, dict) and "_parameters" in x for x in parts):
                self.blocked.add(target.name)  # a net, whose weights would be lost
            return
        if target is _HOLE or state is _HOLE or isinstance(target, dict):
            return  # a dict's state holds attributes, such as torch's _metadata
        if not hasattr(target, "finished"):
            raise TypeError(f"state given to a {type(target).__name__}")
        self.stack[-1] = target.finished(state)
        self.finished[id(target)] = target, self.stack[-1]

    def extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        self.only_inside(target)  # a list or a dict of a class of its own
        if isinstance(target, list):
            target.extend(items)
        elif target is not _HOLE:
            raise TypeError(f"items given to a {type(target).__name__}")

    def fill(self, items: list[Any]) -> None:
        target = self.stack[-1]
        self.only_inside(target)
        if isinstance(target, dict):
            target.update(_pairs(items))
        elif target is not _HOLE:
            raise TypeError(f"keys given to a {type(target).__name__}")

    def tuple_of(self, n: int) -> None:
        items = self.popped(n)
        self.stack.append(tuple(items))

    def recall(self, key: int) -> None:
        value = self.memo[key]
        _, complete = self.finished.get(id(value), (value, value))
        self.stack.append(complete)

    def remember(self, key: int | None) -> None:
        self.memo[len(self.memo) if key is None else key] = self.stack[-1]

    def persist(self, _: Any) -> None:
        if self.persistent is None:
            raise TypeError("a persistent id in a file without storages")
        key = self.stack.pop()
        self.stack.append(self.persistent(key))


def plain_key(key: Any) -> Any:
    """The key itself, if it is of a type that is cheap to hash; nested tuples are not."""
    if type(key) in (str, bytes, bool, type(None)):
        return key
    if type(key) is int and key.bit_length() <= _KEY_BITS:
        return key
    raise TypeError(f"a {type(key).__name__} is a key: strings and integers are needed")


def _ordered(items: Any = ()) -> dict[Any, Any]:
    pairs = items.items() if isinstance(items, dict) else items
    return {plain_key(key): value for key, value in pairs}


def _encoded(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise ValueError("bytes in an encoding that pickles do not use")
    return text.encode("latin-1")


PLAIN: Constructors = {"collections.OrderedDict": _ordered, "_codecs.encode": _encoded}


def _pairs(items: list[Any]) -> dict[Any, Any]:
    keys, values = items[::2], items[1::2]
    return {plain_key(key): value for key, value in zip(keys, values, strict=True)}


_ACTIONS: Mapping[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "GLOBAL": _Machine.find_argument,
    "STACK_GLOBAL": _Machine.find_on_stack,
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.new,
    "OBJ": _Machine.instance,
    "INST": _Machine.instance_of_argument,
    "BUILD": _Machine.build,
    "APPEND": lambda machine, _: machine.extend(machine.popped(1)),
    "APPENDS": lambda machine, _: machine.extend(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.fill(machine.popped(2)),
    "SETITEMS": lambda machine, _: machine.fill(machine.since_mark()),
    "LIST": lambda machine, _: machine.gather(list),
    "DICT": lambda machine, _: machine.gather(_pairs),
    "TUPLE": lambda machine, _: machine.gather(tuple),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.recall),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.remember),
    "POP": lambda machine, _: machine.stack.pop(),
    "BINPERSID": _Machine.persist,
}


def _refusal(where: str, blocked: set[str]) -> str:
    if any(name.startswith("torch._utils._rebuild_qtensor") for name in blocked):
        return (
            f"{where} holds quantised weights: reading them would call what the file names "
            f"({listed(blocked)}), and netsculpt reads floating-point tensors. If you trust the "
            "file, load it where it was made and save the dequantised weights: "
            "torch.save({f'{name}.weight': layer.weight().dequantize() for name, layer in "
            "net.named_modules() if callable(getattr(layer, 'weight', None))}, 'weights.pt'); or "
            "the state dict of the net from before it was quantised"
        )
    whole = any(name.startswith("torch.nn.modules.") for name in blocked)
    kind = "a whole pickled model" if whole else "more than tensors"
    code = (
        "; unless its layers form a chain, the code of the net is needed too: on the command line "
        "add --model pkg.module:factory --example-shape 1,3,32,32 (of your inputs)"
    )
    return (
        f"{where} holds {kind}: reading it would call what it names ({listed(blocked)}), and "
        "netsculpt reads only tensors, lists and dicts. If you trust the file, load it where "
        "it was made and save only the tensors: "
        f"torch.save(model.state_dict(), 'weights.pt'){code * whole}"
    )
