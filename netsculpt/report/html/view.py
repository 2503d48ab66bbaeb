"""The frame of the network view, which the scripts fill."""

from __future__ import annotations

from netsculpt.report.html.markup import Markup, element, joined

__all__ = ["controls", "slider"]

_HELP = (
    "Drag to move, wheel or + and − to zoom, 0 shows all. Point at a unit for its card, click it "
    "for the paths through it; shift and drag to choose units. Keys: arrows walk from unit to "
    "unit, Enter shows paths, Escape clears."
)


def controls() -> Markup:
    """Canvas, choices and the card of a unit."""
    return joined(
        element(
            "div",
            _choice("colour", "Colour"),
            _choice("layer", "Layer"),
            _choice("module", "Module"),
            *(
                element("button", text, id=key, type="button", title=title)
                for key, text, title in (
                    ("fit", "Show all", "key 0"),
                    ("clear", "Clear", "key Escape"),
                    ("save", "Save as PNG", "the view as it is"),
                )
            ),
            class_="controls",
        ),
        element(
            "div",
            element(
                "div",
                element(
                    "canvas",
                    id="canvas",
                    tabindex=0,
                    role="application",
                    aria_label="The network: layers from left to right, units as dots, edges as "
                    "lines",
                    aria_describedby="view-help view-said",
                ),
                element("p", id="view-said", role="status"),
                element("div", id="legend"),
                class_="stage",
            ),
            element(
                "aside",
                element("p", "Point at a unit.", class_="quiet"),
                id="card",
                aria_live="polite",
                aria_label="Chosen unit",
            ),
            class_="view",
        ),
        element("p", _HELP, id="view-help", class_="quiet"),
    )


def slider() -> Markup:
    """The choice of a step, and what it is, for a network over time."""
    return element(
        "div",
        element("label", "Step ", element("input", id="step", type="range", min=0, max=0, value=0)),
        element("output", id="step-said", for_="step"),
        class_="controls",
    )


def _choice(key: str, text: str) -> Markup:
    return element("label", f"{text} ", element("select", id=key))
