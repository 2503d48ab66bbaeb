"""The drawing of the hierarchy in the page: which way arrows lead, and whether text fits."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from netsculpt.report.html.hierarchy import hierarchy_drawing


def module(label: int, level: int, feeds: list[int], **others: Any) -> dict[str, Any]:
    content = {"n_units": 3, "members": [], "path_share": 1.0, "reuse": len(feeds)}
    return {"label": label, "level": level, "feeds": feeds, **content, **others}


def link(source: int, target: int, verdict: str, evidence: str) -> dict[str, Any]:
    return {"source": source, "target": target, "verdict": verdict, "evidence": evidence}


HIERARCHY = {
    "modules": [
        module(0, 0, [1, 2], n_units=1),
        module(1, 1, [2], members=[1, 4, 5, 123456, 7], n_units=1234567),
        module(2, 2, []),
    ],
    "links": [
        link(0, 1, "no circle", "untested"),
        link(0, 2, "no circle", "no more than chance"),
        link(1, 2, "above chance", "more than chance"),
        link(2, 0, "feedback", "more than chance"),
        link(2, 1, "chance", "no more than chance"),
    ],
}


def numbers(text: str) -> list[float]:
    return [float(x) for x in re.findall(r"-?\d+(?:\.\d+)?", text)]


def boxes(text: str) -> dict[int, tuple[float, float, float]]:
    """Left, right and top of the box of each module, by the first of its labels."""
    rects = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="46" rx', text)
    labels = re.findall(r'data-members="(\d+)', text)
    return {
        int(label): (float(x), float(x) + float(w), float(y))
        for label, (x, y, w) in zip(labels, rects, strict=True)
    }


@pytest.fixture(scope="module")
def drawing() -> str:
    text = hierarchy_drawing("layered", HIERARCHY, "weak")
    assert text is not None
    return text


def test_arrows_lead_from_a_module_to_those_that_it_feeds(drawing: str) -> None:
    place = boxes(drawing)
    arrows = re.findall(
        r'<g data-link="(\d) (\d)"><path d="([^"]+)" class="([^"]+)"></path>'
        r'<path d="([^"]+)" class="head">',
        drawing,
    )
    kinds = {(int(a), int(b)): kind for a, b, _, kind, _ in arrows}
    assert kinds == {
        (0, 1): "edge dashed",
        (0, 2): "edge dashed",
        (1, 2): "edge",
        (2, 0): "edge dotted",
    }
    for source, target, curve, _, head in arrows:
        start, tip = numbers(curve)[0], numbers(head)[0]
        left, right, _ = place[int(source)]
        to_left, to_right, _ = place[int(target)]
        back = to_left < left
        assert start == pytest.approx(left if back else right)
        assert tip == pytest.approx(to_right if back else to_left)  # the head is at the target


def test_an_arrow_that_skips_a_level_passes_above_its_box(drawing: str) -> None:
    (curve,) = re.findall(r'data-link="0 2"><path d="([^"]+)"', drawing)
    x, y = np.array(numbers(curve)).reshape(4, 2).T
    t = np.linspace(0, 1, 101)
    terms = np.array([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    left, right, top = boxes(drawing)[1]
    inside = (left <= x @ terms) & (x @ terms <= right)
    assert inside.sum() > 10
    assert (y @ terms)[inside].max() < top
    _, first, _, height = numbers(re.findall('viewBox="([^"]+)"', drawing)[0])
    assert first <= (y @ terms).min() <= first + height


def test_levels_stand_from_left_to_right(drawing: str) -> None:
    place = boxes(drawing)
    assert place[0][1] < place[1][0] < place[1][1] < place[2][0]
    assert re.findall(r">level (\d)<", drawing) == ["0", "1", "2"]


def test_text_fits_its_box_and_counts_in_singular(drawing: str) -> None:
    left, right, _ = boxes(drawing)[0]
    texts = re.findall(r'<text x="[\d.]+" y="[\d.]+">(?!level)([^<]+)<', drawing)
    assert "1 unit" in texts
    assert "1,234,567 units" in texts
    assert max(6.5 * len(text) for text in texts) <= right - left - 24  # 11.5 px letters
