"""The frame of every page: one file with all that it needs, safe from texts of models."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Final

from netsculpt.report.html.markup import Markup, element, joined

__all__ = ["COMMON", "NETWORK", "Section", "document"]

Section = tuple[str, str, Markup]  # identifier, heading, content

COMMON: Final = ("unpack", "making", "sorting", "figures", "theme")  # scripts of every page
NETWORK: Final = (  # and those of a network to look into
    *("model", "raster", "bundles", "camera", "colours", "names", "view", "pointing", "card"),
    *("units", "network"),
)
_NO_SCRIPT: Final = "The network view, sorting and searching need JavaScript."


def document(
    title: str, lead: str, sections: Sequence[Section], scripts: Sequence[str], data: str = ""
) -> str:
    """A page as HTML text: its head, a line on what it is of, sections and links to them.

    `scripts` are files in ``assets`` that share one scope, the last begins; `data` are what
    `packed` gives. A content security policy forbids every connection, and every script and style
    but those of this file. Names reach the page as escaped text or inside packed data.
    """
    style, script = _asset("page.css"), "\n".join(_asset(f"{name}.js") for name in scripts)
    wrapped = f'"use strict";\n(() => {{\n{script}\n}})();\n'
    policy = (
        f"default-src 'none'; script-src '{_digest(wrapped)}'; style-src '{_digest(style)}'; "
        "img-src blob: data:; base-uri 'none'; form-action 'none'"
    )
    head = joined(
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"{title} – netsculpt report"),
        Markup(f"<style>{style}</style>"),
    )
    links = [element("a", heading, href=f"#{key}") for key, heading, _ in sections]
    content = joined(
        element("a", "Skip to the report", href=f"#{sections[0][0]}", class_="skip"),
        element(
            "header",
            element("h1", title),
            element("p", lead),
            element("nav", *links, aria_label="Sections"),
            element("button", "Dark or light", id="theme", type="button"),
        ),
        element("noscript", element("p", _NO_SCRIPT)),
        element("main", *(_section(*section) for section in sections)),
        Markup(f'<script type="text/plain" id="data">{data}</script>') if data else None,
        Markup(f"<script>{wrapped}</script>"),
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{content}</body></html>\n'


def _section(key: str, title: str, content: Markup) -> Markup:
    heading = element("h2", title, id=f"h-{key}")
    return element("section", heading, content, id=key, aria_labelledby=f"h-{key}")


def _asset(name: str) -> str:
    return files("netsculpt.report.html").joinpath("assets", name).read_text("utf-8")


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
