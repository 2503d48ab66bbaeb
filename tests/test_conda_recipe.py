"""The conda recipe asks for what pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from netsculpt.core.extras import EXTRAS

ROOT = Path(__file__).parents[1]
CONDA = {  # names on conda-forge that differ from those on PyPI
    "igraph": "python-igraph",
    "matplotlib": "matplotlib-base",
    "ray": "ray-core",
    "torch": "pytorch",
}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    content: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return content


@pytest.fixture(scope="module")
def recipe() -> str:
    return (ROOT / "conda/recipe.yaml").read_text()


def listed(recipe: str, key: str) -> dict[str, str]:
    """Name → pin of the requirements under a key, which stand in alphabetical order."""
    block = re.search(rf"\n  {key}:\n((?:    - .*\n)+)", recipe)
    assert block is not None
    rows = [line.removeprefix("    - ").split(" ", 1) for line in block[1].splitlines()]
    return {name: pin[0] if pin else "" for name, *pin in rows}


def pins(requirements: list[str]) -> dict[str, str]:
    """Name on conda-forge → pin."""
    found = {}
    for requirement in requirements:
        match = re.fullmatch(r"([\w-]+)(\[[\w,]+\])?(>=[\d.]+)", requirement)
        assert match is not None, requirement
        found[CONDA.get(match[1], match[1])] = match[3]
    return found


def test_what_it_runs_with_is_what_pip_installs(project: dict[str, Any], recipe: str) -> None:
    run = listed(recipe, "run")
    assert run.pop("python") == ">=${{ python_min }}"
    assert run == pins(project["project"]["dependencies"])


def test_what_it_is_built_with_is_what_pip_builds_with(
    project: dict[str, Any], recipe: str
) -> None:
    host = listed(recipe, "host")
    assert (host.pop("python"), host.pop("pip")) == ("${{ python_min }}.*", "")
    assert host == pins(project["build-system"]["requires"])


def test_the_libraries_of_extras_are_constrained(project: dict[str, Any], recipe: str) -> None:
    extras = project["project"]["optional-dependencies"]
    wanted = pins([x for extra in sorted(set(EXTRAS.values())) for x in extras[extra]])
    wanted["distributed"] = wanted["dask"]  # which pip installs as dask[distributed]
    assert listed(recipe, "run_constraints") == wanted


def test_version_python_name_and_licence(project: dict[str, Any], recipe: str) -> None:
    about = project["project"]
    said = dict(
        re.findall(r"^\s+(version|python_min|license|name): \"?([\w.-]+)\"?$", recipe, re.M)
    )
    assert said == {
        "version": about["version"],
        "python_min": about["requires-python"].removeprefix(">="),
        "license": about["license"],
        "name": about["name"],
    }
    (script,) = about["scripts"].items()
    assert f"- {script[0]} = {script[1]}\n" in recipe
