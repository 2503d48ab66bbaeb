"""Equations as MathML, which browsers show without any script."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import Any

import griffe
from latex2mathml.converter import convert

_FENCED = re.compile(r"^```math\n(.*?)\n```$", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"(?<!\\)\$([^$`\n]+)\$")
_DIRECTIVE = re.compile(r"^\.\. math::[ \n]+(.*?)(?=\n\n|\Z)", re.DOTALL | re.MULTILINE)
_ROLE = re.compile(r":math:`([^`]*)`")


def of_page(markdown: str) -> str:
    """The page with MathML in place of fenced equations, and of $…$ if it has any of those."""
    if not _FENCED.search(markdown):
        return markdown
    return _INLINE.sub(_inline, _FENCED.sub(_block, markdown))


def of_docstring(text: str) -> str:
    """The docstring with MathML in place of the directives and roles of reStructuredText."""
    return _ROLE.sub(_inline, _DIRECTIVE.sub(_block, text))


def _inline(found: re.Match[str]) -> str:
    """An equation in a sentence; the span keeps Markdown from taking it for a block."""
    return f"<span>{convert(found[1])}</span>"


def _block(found: re.Match[str]) -> str:
    return convert(" ".join(dedent(found[1]).split()), display="block")


class Docstrings(griffe.Extension):
    """Lets the reader of docstrings see their equations."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite a docstring before it is parsed."""
        if obj.docstring:
            obj.docstring.value = of_docstring(obj.docstring.value)
