"""Files of figures: pixels as matplotlib draws them, fonts with what is shown of them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from fontTools import subset  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
from matplotlib.backends import _backend_pdf_ps
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from PIL import Image

from netsculpt import plots
from netsculpt.plots._drawing.axes import colour_bar
from netsculpt.plots.style import laid_out


def _figure() -> Figure:
    figure = plots.figure("icml", 0.6)
    ax = figure.add_subplot(xlabel="AVA fi ffl → 3", ylabel="share", title="office")
    ax.plot([0, 3, 1], lw=2)
    ax.imshow(np.arange(12.0).reshape(3, 4))
    return figure


@pytest.mark.parametrize("colour", ["white", "none"])
def test_a_png_shows_what_matplotlib_writes(colour: str, tmp_path: Path) -> None:
    figure = _figure()
    figure.set_facecolor(colour)
    plots.write_figure(figure, tmp_path / "ours.png")
    figure.savefig(tmp_path / "theirs.png", dpi=300)
    ours, theirs = (
        np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGBA"))
        for name in ("ours", "theirs")
    )
    assert np.array_equal(ours, theirs)


def test_fonts_in_a_pdf_have_no_tables_of_typesetting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[bytes] = []
    whole = _backend_pdf_ps.font_as_file

    def kept(font: TTFont) -> io.BytesIO:
        file: io.BytesIO = whole(font)  # type: ignore[no-untyped-call]
        written.append(file.getvalue())
        return file

    monkeypatch.setattr(_backend_pdf_ps, "font_as_file", kept)
    load_font = subset.load_font
    plots.write_figure(_figure(), tmp_path / "a.pdf")
    assert subset.load_font is load_font
    fonts = [TTFont(io.BytesIO(content)) for content in written]
    assert fonts
    for font in fonts:
        assert {"glyf", "loca", "hmtx", "head"} <= set(font.keys())
        assert not {"GSUB", "GPOS", "GDEF"} & set(font.keys())


def test_a_layout_that_is_fixed_is_the_one_that_is_drawn() -> None:
    drawn, fixed = _figure(), laid_out(_figure())
    drawn.set_dpi(fixed.dpi)
    drawn.draw_without_rendering()
    places: list[Bbox] = [figure.axes[0].get_position() for figure in (drawn, fixed)]
    assert np.array_equal(places[0].bounds, places[1].bounds)
    assert fixed.get_layout_engine() is None


@pytest.mark.parametrize(
    ("low", "high", "as_formula"),
    [
        (0.0, 0.175, False),
        (-30.0, 9_000.0, False),
        (0.0, 300_000.0, True),
        (0.0, 0.002, True),
        (1_000.0, 1_000.01, True),
    ],
)
def test_only_numbers_with_a_power_of_ten_are_formulas(
    low: float, high: float, as_formula: bool
) -> None:
    ax = plots.figure().add_subplot()
    bar = colour_bar(ax, ax.imshow([[low, high]], vmin=low, vmax=high))
    ax.get_figure(root=True).draw_without_rendering()  # type: ignore[union-attr]
    texts = [label.get_text() for label in bar.ax.get_yticklabels()]
    assert any("$" in text for text in texts) is as_formula
    assert as_formula or bar.ax.yaxis.get_offset_text().get_text() == ""
