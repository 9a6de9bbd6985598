"""Pen states, stroke formats and Google's preparation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models import strokes

pixels = st.integers(0, 255).map(float)
polylines = st.lists(
    st.integers(1, 12).flatmap(lambda n: arrays(np.float64, (n, 2), elements=pixels)), min_size=1, max_size=6
)


def test_a_known_sketch_proves_what_p1_p2_p3_mean() -> None:
    # A line, a lift, a dot, a lift, a corner, the end: every pen state, each with the move it decides.
    stroke5 = np.array(
        [
            [10, 10, 1, 0, 0],  # to (10, 10): no ink before it; pen down, so the next move draws
            [20, 0, 0, 1, 0],  # draws to (30, 10), then lifts: the LAST move of a stroke is drawn
            [0, 30, 0, 1, 0],  # travels to (30, 40); down and up at once: a dot
            [10, 0, 1, 0, 0],  # travels to (40, 40)
            [0, 5, 1, 0, 0],  # draws
            [5, 0, 0, 1, 0],  # draws, lifts
            [99, 99, 0, 0, 1],  # the end is not drawn
            [7, 7, 1, 0, 0],  # nothing after the end counts
        ]
    )
    lines = strokes.to_polylines(strokes.from_stroke5(stroke5))
    assert [line.tolist() for line in lines] == [
        [[10, 10], [30, 10]],
        [[30, 40]],
        [[40, 40], [40, 45], [45, 45]],
    ]


@given(polylines)
def test_polylines_survive_both_formats(lines: list[np.ndarray]) -> None:
    stroke3 = strokes.from_polylines(lines)
    back = strokes.to_polylines(strokes.from_stroke5(strokes.to_stroke5(stroke3, len(stroke3) + 3)))
    assert len(back) == len(lines)
    for one, other in zip(back, lines, strict=True):
        np.testing.assert_array_equal(one, other)


def test_every_drawing_has_an_end_row() -> None:
    stroke3 = strokes.from_polylines([np.array([[0.0, 0], [1, 1]])])
    assert strokes.to_stroke5(stroke3, 3)[-1].tolist() == [0, 0, 0, 0, 1]
    with pytest.raises(ValueError, match="at least 3 rows"):
        strokes.to_stroke5(stroke3, 2)


def test_a_drawing_that_ends_at_once_has_no_rows() -> None:
    assert strokes.from_stroke5(np.array([[3.0, 4, 0, 0, 1], [1, 1, 1, 0, 0]])).shape == (0, 3)
    assert strokes.to_polylines(np.zeros((0, 3))) == []


def test_int16_offsets_do_not_overflow_in_the_sum() -> None:
    stroke3 = np.array([[30000, 0, 0], [30000, 0, 1]], dtype=np.int16)
    assert strokes.to_polylines(stroke3)[0][-1].tolist() == [60000, 0]


@given(polylines)
def test_preparation_fits_the_box_and_keeps_the_ends(lines: list[np.ndarray]) -> None:
    prepared = strokes.prepare(lines)
    points = np.concatenate(prepared)
    extent = 255 if np.ptp(np.concatenate(lines), axis=0).max() else 0
    assert 0 <= points.min() <= 3  # 1 px resampling and an epsilon of 2 may cut the outermost corner
    assert extent - 3 <= points.max() <= extent
    for before, after in zip(strokes.fit(lines), prepared, strict=True):
        np.testing.assert_array_equal(after[0], np.round(before[0]))
        np.testing.assert_array_equal(after[-1], np.round(before[-1]))


@given(st.integers(3, 60).flatmap(lambda n: arrays(np.float64, (n, 2), elements=pixels)), st.floats(0.1, 30))
def test_no_point_that_simplification_drops_was_further_than_epsilon(line: np.ndarray, epsilon: float) -> None:
    import shapely

    kept = shapely.LineString(strokes.simplify(line, epsilon))
    assert max(kept.distance(shapely.Point(point)) for point in line) <= epsilon + 1e-9


def test_simplify_drops_what_lies_on_the_line() -> None:
    line = np.array([[0, 0], [50, 1], [100, 0], [100, 100.0]])
    assert strokes.simplify(line, 2.0).tolist() == [[0, 0], [100, 0], [100, 100]]
