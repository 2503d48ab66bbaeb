"""The page of ``--help``: plain lines that fit 80 columns and cut nothing."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import textwrap
from collections.abc import Iterator
from typing import Any

import typer

from netsculpt.cli.declared import Declared, declared_of

__all__ = ["help_page"]

WIDEST = 100  # columns
_INDENT = "  "
_LABELS = 26  # columns of options, before what they mean
_EXAMPLES = ("`netsculpt ", "`eval ")
_TITLED = re.compile(r"\*\*(.+?)\*\*\s*(.*)", re.DOTALL)


def help_page(command: Any, context: typer.Context) -> str:
    """Usage, description, examples, and every option with its default and what it may be.

    Examples are whole lines, however long, so that they can be copied.
    """
    width = max(40, min(WIDEST, shutil.get_terminal_size().columns))
    return "\n".join(line.rstrip() for line in _lines(command, context, width))


def _lines(command: Any, context: typer.Context, width: int) -> Iterator[str]:
    params = [each for each in command.get_params(context) if not getattr(each, "hidden", False)]
    declared = declared_of(command.callback)
    is_option = {each.name: each.opts[0].startswith("-") for each in params}
    arguments = [each for each in params if not is_option[each.name]]
    names = [_named(each, declared.get(each.name or "")) for each in arguments]
    commands = getattr(command, "commands", {})
    usage = [context.command_path, "[OPTIONS]", *names, *(["COMMAND …"] if commands else [])]
    yield f"{_bold('Usage:')} {' '.join(usage)}"
    yield ""
    yield from _description(inspect.cleandoc(command.help or ""), width)
    panels: dict[str, list[Any]] = {"Arguments": arguments, "Options": []}
    for each in params:
        if is_option[each.name]:
            title = getattr(each, "rich_help_panel", None) or "Options"
            panels.setdefault(title, []).append(each)
    for title, members in panels.items():
        if members:
            yield _bold(title)
            for each in members:
                known = declared.get(each.name or "")
                yield from _row(_label(each, known), _meaning(each, known), width)
            yield ""
    if commands:
        yield _bold("Commands")
        for name, each in commands.items():
            first = inspect.cleandoc(each.help or "").split("\n\n")[0]
            yield from _row(name, " ".join(first.split()), width)
        yield ""
    yield from _filled(command.epilog or "", width)


def _description(text: str, width: int) -> Iterator[str]:
    """Paragraphs, titles in bold, and examples below each other."""
    is_list = False
    for paragraph in text.split("\n\n"):
        line = " ".join(paragraph.split())
        is_example = line.startswith(_EXAMPLES)
        if is_list and not is_example:
            yield ""
        titled = _TITLED.match(line)
        if titled is not None:
            yield _bold(titled[1])
            yield from _filled(_plain(titled[2]), width, _INDENT)
        elif is_example:
            yield _INDENT + _plain(line)
        else:
            yield from _filled(_plain(line), width)
        is_list = is_example or (titled is not None and not titled[2])
        if not is_list:
            yield ""
    if is_list:
        yield ""


def _row(label: str, meaning: str, width: int) -> Iterator[str]:
    """A name and what it means; next to each other unless the name is long."""
    start = _INDENT + label
    margin = " " * (len(_INDENT) + _LABELS + 2)
    lines = list(_filled(meaning, width, margin)) or [""]
    if len(start) + 2 > len(margin):
        yield _bold(start)
        yield from lines
        return
    yield _bold(start) + " " * (len(margin) - len(start)) + lines[0].removeprefix(margin)
    yield from lines[1:]


def _label(param: Any, declared: Declared | None) -> str:
    """All flags of an option and what stands for its value, or the name of an argument."""
    if not param.opts[0].startswith("-"):
        return _named(param, declared)
    flags = ", ".join(sorted(param.opts, key=len))
    metavar = "" if declared is None else declared.metavar
    return f"{flags} {metavar}".strip()


def _named(param: Any, declared: Declared | None) -> str:
    name = param.metavar or param.name.upper()
    name = f"{name}…" if declared is not None and declared.is_list else name
    return name if param.required else f"[{name}]"


def _meaning(param: Any, declared: Declared | None) -> str:
    """What a parameter is, its default, and the range that is allowed."""
    text = _plain(" ".join((param.help or "").split()))
    if declared is None:
        return text
    facts = [f"default: {declared.shown_default}"] if declared.shown_default else []
    facts += [declared.allowed] if declared.allowed else []
    facts += ["needed"] if param.required and param.opts[0].startswith("-") else []
    return f"{text} [{'; '.join(facts)}]" if facts else text


def _filled(text: str, width: int, margin: str = "") -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        width,
        initial_indent=margin,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _plain(text: str) -> str:
    """Text without the marks of code."""
    return text.replace("`", "")


def _bold(text: str) -> str:
    """Text in bold; typer leaves the marks out where stdout is not a terminal."""
    return text if os.environ.get("NO_COLOR") else typer.style(text, bold=True)
