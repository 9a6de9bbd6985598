"""Drawings laid on paper: where the ink comes to lie, in mm."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np
import pytest
import vpype
from hypothesis import given, settings
from hypothesis import strategies as st

from plotbot.page.layout import document_lines, page_size, to_lines
from plotbot.page.placing import Placing, place
from plotbot.units import MM_PER_PX, InputError

A4 = (210.0, 297.0)
# An L whose corner is at 30, 40, its long side down; and a dot above it.
ELL = [np.array([[50.0, 40.0], [30.0, 40.0], [30.0, 100.0]]), np.array([[30.0, 20.0]])]


def page(lines: list[np.ndarray], size: tuple[float, float] = A4) -> vpype.Document:
    document = vpype.Document(page_size=(size[0] / MM_PER_PX, size[1] / MM_PER_PX))
    document.add(to_lines(lines), 1)
    return document


def placed(placing: Placing, size: tuple[float, float] | None = None) -> list[np.ndarray]:
    return document_lines(place(page(ELL), placing, size))[1]


@pytest.mark.parametrize(
    ("placing", "size", "meant"),
    [
        (Placing(), None, ELL[0]),
        (Placing(), (230.0, 307.0), ELL[0] + (10, 5)),
        (Placing(move=(3, -4)), None, ELL[0] + (3, -4)),
        (Placing(mirror="horizontally"), None, [[160, 40], [180, 40], [180, 100]]),
        (Placing(mirror="vertically"), None, [[50, 257], [30, 257], [30, 197]]),
        (Placing(rotate=180), None, [[160, 257], [180, 257], [180, 197]]),
        # The paper turns with the page: what was down is to the left.
        (Placing(rotate=90), None, [[257, 50], [257, 30], [197, 30]]),
        (Placing(rotate=-90), None, [[40, 160], [40, 180], [100, 180]]),
        (Placing(mirror="horizontally", rotate=90), None, [[257, 160], [257, 180], [197, 180]]),
        (Placing(scale=0.5), None, (ELL[0] + (105, 148.5)) / 2),
        # The drawing is 20 x 80 mm, from 30, 20.
        (Placing(centre=True), None, ELL[0] - (40, 60) + (105, 148.5)),
        (Placing(centre=True, move=(1, 2)), (100.0, 100.0), ELL[0] - (40, 60) + (51, 52)),
        (Placing(fit=10), (100.0, 180.0), (ELL[0] - (40, 60)) * 2 + (50, 90)),
        (Placing(fit=25, rotate=90), (210.0, 90.0), np.array([[20, 10], [20, -10], [-40, -10]]) * 2 + (105, 45)),
    ],
)
def test_the_ink_is_where_it_is_meant_to_be(
    placing: Placing, size: tuple[float, float] | None, meant: np.ndarray
) -> None:
    assert np.allclose(placed(placing, size)[0], meant, atol=1e-9)


sides = st.floats(20, 500)
degrees = st.one_of(st.floats(-720, 720), st.sampled_from([0.0, 90.0, 180.0, 270.0, 45.0]))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.floats(0, 210), st.floats(0, 297)), min_size=1, max_size=4), min_size=1, max_size=4),
    sides, sides, degrees, st.sampled_from([None, "horizontally", "vertically"]), st.floats(0, 9.9),
)  # fmt: skip
def test_a_fitted_drawing_is_whole_and_similar_and_fills_the_paper_up_to_the_margin(
    drawing: list[list[tuple[float, float]]], width: float, height: float, rotate: float, mirror: Any, margin: float
) -> None:
    lines = [np.array(line) for line in drawing]
    found = document_lines(place(page(lines), Placing(mirror, rotate, fit=margin), (width, height)))[1]
    assert [max(len(line), 2) for line in lines] == [len(line) for line in found]
    before, after = np.concatenate(lines), np.concatenate([f[: len(b)] for f, b in zip(found, lines, strict=True)])
    low, high = after.min(axis=0), after.max(axis=0)
    assert np.allclose((low + high) / 2, (width / 2, height / 2), atol=1e-6)
    room = np.array([width, height]) - 2 * margin
    reach = np.ptp(before, axis=0).max()
    if reach > 1e-3:
        assert ((high - low) / room).max() == pytest.approx(1, abs=1e-6)
        # All distances grow by one factor, whatever the turn.
        was, now = (np.hypot(*(points - points[0]).T) for points in (before, after))
        assert np.allclose(now * was.max(), was * now.max(), atol=1e-5 * max(1, was.max() * now.max()))


def test_a_dot_is_fitted_to_the_middle_and_a_flat_line_to_the_width() -> None:
    dot = place(page([np.array([[3.0, 4.0]])]), Placing(fit=10))
    assert document_lines(dot)[1][0] == pytest.approx(np.array([[105, 148.5]] * 2))
    line = place(page([np.array([[3.0, 4.0], [5.0, 4.0]])]), Placing(fit=10))
    assert document_lines(line)[1][0] == pytest.approx(np.array([[10, 148.5], [200, 148.5]]))


def test_the_paper_turns_with_the_page_unless_it_is_given() -> None:
    document = page(ELL)
    assert page_size(place(document, Placing(rotate=270))) == pytest.approx((297, 210))
    assert page_size(place(document, Placing(rotate=45))) == pytest.approx(A4)
    assert page_size(place(document, Placing(rotate=90), (300, 400))) == pytest.approx((300, 400))


def test_layers_and_what_is_known_of_them_stay() -> None:
    document = page(ELL)
    document.add(to_lines(ELL), 5)
    document.layers[5].set_property("vp_name", "red")
    document.set_property("plotbot_made", {"seed": "7"})
    result = place(document, Placing(fit=10))
    assert [len(result.layers[layer]) for layer in (1, 5)] == [2, 2]
    assert result.layers[5].property("vp_name") == "red"
    assert result.property("plotbot_made") == {"seed": "7"}
    assert document_lines(document)[5][0] == pytest.approx(ELL[0])


def test_what_comes_to_lie_beyond_the_paper_is_cut_and_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        (line,) = placed(Placing(move=(0, -50)))
    assert line == pytest.approx(np.array([[30, 0], [30, 50]]), abs=1e-5)
    assert "1 lines reach beyond the paper" in caplog.text
    assert "1 outside" in caplog.text
    with pytest.raises(InputError, match="Nothing of the drawing lies on the paper"):
        placed(Placing(move=(500, 0)))


@pytest.mark.parametrize(
    ("placing", "says"),
    [
        (Placing(scale=0), "above 0"),
        (Placing(scale=-1), "above 0"),
        (Placing(scale=math.nan), "finite"),
        (Placing(rotate=math.inf), "finite"),
        (Placing(move=(math.nan, 0)), "finite"),
        (Placing(fit=-1), "at least 0 and less than 105 mm"),
        (Placing(fit=105), "at least 0 and less than 105 mm"),
        (Placing(fit=5, scale=2), "one of the two"),
    ],
)
def test_what_cannot_be_placed_is_refused(placing: Placing, says: str) -> None:
    with pytest.raises(InputError, match=says):
        placed(placing)
