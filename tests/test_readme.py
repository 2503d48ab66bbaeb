"""What the README shows runs as printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(language: str) -> list[str]:
    return [text for name, text in FENCED.findall(README.read_text("utf-8")) if name == language]


@pytest.mark.parametrize("code", blocks("python"))
def test_python_runs(code: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"[-\d.e]+ [-\d.e]+ [\d.]+\n", done.stdout)


def test_commands_and_options_exist() -> None:
    from typer.main import get_command

    from netsculpt.cli import app

    known = get_command(app).commands  # type: ignore[attr-defined]
    lines = [line for text in blocks("") for line in text.splitlines()]
    shown = [line.partition("#")[0].split() for line in lines if line.startswith("netsculpt ")]
    assert len(shown) >= 15
    for _, name, *arguments in shown:
        command = known[name]
        options = {flag for each in command.params for flag in (*each.opts, *each.secondary_opts)}
        if name != "study":
            assert {x for x in arguments if re.match("--?[a-z]", x)} <= options, (name, arguments)


def test_pages_exist() -> None:
    links = re.findall(r"\]\(([^)#]+)", README.read_text("utf-8"))
    local = [link for link in links if "://" not in link]
    assert len(local) > 20
    assert [link for link in local if not (README.parent / link).exists()] == []
