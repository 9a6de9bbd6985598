"""Areas of a page: filled, and in front of each other."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from plotbot.page.filling import hatched, hidden
from plotbot.page.layout import document_lines, page_of


def square(x: float, y: float, side: float) -> np.ndarray:
    return np.array([[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]])


def test_hatching_is_added_to_its_own_pen() -> None:
    page = page_of([[square(10, 10, 20)]], (100, 100))
    page.add(page_of([[square(60, 60, 20), np.array([[5.0, 5.0]])]], (100, 100)).layers[1], 2)
    layers = document_lines(hatched(page, "parallel", 1.0, 0.0, 0.5))
    for layer, corner in ((1, 10), (2, 60)):
        outline, *rest = layers[layer]
        assert outline == pytest.approx(square(corner, corner, 20))
        filling = [line for line in rest if np.ptp(line, axis=0).max() > 1]
        within = shapely.box(corner + 0.2499, corner + 0.2499, corner + 19.7501, corner + 19.7501)
        assert all(within.covers(shapely.LineString(line)) for line in filling)
        assert sum(shapely.length(shapely.linestrings(line)) for line in filling) == pytest.approx(19.5 * 20, rel=0.06)
    assert len([line for line in layers[2] if np.ptp(line, axis=0).max() == 0]) == 1  # the dot


def test_what_is_drawn_later_hides_what_was_drawn_before_it_by_whatever_pen() -> None:
    page = page_of([[square(10, 10, 20), np.array([[15.0, 15.0], [90.0, 15.0]])]], (100, 100))
    page.add(page_of([[square(20, 20, 20)]], (100, 100)).layers[1], 2)
    layers = document_lines(hidden(page, 0.5))
    seen = shapely.union_all([shapely.LineString(line) for line in layers[1]])
    assert not seen.intersects(shapely.box(20.01, 20.01, 39.99, 39.99))
    assert seen.length == pytest.approx(80 - 20 + 75, abs=0.1)  # an open line hides nothing
    assert len(layers[2]) == 1
    assert layers[2][0] == pytest.approx(square(20, 20, 20))
