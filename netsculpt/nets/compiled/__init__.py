"""Transformers compiled from programs, so that what each part of them does is known.

A program is a list of steps on sequences, as in RASP: select, aggregate, mean, selector width, and
functions of one or two values. `compile_program` writes the weights of a transformer that computes
it; `interpreted` runs the program itself; `true_modules` says which step each unit of the net's
graph serves.

>>> net = compile_program(sort("abc", 3))
>>> net.decoded(net(*net.encoded(["cab", "bab"])))
[['a', 'b', 'c'], ['a', 'b', 'b']]
"""

from netsculpt.nets.compiled.compiling import compile_program
from netsculpt.nets.compiled.interpreting import interpreted
from netsculpt.nets.compiled.primitives import (
    BEGIN,
    POSITIONS,
    TOKENS,
    Aggregate,
    Input,
    Map,
    Mean,
    Select,
    SelectorWidth,
    SequenceMap,
)
from netsculpt.nets.compiled.program import Program
from netsculpt.nets.compiled.programs import (
    PROGRAMS,
    brackets,
    histogram,
    most_frequent,
    reverse,
    sort,
)
from netsculpt.nets.compiled.transformer import CompiledTransformer
from netsculpt.nets.compiled.truth import TrueModules, true_modules

__all__ = [
    "BEGIN",
    "POSITIONS",
    "PROGRAMS",
    "TOKENS",
    "Aggregate",
    "CompiledTransformer",
    "Input",
    "Map",
    "Mean",
    "Program",
    "Select",
    "SelectorWidth",
    "SequenceMap",
    "TrueModules",
    "brackets",
    "compile_program",
    "histogram",
    "interpreted",
    "most_frequent",
    "reverse",
    "sort",
    "true_modules",
]
__dir__ = __all__.copy
