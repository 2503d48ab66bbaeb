"""What the site has beyond the pages of docs/: figures, links into the repository, the API."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))
from mathematics import of_page

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://github.com/netsculpt/netsculpt/blob/main"
PICTURES = (".png", ".svg")
FIGURES = ROOT / "figures"
ROOMS = {
    "netsculpt": "Load, trace, analyse, export",
    "netsculpt.graph.graph": "The graph",
    "netsculpt.paths": "Paths",
    "netsculpt.graph.attribution": "Attribution graphs",
    "netsculpt.paths.attribution": "Scores of attribution graphs",
    "netsculpt.modules": "Modules",
    "netsculpt.nulls": "Null models and significance",
    "netsculpt.hierarchy": "Hierarchy",
    "netsculpt.compare": "Comparison",
    "netsculpt.compare.networks": "Two networks",
    "netsculpt.compare.pair": "A net and its twin",
    "netsculpt.compare.reuse": "Reuse",
    "netsculpt.tracing": "Tracing",
    "netsculpt.nets": "Nets and masks",
    "netsculpt.nets.compiled": "Compiled transformers",
    "netsculpt.training": "Training",
    "netsculpt.training.tasks": "Tasks",
    "netsculpt.training.dynamic": "Sparse training",
    "netsculpt.training.track": "One network over time",
    "netsculpt.training.history": "Rounds and epochs of a net",
    "netsculpt.training.transfer": "Transfer",
    "netsculpt.training.ablation": "Ablation of weights",
    "netsculpt.training.importance": "Weight importance",
    "netsculpt.training.influence.circuits": "Circuits of transformers",
    "netsculpt.training.influence.circuits.scores": "Scores of channels",
    "netsculpt.training.parallelism": "Steps to a result",
    "netsculpt.training.weight_agnostic": "Profiles over weights",
    "netsculpt.plots": "Plots",
    "netsculpt.report": "Folders and pages",
    "netsculpt.studies": "Studies",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the figures that pages show, and a page of the API for each room."""
    for path in sorted(FIGURES.rglob("*")):
        if path.suffix in PICTURES:
            where = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, where, abs_src_path=str(path)))
    listed = []
    for room, title in ROOMS.items():
        name = f"api/{room.removeprefix('netsculpt.').replace('.', '-')}.md"
        files.append(File.generated(config, name, content=_page(room, title)))
        listed.append(f"- [{title}]({name}): `{room}`")
    files.append(File.generated(config, "api.md", content="# API\n\n" + "\n".join(listed) + "\n"))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Let links that leave docs/ lead to the figures of the site, or into the repository."""
    if page.file.src_uri == "changelog.md":
        markdown = re.sub(r"\]\(docs/", "](", markdown)
        markdown = re.sub(
            r"\]\((?=analyses/|figures/|netsculpt/|SECURITY)", f"]({REPOSITORY}/", markdown
        )
    if "/" not in page.file.src_uri:
        markdown = markdown.replace("](../figures/", "](figures/")
    markdown = of_page(markdown)
    return re.sub(r"\]\(\.\./(?!figures/|api|tutorials)", f"]({REPOSITORY}/", markdown)


def _page(room: str, title: str) -> str:
    """Every public function and class of a room, where it is defined."""
    module = importlib.import_module(room)
    parts = [f"# {title}\n\n`{room}`\n"]
    for name in sorted(module.__all__):
        found = getattr(module, name)
        if inspect.isfunction(found) or inspect.isclass(found):
            where = f"{found.__module__}.{found.__qualname__}"
            if where.startswith("netsculpt."):
                parts.append(f"::: {where}\n")
    return "\n".join(parts)
