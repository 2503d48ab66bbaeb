"""Specs of nets as one writes them: ``cnn:1x8x8:8,16:32:10``."""

from __future__ import annotations

import re
import typing
from dataclasses import MISSING, fields
from typing import Any

from netsculpt.core.catalog import near
from netsculpt.core.errors import FormatError
from netsculpt.nets.families import FAMILIES, NetSpec, net_from_spec

__all__ = ["spec_from_text"]


def spec_from_text(text: str) -> NetSpec:
    """The spec written as a family and its fields in order, separated by colons.

    Commas or × separate sizes, slashes separate stages: ``vgg:3x32x32:64,64/128:10``. Fields with
    a default may be left out at the end.

    Raises
    ------
    FormatError
        If there is no such family, or a field is missing or wrong.

    Examples
    --------
    >>> spec_from_text("lstm:8x8:32:10")
    LSTM(sequence=(8, 8), hidden=32, n_outputs=10, layers=1)
    """
    family, *values = text.split(":")
    if family not in FAMILIES:
        raise FormatError(f"there is no family {family!r:.40} of nets; {near(family, FAMILIES)}")
    spec: Any = FAMILIES[family]
    parameters, kinds = fields(spec), typing.get_type_hints(spec)
    n_needed = sum(x.default is MISSING for x in parameters)
    if not n_needed <= len(values) <= len(parameters):
        form = "".join(f":{x.name}" if x.default is MISSING else f"[:{x.name}]" for x in parameters)
        raise FormatError(f"{text!r:.80} is not {family}{form}")
    pairs = zip(parameters, values, strict=False)
    try:
        return net_from_spec(
            {"family": family} | {x.name: _read(value, kinds[x.name]) for x, value in pairs}
        )
    except (FormatError, ValueError) as error:
        raise FormatError(f"{text!r:.80}: {error}") from None


def _read(text: str, kind: Any) -> Any:
    """The value of a field of type `kind`."""
    if kind is str:
        return text
    if kind is bool:
        if text not in ("true", "false"):
            raise ValueError(f"{text!r:.40} is neither true nor false")
        return text == "true"
    if kind is float:
        return float(text)
    if type(None) in typing.get_args(kind):
        return None if text in ("", "none") else _read(text, typing.get_args(kind)[0])
    if kind is int:
        if not re.fullmatch("[0-9]{1,18}", text.strip()):
            raise ValueError(f"{text!r:.40} is not a whole number")
        return int(text)
    inner = typing.get_args(kind)[0]
    parts = text.split("/") if typing.get_args(inner) else re.split("[,x×]", text)
    return tuple(_read(part, inner) for part in parts if text.strip())
