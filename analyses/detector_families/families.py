"""Tasks of three and more functions, as circuits: those to judge by, and others to tune on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["JUDGED", "TUNED", "text_of"]


def text_of(name: str) -> str:
    """The circuit of a family, one function per line."""
    lines = {**JUDGED, **TUNED}[name]
    return "\n".join(lines)


# What the table reports. No constant of a detector was chosen by these.
JUDGED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "chain of three, one shared input each": (
            "one = (a ^ b) & c",
            "two = (c | d) ^ e",
            "three = (e & f) ^ g",
        ),
        "one input shared by three": (
            "one = (a ^ b) & s",
            "two = (c & d) ^ s",
            "three = (e | f) & s",
        ),
        "sub-function reused by three": (
            "shared = (a ^ b) & (c | d)",
            "one = shared | e",
            "two = shared & f",
            "three = shared ^ g",
        ),
        "two families of two": (
            "one = (a ^ b) & c",
            "two = (a ^ b) | d",
            "three = (e & f) ^ g",
            "four = (e | f) & h",
        ),
        "uneven tree": (
            "low = a ^ b",
            "middle = low & (c | d)",
            "one = middle ^ e",
            "two = middle & f",
            "three = low | g",
        ),
    }
)

# Where the constants come from.
TUNED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "three apart": (
            "one = (a & b) ^ c",
            "two = (d ^ e) | f",
            "three = (g | h) & i",
        ),
        "ring of three": (
            "one = (a | b) ^ c",
            "two = (c ^ d) & e",
            "three = (e | f) & ~a",
        ),
        "chain of three, two shared inputs each": (
            "one = (a ^ b) & (c | d)",
            "two = (c & d) ^ (e | f)",
            "three = (e ^ f) & ~g",
        ),
        "two inputs shared by three": (
            "one = (a & s) ^ t",
            "two = (b | s) & t",
            "three = (s ^ t) | c",
        ),
        "one input shared by four": (
            "one = (a | b) ^ s",
            "two = (c ^ d) & s",
            "three = (e & f) | s",
            "four = ~(g & h) & s",
        ),
        "sub-function reused by four": (
            "shared = (a & b) ^ c",
            "one = shared & d",
            "two = shared ^ e",
            "three = shared | f",
            "four = shared & ~g",
        ),
        "two reuse, one apart": (
            "shared = (a | b) ^ c",
            "one = shared & d",
            "two = shared | e",
            "three = (f ^ g) & h",
        ),
        "star": (
            "one = (a & b) ^ c",
            "two = (a ^ d) & e",
            "three = (b | f) ^ g",
            "four = (c & h)",
        ),
        "pair of the same inputs, one apart": (
            "one = (a ^ b) & (c | d)",
            "two = (a & b) ^ (c & d)",
            "three = (e | f) ^ g",
        ),
        "three of the same inputs": (
            "one = (a ^ b) & (c | d)",
            "two = (a & c) | (b ^ d)",
            "three = (a | b) ^ (c & d)",
        ),
        "three families of two": (
            "one = a ^ b",
            "two = (a & b) | c",
            "three = d ^ e",
            "four = (d | e) & f",
            "five = g & h",
            "six = (g ^ h) & i",
        ),
        "two levels": (
            "left = a ^ b",
            "right = c & d",
            "both = left | right",
            "one = both & e",
            "two = both ^ f",
            "three = left & g",
        ),
        "three apart, each twice": (
            "one = (a ^ b) & c",
            "two = (d & e) ^ f",
            "three = (g | h) ^ a",
            "y1 = one",
            "y2 = two",
            "y3 = three",
            "y4 = ~one",
            "y5 = two",
            "y6 = ~three",
        ),
        "reused by three, each twice": (
            "shared = (a ^ b) & c",
            "one = shared & d",
            "two = shared ^ e",
            "three = shared | f",
            "y1 = one",
            "y2 = two",
            "y3 = three",
            "y4 = one",
            "y5 = two",
            "y6 = three",
        ),
    }
)
