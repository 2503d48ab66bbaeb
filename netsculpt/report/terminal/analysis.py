"""The report that a person reads in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.tree import Tree

from netsculpt.core.printable import printable
from netsculpt.graph.graph import Layer, NetGraph
from netsculpt.report.terminal.fidelity import fidelity_section

if TYPE_CHECKING:
    from netsculpt.hierarchy import Hierarchy
    from netsculpt.pipeline import Analysis, Detected
    from netsculpt.tracing import Fidelity

__all__ = ["print_report", "print_written"]

MAX_LAYERS = 12  # layers listed before the middle is left out
MAX_MODULES = 15  # modules of a hierarchy drawn as a tree
SIGNIFICANT = 0.05
ORIGIN = {
    "mask": "Edges: the weights that the masks keep.",
    "stored": "Edges: the entries that the file stores.",
    "nonzero": "No mask found: weights that are exactly 0 were taken as pruned.",
}


def print_report(found: Analysis, *, fidelity: Fidelity | None = None) -> None:
    """Print what was found to stdout; the fidelity of a graph that was traced, too."""
    console = _console()
    for title, body in _sections(found, fidelity):
        console.print(f"\n[bold]{_literal(title)}[/bold]")
        console.print(Padding(body, (0, 0, 0, 2)))


def print_written(output: Path | None) -> None:
    """Print where the folder is, or how to have one."""
    where = (
        f"Tables, graph, figures and manifest are in [bold]{_literal(str(output))}[/bold]."
        if output is not None
        else "Nothing was written; -o DIR writes tables, graph and figures."
    )
    _console().print(f"\n{where}")


def _console() -> Console:
    return Console(highlight=False, emoji=False)


def _sections(found: Analysis, fidelity: Fidelity | None) -> list[tuple[str, RenderableType]]:
    graph = found.graph
    sections: list[tuple[str, RenderableType]] = [
        ("Network", _network(found)),
        *([] if fidelity is None else [("Fidelity to the net", fidelity_section(fidelity))]),
        ("Paths", _paths(found)),
    ]
    for each in found.detected:
        sections.append((f"Modules ({each.detector})", _modules(each, found.null)))
        sections.append((f"Hierarchy ({each.detector})", _tree(each.hierarchy, graph)))
    if found.agreement:
        sections.append(("Agreement of the detectors", _agreement(found)))
    if found.notes:
        sections.append(("Notes", Group(*(_literal(note) for note in found.notes))))
    return sections


def _network(found: Analysis) -> RenderableType:
    graph, live = found.graph, found.effective.units
    n_live = int(live.sum())
    lines = [
        f"{graph.n_units:,} units in {len(graph.layers)} layers, {graph.n_edges:,} edges",
        f"{graph.n_parameters:,} of {sum(block.size for block in graph.blocks):,} weights kept: "
        f"density {graph.density:.2%}",
        f"{graph.n_units - n_live:,} dead units (on no input→output path), {n_live:,} live",
    ]
    lines += [_literal(text) for text in _traced(graph)]
    lines += [ORIGIN[x] for x in _edge_origins(graph)]
    lines += [f"[yellow]{_literal(text)}[/yellow]" for text in found.effective.warnings()]
    table = Table("layer", "role", "units", "live", box=None, pad_edge=False, header_style="dim")
    for column in table.columns[2:]:
        column.justify = "right"
    for layer in _abridged(graph):
        if layer is None:
            table.add_row("…", "", "", "")
            continue
        n_there = int(live[layer.units].sum())
        table.add_row(_literal(layer.name), layer.role, f"{layer.n_units:,}", f"{n_there:,}")
    return Group(*lines, table)


def _traced(graph: NetGraph) -> list[str]:
    said = []
    for taken in graph.provenance:
        told = taken.parameters
        if taken.function == "model":
            said.append(
                f"Traced: {told['model']} on {' and '.join(map(str, told['example_shape']))}"
            )
        elif "branches" in told:
            said.append("The net branches on values: this is the one path that zeros take.")
    return said


def _edge_origins(graph: NetGraph) -> list[str]:
    told = (taken.parameters.get("edges") for taken in graph.provenance)
    return [each for each in told if each in ORIGIN]


def _abridged(graph: NetGraph) -> Sequence[Layer | None]:
    layers = graph.layers
    if len(layers) <= MAX_LAYERS:
        return layers
    half = MAX_LAYERS // 2
    return [*layers[:half], None, *layers[-half:]]


def _paths(found: Analysis) -> RenderableType:
    facts = found.paths
    core = facts.core
    return Group(
        f"{_count(facts.log10_path_count)} input→output paths, "
        f"total weight {_power(facts.log10_path_weight)}",
        f"{core.tau:.0%} of the paths pass through {_several(core.size, 'unit')} "
        f"(flat network: {core.flat_size}); hourglass score {_signed(core.hourglass, 2)}",
    )


def _modules(each: Detected, null: str) -> RenderableType:
    sizes = each.partition.sizes
    listed = ", ".join(f"{size:,}" for size in sorted(sizes, reverse=True)[:MAX_MODULES])
    more = ", …" if sizes.size > MAX_MODULES else ""
    lines = [
        f"{_several(each.partition.n_modules, 'module')} of {listed}{more} units; "
        f"layer-aware modularity Q = {each.quality:.3f}",
        *_verdict(each, null),
    ]
    if each.stability is not None:
        lines.append(f"Stability over seeds {each.stability:.2f} (mean AMI; 1 = always the same)")
    alike = _signed(each.layer_ami, 2)
    lines.append(f"AMI with the layers {alike} (0 = modules cross them, 1 = they are layers)")
    return Group(*lines)


def _verdict(each: Detected, null: str) -> list[str]:
    against = each.significance
    if against is None:
        return ["No null network drawn: whether this is more than chance is not known."]
    found = against.p <= SIGNIFICANT
    verdict = "more modular than chance" if found else "no more modular than chance"
    least = f" (the least that {against.n} can give)" if against.p == 1 / (against.n + 1) else ""
    chance = f"Q = {against.mean:.3f} ± {against.sd:.3f}"
    z = f"z = {_signed(against.z, 1)}, "
    if against.sd == 0:
        chance, z = f"Q = {against.mean:.3f} every time", ""
    return [
        f"Chance ({null}, {against.n} networks): {chance}",
        f"{z}p = {against.p:.2g}{least}: [{'green' if found else 'yellow'}]{verdict}[/]",
    ]


def _tree(hierarchy: Hierarchy, graph: NetGraph) -> RenderableType:
    """Modules that feed no other at the root, what feeds them below."""
    modules = {module.label: module for module in hierarchy.modules}
    if len(modules) > MAX_MODULES:
        deepest = max(module.level for module in modules.values())
        return f"{len(modules)} modules on {deepest + 1} levels: see modules.csv and the figure"
    drawn: set[int] = set()

    def label(at: int) -> str:
        module = modules[at]
        held = [
            _several(module.n_units, "unit"),
            f"level {module.level}",
            f"sees {len(module.inputs_seen)}/{graph.inputs.size} inputs",
            f"serves {len(module.outputs_served)}/{graph.outputs.size}",
            f"{module.path_share:.0%} of paths",
        ]
        if module.reuse > 1:
            held.append(f"reused {module.reuse}×")
        return f"[bold]module {module.name}[/bold]  {', '.join(held)}"

    def grow(tree: Tree, at: int) -> None:
        if at in drawn:
            tree.add(f"module {modules[at].name}  (above)")
            return
        drawn.add(at)
        branch = tree.add(label(at))
        for below in sorted(modules[at].fed_by):
            grow(branch, below)

    root = Tree("", hide_root=True)
    for module in sorted(hierarchy.modules, key=lambda x: (-x.level, x.label)):
        if not module.feeds:
            grow(root, module.label)
    if not hierarchy.merged:
        return root
    joined = "Modules that feed each other, directly or in a circle, stand joined."
    if len(modules) == 1:
        joined = "All modules feed each other in circles: there is no hierarchy among them."
    return Group(root, joined)


def _agreement(found: Analysis) -> RenderableType:
    table = Table("detectors", "ARI", "AMI", box=None, pad_edge=False, header_style="dim")
    for (one, other), match in found.agreement.items():
        table.add_row(f"{one} – {other}", f"{match.ari:.2f}", f"{match.ami:.2f}")
    return table


def _literal(text: str) -> str:
    """Text that may come from a file: neither markup nor commands to the terminal."""
    return escape(printable(text))


def _signed(value: float, digits: int) -> str:
    return f"{value:z.{digits}f}".replace("-", "−")


def _several(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _count(log10: float) -> str:
    return f"{round(10**log10):,}" if log10 < 9 else _power(log10)


def _power(log10: float) -> str:
    if -3 <= log10 < 6:
        return f"{10**log10:.4g}"
    exponent = int(log10 // 1)
    return f"{10 ** (log10 - exponent):.2f}×10^{exponent}"
