"""The pages of --help: whole at 80 columns, and complete."""

from __future__ import annotations

import re

import pytest
from cli_commands import NamedCommand, commands, options
from commands import cli

from netsculpt.core.catalog import names
from netsculpt.nets.families import FAMILIES
from netsculpt.nets.written import spec_from_text
from netsculpt.training.tasks import task, task_names


def page(*words: str) -> str:
    run = cli(*words, "--help", columns=80)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize("each", commands(), ids=str)
def test_every_option_default_and_value_is_readable(each: NamedCommand) -> None:
    text = page(*each.words)
    lines = text.splitlines()
    wide = [line for line in lines if len(line) > 80]
    assert all(re.match("  (netsculpt|eval) ", line) for line in wide), wide
    assert [line for line in lines if line != line.rstrip()] == []
    together = " ".join(text.split())
    for flag, declared in options(each):
        (entry,) = re.findall(rf"^  (?:-\w, )?{flag}(?![\w-]).*", text, re.MULTILINE)
        assert entry
        for name in (declared.info.autocompletion or (lambda _: ()))(""):
            assert name in together
        if declared.shown_default:
            assert f"default: {declared.shown_default}" in together
    assert "130 interrupted" in together


@pytest.mark.parametrize("command", ["sculpt", "prune", "train"])
def test_all_tasks_and_nets_are_listed_with_examples(command: str) -> None:
    text = " ".join(page(command).split())
    for name in task_names():
        assert re.search(rf"[ ;]{re.escape(name)}[ ,;]", text), name
    nets = re.search(r"--net SPEC .*?(mlp:.*?layers, heads\))", text)
    assert nets is not None
    shown = re.findall(r"[a-z_]+:[\w:,/]+[\w]", nets[1])
    assert {spec_from_text(net).spec["family"] for net in shown} == set(FAMILIES)
    assert "netsculpt " + command in text.split("Examples")[1]


def test_tasks_with_held_out_samples_are_listed_and_no_others() -> None:
    """By the command that measures on them, in its help and where no task is named."""
    asked = cli("importance", "model.pt")
    assert asked.returncode == 2
    for text in (page("importance"), asked.stderr):
        told = " ".join(text.replace("│", " ").split())
        for name in task_names():
            has_samples = not re.search(r"-[NK]\b", name) and task(name).held_out is not None
            assert bool(re.search(rf"[ ;]{re.escape(name)}[ ,;]", told)) == has_samples, name
    assert "--help" not in asked.stderr, "it says itself which there are"


def test_all_methods_are_listed() -> None:
    assert set(names("scores")) <= set(page("prune").replace(".", " ").split())
    assert set(names("sparse_methods")) <= set(page("train").replace(".", " ").split())


def test_without_arguments_the_help_is_printed() -> None:
    run = cli(columns=80)
    assert run.returncode == 2
    assert run.stdout == page()
    assert cli("study", columns=80).stdout == page("study")
    assert all(str(each).split("-")[0] in run.stdout for each in commands())
