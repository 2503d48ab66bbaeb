"""Names below the layers of a drawing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation
from numpy.typing import ArrayLike

from netsculpt.graph.graph import Layer
from netsculpt.plots._drawing.axes import LITERAL, shorten, size_in_points, text_width, tick_size
from netsculpt.plots._drawing.colours import INK
from netsculpt.plots.layouts.stages import Stage, stages

__all__ = ["LayerNames", "layer_names", "write_names"]

_LONGEST, _LONGEST_SLANTED, _LONGEST_STAGE, _LONGEST_INNER = 24, 18, 12, 14
_UPRIGHT: Final = 1.25  # width of a line of upright text, in sizes of the text
_SMALL: Final = 0.8  # size of the names above brackets, in that of the others
_DEEPEST: Final = 0.5  # the most that they may take, in heights of the axes
_FILLED: Final = 0.84  # largest share of the distance from label to label; outer ones take room
_PIECE: Final = re.compile(r"[^._/… -]*(?:[._/… -]+|$)")
_FEWER: Final = 0.7  # stages a layer up to which stages are named instead of layers
_BRACKET: Final = 2.0  # points from the axes to a bracket; and its height


@dataclass(frozen=True)
class LayerNames:
    """What is written below which layers."""

    texts: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]  # first and last layer of each text
    turned: tuple[int, ...]  # degrees
    inner: Mapping[int, str] = field(default_factory=dict)  # upright names right below layers
    depth: float = 0.0  # points that these take, below the axes and above the brackets


def layer_names(ax: Axes, layers: Sequence[Layer]) -> LayerNames:
    """Write names below the axes: of layers with their units, or of stages under brackets.

    Layer i is at x = i; the limits of the x axis must be set. Layers are named if there is room for
    level text; else stages of layers whose names begin alike, if there are some, and above their
    brackets the rest of each name, if there is room for upright text; else layers in slanted or
    upright text, every so many of them. Returns what `write_names` takes.
    """
    size = tick_size(ax)
    left, right = ax.get_xlim()
    width, high = size_in_points(ax)
    room = width / (right - left)
    named = (
        _level(layers, size, room)
        or _stages(layers, size, room, high)
        or _turned(layers, size, room)
    )
    write_names(ax, named, np.arange(len(layers)))
    return named


def write_names(ax: Axes, named: LayerNames, place: ArrayLike) -> None:
    """Write the names below layers at x = `place` [L]."""
    for line in [line for line in ax.lines if line.get_gid() == "bracket"]:
        line.remove()
    for text in [text for text in ax.texts if text.get_gid() == "inner"]:
        text.remove()
    at = np.asarray(place, dtype=np.float64)
    middles = [(at[first] + at[last]) / 2 for first, last in named.spans]
    ax.set_xticks(middles, list(named.texts), **LITERAL)
    for tick, angle in zip(ax.xaxis.get_major_ticks(len(middles)), named.turned, strict=True):
        label, slanted = tick.label1, 0 < angle < 90
        label.set(rotation=angle, va="top", ha="right" if slanted else "center")
        label.set_rotation_mode("anchor" if slanted else "default")
    brackets = [(at[first], at[last]) for first, last in named.spans if first < last]
    pad = named.depth + 3 * _BRACKET if brackets else 3.5
    ax.tick_params(axis="x", length=0, labelbottom=True, pad=pad)
    figure = ax.get_figure(root=True)
    assert figure is not None  # only removed axes have none
    below = ScaledTranslation(0, -(named.depth + 2 * _BRACKET) / 72, figure.dpi_scale_trans)
    for layer, name in named.inner.items():
        ax.annotate(
            name,
            (at[layer], 0.0),
            xycoords=ax.get_xaxis_transform(),
            xytext=(0.0, -_BRACKET),
            textcoords="offset points",
            size=_SMALL * tick_size(ax),
            color=INK,
            rotation=90,
            ha="center",
            va="top",
            linespacing=1.0,
            gid="inner",
            **LITERAL,
        )
    for start, stop in brackets:
        ax.plot(
            [start, stop],
            [0, 0],
            transform=ax.get_xaxis_transform() + below,
            color=INK,
            linewidth=0.6,
            marker=2,  # a tick upwards at either end
            markersize=_BRACKET,
            markeredgewidth=0.6,
            clip_on=False,
            scalex=False,
            scaley=False,
            gid="bracket",
        )


def _level(layers: Sequence[Layer], size: float, room: float) -> LayerNames | None:
    """Level names, wrapped, with the number of units below; None if they do not fit."""
    counts = [f"{layer.n_units:,}" for layer in layers]
    wrapped = [_wrap(shorten(x.name, _LONGEST), size, _FILLED * room) for x in layers]
    if not all(wrapped) or max(text_width(count, size) for count in counts) > _FILLED * room:
        return None
    texts = [f"{name}\n{count}" for name, count in zip(wrapped, counts, strict=True)]
    return _all(texts, range(len(layers)), 0)


def _stages(layers: Sequence[Layer], size: float, room: float, high: float) -> LayerNames | None:
    """Names of stages, upright where level ones do not fit; None if there are hardly fewer.

    If the axes, `high` points tall, have room for it, names of layers stand above the brackets.
    """
    found = stages([layer.name for layer in layers])
    if len(found) > _FEWER * len(layers):
        return None
    texts = [shorten(stage.name, _LONGEST_STAGE) for stage in found]
    level = [
        text_width(x, size) <= room * (s.stop - s.first - 0.4)
        for x, s in zip(texts, found, strict=True)
    ]
    kept: list[int] = []
    free = -np.inf  # where the next upright name may begin
    for i, stage in enumerate(found):
        middle = room * (stage.first + stage.stop - 1) / 2
        if level[i] or middle - 0.6 * size >= free:
            kept.append(i)
            free = middle + 0.6 * size
    inner = _inner(found, _SMALL * size, room)
    depth = max((text_width(text, _SMALL * size) for text in inner.values()), default=0.0)
    if not inner or depth > _DEEPEST * high:
        inner, depth = {}, 0.0
    else:  # a layer that is a stage stands among the others
        depth += _BRACKET
        kept = [i for i in kept if found[i].stop - found[i].first > 1]
    spans = [(found[i].first, found[i].stop - 1) for i in kept]
    turned = [0 if level[i] else 90 for i in kept]
    return LayerNames(tuple(texts[i] for i in kept), tuple(spans), tuple(turned), inner, depth)


def _inner(found: Sequence[Stage], size: float, room: float) -> dict[int, str]:
    """What each layer is called inside its stage; empty if there is no room for upright text.

    Layers in one column stand in one line each, or only the first of them.
    """
    if room < _UPRIGHT * size:
        return {}
    n_lines = int(room // (_UPRIGHT * size))
    names: dict[int, str] = {}
    for stage in found:
        inner = stage.inner if stage.stop - stage.first > 1 else (stage.name,)
        for i, name in enumerate(inner):
            texts = [shorten(part, _LONGEST_INNER) for part in name.split(", ")]
            whole = len(texts) <= n_lines
            names[stage.first + i] = "\n".join(texts) if whole else f"{texts[0]}, …"
    return names


def _turned(layers: Sequence[Layer], size: float, room: float) -> LayerNames:
    """Slanted names, or upright ones of every so many layers."""
    texts = [f"{shorten(x.name, _LONGEST_SLANTED)} ({x.n_units:,})" for x in layers]
    if room >= 2.2 * size:
        return _all(texts, range(len(layers)), 40)
    return _all(texts, range(0, len(layers), int(np.ceil(1.4 * size / room))), 90)


def _all(texts: Sequence[str], layers: Sequence[int], angle: int) -> LayerNames:
    """The texts of some layers, all turned alike."""
    spans = tuple((i, i) for i in layers)
    return LayerNames(tuple(texts[i] for i in layers), spans, (angle,) * len(spans))


def _wrap(name: str, size: float, room: float) -> str:
    """Wrap a name after dots, dashes, spaces into at most three lines; "" if it does not fit."""
    lines = [""]
    for piece in _PIECE.findall(name):
        if text_width(lines[-1] + piece, size) > room and lines[-1]:
            lines.append("")
        lines[-1] += piece
    wrapped = "\n".join(lines)
    return wrapped if len(lines) <= 3 and text_width(wrapped, size) <= room else ""
