"""Small nets in the style of published architectures, by kind."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from families import convolutional, generative, language, plain, relations, sequences, vision
from families.model import Family

__all__ = ["KINDS"]

KINDS: Final[Mapping[str, Mapping[str, Family]]] = MappingProxyType(
    {
        "linear layers": plain.FAMILIES,
        "convolutional": convolutional.FAMILIES,
        "recurrent": sequences.RECURRENT,
        "text and proteins": language.FAMILIES,
        "patches": vision.FAMILIES,
        "audio": sequences.AUDIO,
        "state space": sequences.STATE_SPACE,
        "graphs and sets": relations.FAMILIES,
        "generative": generative.FAMILIES,
        "recommenders": plain.RECOMMENDERS,
    }
)
