"""Boolean circuits with named sub-functions, and threshold networks that compute them exactly.

A circuit is text, one function per line, with Python's operators ``& | ^ ~``; names that no line
defines are inputs, functions that no other line uses are outputs::

    left = (a & b) ^ c
    both = left & (d | e)

The true modules of the compiled network are known: the units that compute a function.
"""

from netsculpt.graph.circuits.circuit import Circuit
from netsculpt.graph.circuits.common import CommonFunction, common_functions, joint_rows
from netsculpt.graph.circuits.compiling import ThresholdCircuit, compile_circuit, function_graph
from netsculpt.graph.circuits.forcing import forced_outputs, function_values
from netsculpt.graph.circuits.parsing import parse_circuit
from netsculpt.graph.circuits.sharing import SharedCircuits, shared_circuits
from netsculpt.graph.circuits.truth import truth_table

__all__ = [
    "Circuit",
    "CommonFunction",
    "SharedCircuits",
    "ThresholdCircuit",
    "common_functions",
    "compile_circuit",
    "forced_outputs",
    "function_graph",
    "function_values",
    "joint_rows",
    "parse_circuit",
    "shared_circuits",
    "truth_table",
]
__dir__ = __all__.copy
