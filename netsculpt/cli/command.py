"""Commands and groups of them whose help and whose errors of usage are netsculpt's own."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from netsculpt.cli.help_page import help_page
from netsculpt.cli.messages import USAGE
from netsculpt.cli.usage import USAGE_ERROR, explained_usage, too_many, unknown_command

__all__ = ["Command", "Group"]


class Command(TyperCommand):
    """A command."""

    allow_extra_args = True  # so that they are named here

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; an error says what was found and what is needed."""
        try:
            rest = super().parse_args(ctx, args)
        except USAGE_ERROR as error:
            raise explained_usage(error, ctx) from error
        if ctx.args and not ctx.resilient_parsing:
            raise too_many(ctx.args, ctx)
        return rest

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the page of ``--help``."""
        formatter.write(help_page(self, ctx))


class Group(TyperGroup):
    """A group of commands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments up to the command; without any, print the help."""
        if not args and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            raise typer.Exit(USAGE)
        try:
            return super().parse_args(ctx, args)
        except USAGE_ERROR as error:
            raise explained_usage(error, ctx) from error

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """The command that the first argument names."""
        if not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None:
            raise unknown_command(args[0], self.list_commands(ctx), ctx)
        found: tuple[Any, Any, list[str]] = super().resolve_command(ctx, args)
        return found

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the page of ``--help``."""
        formatter.write(help_page(self, ctx))
