"""Imports only go down, and the door opens without heavy libraries."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import netsculpt
from netsculpt.graph.npz import save

ROOT = Path(netsculpt.__file__).parent
FLOORS = {
    5: {"cli", "__main__"},
    4: {"pipeline", "report", "sweep"},
    3: {"plots"},
    2: {"paths", "modules", "nulls", "hierarchy", "reuse", "monte_carlo", "synthetic"},
    1: {"loading", "checkpoint", "tracing", "training"},
    0: {
        *("graph", "matrices", "partition", "provenance", "errors", "random", "catalog"),
        "printable",
        *("circuits", "interop", "graph_files", "exporting", "parallel", "walks", "_version"),
        *("_grouping", "_splitmix"),
    },
}
FLOOR_OF = {name: floor for floor, names in FLOORS.items() for name in names}
SIBLINGS_ALLOWED = {0, 1, 4, 5}
HEAVY = ("torch", "igraph", "leidenalg", "matplotlib", "pandas", "sklearn", "numba", "networkx")


def files() -> list[Path]:
    return [path for path in sorted(ROOT.rglob("*.py")) if path != ROOT / "__init__.py"]


def part(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Every module that a file names in an import, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            names.update(f"{module}.{alias.name}" for alias in node.names)
    return names


def test_every_part_has_a_floor() -> None:
    assert {part(path) for path in files()} <= set(FLOOR_OF)


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    here = part(path)
    for name in imported(path):
        pieces = name.split(".")
        if pieces[0] != "netsculpt" or len(pieces) < 2 or pieces[1] not in FLOOR_OF:
            continue
        there = pieces[1]
        floor, below = FLOOR_OF[here], FLOOR_OF[there]
        sibling = below == floor and (here == there or floor in SIBLINGS_ALLOWED)
        assert below < floor or sibling, f"{here} (floor {floor}) imports {there} (floor {below})"


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_torch_only_on_its_floor(path: Path) -> None:
    names = {name.split(".")[0] for name in imported(path)}
    assert FLOOR_OF[part(path)] == 1 or "torch" not in names


@pytest.mark.parametrize("command", ["import netsculpt", "import netsculpt.cli"])
def test_the_door_is_light(command: str) -> None:
    script = f"{command}\nimport sys\nprint(sorted(set({HEAVY!r}) & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_help_is_light() -> None:
    script = (
        "import sys\nsys.argv = ['netsculpt', '--help']\nimport netsculpt.cli\n"
        "try:\n    netsculpt.cli.main()\nexcept SystemExit:\n    pass\n"
        f"print('HEAVY', sorted(set({HEAVY!r} + ('numpy', 'scipy')) & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip().endswith("HEAVY []")


def test_the_report_waits_for_no_library_that_it_does_not_use(tmp_path: Path) -> None:
    path = tmp_path / "graph.npz"
    save(netsculpt.planted([8, 8, 8], 2, 0.9, 0.05, rng=0)[0], path)
    script = (
        f"import sys\nsys.argv = ['netsculpt', 'analyze', {str(path)!r}, '--nulls', '2', "
        "'--stability-seeds', '2']\nimport netsculpt.cli\n"
        "try:\n    netsculpt.cli.main()\nexcept SystemExit:\n    pass\n"
        f"print('HEAVY', sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "Modules (layered)" in run.stdout
    assert run.stdout.strip().endswith("HEAVY ['numba']")


@pytest.mark.parametrize("name", netsculpt.__all__)
def test_public_names_exist(name: str) -> None:
    assert getattr(netsculpt, name) is not None
    assert name in dir(netsculpt)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="attribute nothing"):
        _ = netsculpt.nothing
