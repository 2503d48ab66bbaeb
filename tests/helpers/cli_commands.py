"""Every command of the command line, with what it declares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from typer.main import get_command

from netsculpt.cli import app
from netsculpt.cli.declared import Declared, declared_of

__all__ = ["NamedCommand", "commands", "options"]


@dataclass(frozen=True)
class NamedCommand:
    """A command and the words that call it."""

    words: tuple[str, ...]
    command: Any

    def __str__(self) -> str:
        return "-".join(self.words)


def commands() -> list[NamedCommand]:
    """All of them, those of groups too."""
    return list(_within(get_command(app), ()))


def options(each: NamedCommand) -> Iterator[tuple[str, Declared]]:
    """The long flag of each option, and what is declared of it."""
    declared = declared_of(each.command.callback)
    for param in each.command.params:
        flags = [flag for flag in param.opts if flag.startswith("--")]
        if flags and param.name in declared:
            yield flags[0], declared[param.name]


def _within(group: Any, words: tuple[str, ...]) -> Iterator[NamedCommand]:
    for name, each in group.commands.items():
        if hasattr(each, "commands"):
            yield from _within(each, (*words, name))
        else:
            yield NamedCommand((*words, name), each)
