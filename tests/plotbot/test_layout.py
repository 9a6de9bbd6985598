"""Sketches laid on paper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plotbot.page.layout import document_lines, grid
from plotbot.units import InputError

A4 = (210.0, 297.0)
coordinate = st.floats(-1000, 1000).map(lambda value: round(value, 2))
stroke = st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=6).map(lambda p: np.array(p, float))
sketch = st.lists(stroke, min_size=1, max_size=4)


def box(lines: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    points = np.concatenate(lines)
    return points.min(axis=0), points.max(axis=0)


@settings(max_examples=60, deadline=None)
@given(st.lists(sketch, min_size=1, max_size=9), st.floats(0, 60))
def test_every_sketch_is_whole_inside_the_margin_and_apart_from_the_others(
    sketches: list[list[np.ndarray]], margin: float
) -> None:
    lines = document_lines(grid(sketches, A4, margin))[1]
    assert len(lines) == sum(map(len, sketches))
    boxes, start = [], 0
    for meant in sketches:
        placed = lines[start : start + len(meant)]
        start += len(meant)
        low, high = box(placed)
        assert (low >= margin - 1e-6).all()
        assert (high <= np.array(A4) - margin + 1e-6).all()
        boxes.append((low, high))
        # One scale for both axes: every distance from the first point grows by the same factor.
        was = np.concatenate(meant) - meant[0][0]
        now = np.concatenate([p[: len(m)] for p, m in zip(placed, meant, strict=True)]) - placed[0][0]
        scale = np.abs(now).max() / max(np.abs(was).max(), 1e-300)
        assert np.allclose(now, was * scale, atol=1e-6)
    for i, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[:i]:
            assert (low > other_high).any() or (other_low > high).any()


def test_sketches_fill_their_cells_from_left_to_right_and_top_to_bottom() -> None:
    square = [np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]], float)]
    lines = document_lines(grid([square] * 12, A4, 10))[1]
    centres = np.array([line[:4].mean(axis=0) for line in lines]).reshape(4, 3, 2)
    assert (np.diff(centres[:, :, 0], axis=1) > 60).all()
    assert (np.diff(centres[:, :, 1], axis=0) > 60).all()
    assert lines[0][:, 0].min() == pytest.approx(10)
    assert lines[2][:, 0].max() == pytest.approx(200)
    assert np.ptp(lines[0][:, 0]) > 50


def test_a_dot_survives_layout_and_lies_in_the_middle() -> None:
    document = grid([[np.array([[7.0, 7.0]])]], A4, 10)
    assert len(document.layers[1]) == 1
    assert document_lines(document)[1][0] == pytest.approx(np.array([[105, 148.5]] * 2))


@pytest.mark.parametrize(
    ("sketches", "margin", "columns", "says"),
    [
        ([], 10, None, "no sketches"),
        ([[]], 10, None, "Sketch 1"),
        ([[np.ones((2, 2))], [np.array([[0, np.nan]])]], 10, None, "Sketch 2"),
        ([[np.ones((2, 2))]], 105, None, "less than 105 mm"),
        ([[np.ones((2, 2))]], 10, 0, "at least 1"),
    ],
)
def test_what_cannot_be_laid_out_is_refused(
    sketches: list[list[np.ndarray]], margin: float, columns: int | None, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        grid(sketches, A4, margin, columns)
