"""The sections of the page that are text, from summary.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any, Final

from netsculpt.core.counting import counted
from netsculpt.core.version import __version__
from netsculpt.report.html.contents import Contents
from netsculpt.report.html.definitions import term
from netsculpt.report.html.markup import Markup, element, joined
from netsculpt.report.html.modules import hierarchy_section, modules_section
from netsculpt.report.html.parts import listed, pairs, table
from netsculpt.report.words import number

__all__ = ["cite", "sections"]

_RAISED: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_ASKED: Final[Mapping[str, str]] = {
    "detectors": "detectors",
    "weights": "form of the weights",
    "null": "null model",
    "n_nulls": term("null", "null networks"),
    "n_seeds": term("runs"),
    "task": "task",
}


def sections(contents: Contents) -> Iterator[tuple[str, str, Markup]]:
    """Identifier, heading and content of each section before the figures."""
    summary = contents.summary
    yield "read", "What was read", _read(contents)
    yield "facts", "Network", _facts(summary)
    if "fidelity" in summary:
        yield "fidelity", "Fidelity to the net", _fidelity(summary["fidelity"])
    yield "paths", "Paths", _paths(summary["paths"])
    if "attribution" in summary:
        rows = [
            (term("attribution", key), f"{value:.3g}")
            for key, value in summary["attribution"].items()
        ]
        yield "attribution", "Attribution", pairs(rows)
    yield "modules", "Modules", modules_section(summary)
    yield (
        "hierarchy",
        "Hierarchy",
        joined(*(hierarchy_section(key, each) for key, each in summary["modules"].items())),
    )
    if summary["notes"]:
        yield "notes", "Notes", listed(summary["notes"])


def cite() -> Markup:
    """How to cite."""
    entry = (
        "@software{netsculpt,",
        "  title = {netsculpt: network science of sparse neural networks},",
        "  author = {The netsculpt developers},",
        f"  version = {{{__version__}}}",
        "}",
    )
    return joined(
        element(
            "p",
            f"netsculpt {__version__}: network science of sparse neural networks. Cite it, and the "
            "papers of the methods that you use: the documentation of each names its source.",
        ),
        element("pre", *(Markup(f"{line}\n") for line in entry), tabindex=0),
    )


def _read(contents: Contents) -> Markup:
    arguments, provenance = contents.arguments, contents.summary["graph"]["provenance"]
    rows: list[tuple[str, str]] = [
        (what, PurePath(str(arguments[what])).name)
        for what in ("model", "mask")
        if arguments.get(what)
    ]
    rows += [("hash", step["input_hash"]) for step in provenance if step["input_hash"]]
    for key in ("format", "edges", "topology"):
        rows += [(key, str(x["parameters"][key])) for x in provenance if key in x["parameters"]][:1]
    for key, title in _ASKED.items():
        if arguments.get(key) is not None:
            value = arguments[key]
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            rows.append((title, text))
    rows += [(term("seed"), str(contents.summary["seed"])), ("netsculpt", __version__)]
    return pairs(rows)


def _facts(summary: Mapping[str, Any]) -> Markup:
    graph, live = summary["graph"], summary["effective"]
    n_dead = live["n_units"] - live["n_effective_units"]
    facts = pairs(
        [
            (term("unit", "units"), f"{graph['n_units']:,} in {len(graph['layers'])} layers"),
            (term("edge", "edges"), f"{graph['n_edges']:,}"),
            (term("density"), f"{graph['density']:.3%}"),
            (term("live", "dead units"), f"{n_dead:,} (on no path from an input to an output)"),
        ]
    )
    dead = live["n_dead_units"]
    rows = [
        (
            layer["name"],
            layer["role"],
            f"{layer['n_units']:,}",
            f"{layer['n_units'] - dead.get(layer['name'], 0):,}",
        )
        for layer in graph["layers"]
    ]
    layers = table(
        "Layers", ("layer", "role", term("unit", "units"), term("live", "live")), rows, n_texts=2
    )
    cautions = [
        f"{name.replace('_', ' ')}: {', '.join(_label(x) for x in live[name])}"
        for name in ("disconnected_outputs", "collapsed_layers", "collapsed_blocks")
        if live[name]
    ]
    return joined(facts, listed(cautions, "caution") if cautions else None, layers)


def _label(value: Any) -> str:
    return " → ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _paths(paths: Mapping[str, Any]) -> Markup:
    core = paths["core"]
    rows: list[tuple[str, str]] = [
        (term("path", "input→output paths"), _power(paths["log10_count"])),
        (term("path", "total path weight"), _power(paths["log10_weight"])),
    ]
    if core is not None:
        share, size = f"{core['tau']:.0%}", counted(core["size"], "unit")
        rows += [
            (term("core", "path core"), f"{share} of the paths pass through {size}"),
            (term("core", "hourglass score"), number(core["hourglass"], 2)),
        ]
    return pairs(rows)


def _power(log10: float | None) -> str:
    if log10 is None:
        return "0"
    if -3 <= log10 < 6:
        return f"{10**log10:.4g}" if log10 < 4 else f"{round(10**log10):,}"
    exponent = int(log10 // 1)
    return f"{10 ** (log10 - exponent):.2f} × 10{str(exponent).translate(_RAISED)}"


def _fidelity(fidelity: Mapping[str, Any]) -> Markup:
    rows = [
        (term("fidelity", "largest error of edges"), _small(fidelity["max_error"])),
        (term("fidelity", "error of the outputs"), _small(fidelity["output_error"])),
        ("compared on", fidelity["compared_on"]),
        (term("fidelity", "checks made"), f"{fidelity['n_checked']:,}"),
        (term("fidelity", "not checked"), f"{fidelity['n_not_checked']:,}"),
    ]
    reasons = sorted({x["reason"] for x in fidelity["layers"] if x["error"] is None})
    return joined(pairs(rows), listed(reasons) if reasons else None)


def _small(value: float | None) -> str:
    return "–" if value is None else f"{value:.1e}"
