"""Wrong arguments are explained in netsculpt's own words, for every option of every command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cli_commands import NamedCommand, commands, options
from commands import cli

import netsculpt.cli.study as study_lines
from netsculpt.cli.messages import explained
from netsculpt.cli.usage import USAGE_ERROR
from netsculpt.core.errors import LimitError
from netsculpt.training.dynamic.phases import phases_of
from netsculpt.training.fitting.devices import usable_device
from netsculpt.training.search.tasks import parse_search_task

LIBRARIES = re.compile(
    "Value error|Input should|Invalid value|No such|valid (integer|number|float)|[Pp]ydantic|"
    "Traceback|Error:|typer|click"
)
KINDS = {int: "whole number", float: "number"}


def said_of(each: NamedCommand, *arguments: str) -> str:
    """What is said of arguments of a command, without making all other commands for it."""
    name = " ".join(("netsculpt", *each.words))
    with pytest.raises(USAGE_ERROR) as wrong:
        each.command.main(list(arguments), prog_name=name, standalone_mode=False)
    text, code = explained(wrong.value)
    assert code == 2
    assert not LIBRARIES.search(text), text
    assert "\n" not in text
    return text


def told(*arguments: object) -> str:
    """The one line on stderr about wrong usage."""
    run = cli(*arguments)
    assert run.returncode == 2, (arguments, run.stderr)
    assert run.stdout == ""
    assert not LIBRARIES.search(run.stderr), run.stderr
    assert run.stderr.startswith("netsculpt: ")
    assert run.stderr.count("\n") == 1
    return run.stderr.strip()


@pytest.mark.parametrize("each", commands(), ids=str)
def test_what_is_not_a_number_is_said_with_what_is_needed(each: NamedCommand) -> None:
    for flag, declared in options(each):
        if declared.kind not in KINDS:
            continue
        message = said_of(each, f"{flag}=x")
        assert f"{flag}: 'x' is not a {KINDS[declared.kind]}" in message
        least = declared.info.min
        if least is not None:
            below = f"{least - 1:.0f}"
            message = said_of(each, f"{flag}={below}")
            assert f"{flag}: '{below}' is not {declared.needed}" in message


@pytest.mark.parametrize("each", commands(), ids=str)
def test_a_mistyped_name_is_met_with_the_one_that_is_meant(each: NamedCommand) -> None:
    for flag, declared in options(each):
        if not declared.info.autocompletion:
            continue
        for name in declared.info.autocompletion(""):
            wrong = f"{name[:-1]}zq" if len(name) > 4 else f"{name}z"
            message = said_of(each, f"{flag}={wrong}")
            assert f"'{wrong}' is not one of" in message
            assert re.search(rf"did you mean .*\b{re.escape(name)}\b", message), message


@pytest.mark.parametrize("each", commands(), ids=str)
def test_options_that_are_missing_unknown_or_without_value(each: NamedCommand) -> None:
    name = f"'netsculpt {' '.join(each.words)}'"
    assert f"there is no option '--verbos' of {name}; did you mean --verbose?" in said_of(
        each, "--verbos"
    )
    for flag, declared in options(each):
        if declared.kind is bool:
            assert f"{flag} takes no value" in said_of(each, f"{flag}=3")
        else:
            assert f"{flag} needs a value: " in said_of(each, flag)
    missing = [param for param in each.command.params if param.required]
    if missing:
        assert re.search("[A-Z]+ is missing: \\w", said_of(each))
    else:
        assert each.words[0] in ("sculpt", "prune", "train", "demo")


def test_commands_are_suggested() -> None:
    assert told("analyse") == "netsculpt: there is no command 'analyse'; did you mean analyze?"
    assert "there are status, resume, table" in told("study", "x")
    assert "'b' found after all arguments" in told("export", "a", "b", "-o", "c.npz")
    assert "one of --quiet and --verbose" in told("report", "out", "-q", "-v")


def test_an_error_with_brackets_is_printed_as_it_is() -> None:
    assert "'[red]x[/red]'" in told("analyze", "m.pt", "--null", "[red]x[/red]")


def test_names_that_are_parsed_later_are_suggested_too() -> None:
    with pytest.raises(Exception, match="did you mean swing-up"):
        parse_search_task("swing-upp")
    with pytest.raises(Exception, match="did you mean resnet50"):
        phases_of("resnet5")
    with pytest.raises(Exception, match="did you mean fraction"):
        study_lines.several_of(("fraction", "sizes"))("fractoin")


def test_a_damaged_study_is_told_without_python_words(tmp_path: Path) -> None:
    for content in ("[]", "{}", "{", '{"study": 3}'):
        (tmp_path / "study.json").write_text(content)
        run = cli("study", "status", tmp_path)
        assert run.returncode == 3
        assert "(it is not what a study writes): remove it" in run.stderr
    assert "holds no study" in cli("study", "status", tmp_path / "study.json").stderr


def test_a_device_that_is_not_there_is_told_without_the_words_of_torch() -> None:
    for name in ("gpu", "cuda:99"):
        with pytest.raises(LimitError) as wrong:
            usable_device(name)
        assert re.fullmatch(
            rf"device '{name}' cannot be used here \(there is cpu[^)]*\): use 'cpu', or install .*",
            str(wrong.value),
        )
