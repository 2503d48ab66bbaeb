"""Imports only go down, folders form no circle, and the door opens without heavy libraries."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from imports import circles, folder_circles, imports, intrusions, modules, room, upward

import netsculpt
from netsculpt.graph.npz import save

ROOT = Path(netsculpt.__file__).parent
ORDER = [  # from the ground up: a room imports only rooms that stand before it
    ("core",),
    ("graph",),
    ("files",),
    ("nets",),
    ("paths", "modules", "nulls", "hierarchy", "compare"),  # siblings hand values, not imports
    ("tracing",),
    ("loading",),
    ("training",),
    ("plots",),
    ("pipeline",),
    ("studies",),
    ("report",),
    ("cli",),
    ("__main__",),
]
WITH_TORCH = {"files", "nets", "tracing", "loading", "training"}
MOST_ENTRIES = 17
HEAVY = ("torch", "igraph", "leidenalg", "matplotlib", "pandas", "sklearn", "numba", "networkx")
IMPORTS = imports(ROOT)


def test_every_room_has_a_floor() -> None:
    rooms = {room(name) for name in IMPORTS} - {""}
    assert rooms == {name for names in ORDER for name in names}
    assert len(rooms - {"__main__"}) <= MOST_ENTRIES


def test_imports_go_down() -> None:
    assert upward(IMPORTS, ORDER) == set()


def test_no_circle_of_files() -> None:
    assert circles(IMPORTS) == []


def test_no_circle_of_folders() -> None:
    assert folder_circles(IMPORTS) == []


def test_private_files_are_imported_in_their_folder_only() -> None:
    assert intrusions(IMPORTS) == set()


def test_imports_are_absolute() -> None:
    relative = [
        name
        for name, path in modules(ROOT).items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_torch_only_in_its_rooms() -> None:
    takers = {
        name
        for name, path in modules(ROOT).items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        if any(
            x.split(".")[0] == "torch"
            for x in [getattr(node, "module", None) or "", *(y.name for y in node.names)]
        )
    }
    takers -= {"netsculpt.graph.interop.torch_geometric"}  # which holds torch's own tensors
    assert {room(name) for name in takers} <= WITH_TORCH


PLANTED_ORDER = [("low",), ("high", "beside")]


def planted(folder: Path, **files: str) -> dict[str, frozenset[str]]:
    """The imports of a package with these files, `a__b` standing for ``a/b.py``."""
    for name, text in files.items():
        path = folder.joinpath("package", *name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return imports(folder / "package")


def test_an_import_that_goes_up_is_found(tmp_path: Path) -> None:
    given = planted(
        tmp_path,
        low__a="def f():\n    from package.high import b",
        high__b="from package.low.c import x",
        low__c="",
        beside__d="import package.high.b",
    )
    assert upward(given, PLANTED_ORDER) == {
        ("package.low.a", "package.high.b"),
        ("package.beside.d", "package.high.b"),
    }


def test_a_circle_of_files_is_found(tmp_path: Path) -> None:
    given = planted(
        tmp_path,
        low__a="from package.low.b import x",
        low__b="if TYPE_CHECKING:\n    from package.low import c",
        low__c="import package.low.a",
        high__d="from package.low.a import x",
    )
    assert circles(given) == [{"package.low.a", "package.low.b", "package.low.c"}]


def test_a_circle_of_folders_is_found_where_no_files_form_one(tmp_path: Path) -> None:
    given = planted(
        tmp_path,
        one__a="from package.two.b import x",
        two__b="",
        two__c="from package.one.d import x",
        one__d="",
        high__one__e="from package.high.two.f import x",
        high__two__f="",
        high__two__g="from package.high.h import x",
        high__h="from package.high.one.i import x",
        high__one__i="",
    )
    assert circles(given) == []
    assert folder_circles(given) == [
        {"package.one", "package.two"},
        {"package.high.one", "package.high.two", "package.high.h"},
    ]


def test_a_private_import_from_outside_is_found(tmp_path: Path) -> None:
    given = planted(
        tmp_path,
        low___secret="",
        low___wing__c="from package.low._wing.d import x",
        low___wing__d="",
        low__a="from package.low import _secret\nfrom package.low._wing.c import x",
        low____init__="from package.low._secret import x",
        low__deep__b="from package.low._secret import x",
        high__e="from package.low._wing import c",
    )
    assert intrusions(given) == {
        ("package.low.deep.b", "package.low._secret"),
        ("package.high.e", "package.low._wing.c"),
    }


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
