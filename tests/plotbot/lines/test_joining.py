"""Strokes joined over the pen's width: fewer lifts, the same ink."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from plotbot.lines.joining import is_dot, join_strokes
from plotbot.page.layout import document_lines
from plotbot.page.reading import read_page
from plotbot.units import InputError

TOLERANCE = 0.3
# A coarse lattice, so that ends meet, nearly meet and pile up.
lattice = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(lambda p: (p[0] * 0.25, p[1] * 0.25))
strokes = st.lists(st.lists(lattice, min_size=1, max_size=4).map(lambda points: np.array(points, float)), max_size=25)


def length(lines: list[np.ndarray]) -> float:
    return sum(float(np.hypot(*np.diff(line, axis=0).T).sum()) for line in lines)


def shape(lines: list[np.ndarray]) -> shapely.Geometry:
    """All ink as one geometry, in which a dot is a point."""
    return shapely.union_all([shapely.Point(x[0]) if is_dot(x) else shapely.LineString(x) for x in lines])


def farthest(ink: list[np.ndarray], other: list[np.ndarray]) -> float:
    """How far from ``other`` some of the ``ink`` is, at its points and between them, mm."""
    points = [line[:1] for line in ink] + [
        a + (b - a) * np.linspace(0, 1, 9)[:, None] for line in ink for a, b in pairwise(line)
    ]
    return float(shapely.distance(shape(other), shapely.points(np.concatenate(points))).max())


@settings(max_examples=150, deadline=None)
@given(strokes)
def test_joining_loses_no_ink_moves_no_point_and_each_lift_saved_adds_no_more_than_the_tolerance(
    lines: list[np.ndarray],
) -> None:
    joined = join_strokes(lines, TOLERANCE)
    saved = len(lines) - len(joined.lines)
    assert saved == joined.ends + joined.loops
    assert length(joined.lines) - length(lines) == pytest.approx(joined.added_mm)
    assert -1e-9 <= joined.added_mm <= saved * joined.most_mm + 1e-9
    assert joined.most_mm <= TOLERANCE
    # Every point, dots among them, is still a point of a line.
    before, after = ({tuple(point) for line in of for point in line.tolist()} for of in (lines, joined.lines))
    assert before <= after
    if lines:
        assert farthest(lines, joined.lines) < 1e-9
        assert farthest(joined.lines, lines) <= TOLERANCE / 2 + 1e-9


@settings(max_examples=150, deadline=None)
@given(strokes)
def test_nothing_that_could_be_joined_is_left(lines: list[np.ndarray]) -> None:
    left = join_strokes(lines, TOLERANCE).lines
    for i, line in enumerate(left):
        for other in left[:i]:
            for a in (line[0], line[-1]):
                for b in (other[0], other[-1]):
                    assert np.hypot(*(a - b)) > TOLERANCE


def test_strokes_are_turned_to_meet_and_keep_the_place_of_the_first() -> None:
    lines = [
        np.array([[9.0, 9.0], [8.0, 8.0]]),
        np.array([[0.0, 0.0], [1.0, 0.0]]),
        np.array([[2.0, 0.0], [1.1, 0.0]]),
        np.array([[0.0, 0.0], [0.0, 5.0]]),
    ]
    joined = join_strokes(lines, 0.2)
    first, second = joined.lines
    assert first.tolist() == [[9, 9], [8, 8]]
    assert second.tolist() == [[0, 5], [0, 0], [1, 0], [1.1, 0], [2, 0]]
    assert (joined.ends, joined.loops) == (2, 0)
    assert joined.added_mm == pytest.approx(0.1) == joined.most_mm


def test_more_is_joined_than_nearest_first_would() -> None:
    # Nearest first would join the two in the middle and strand the outer two.
    fan = [np.array([[x, 0.0], [9 * x, 9.0]]) for x in (0.0, 0.25, 0.35, 0.6)]
    assert join_strokes(fan, 0.26).ends == 2


def test_of_two_ways_to_join_as_many_the_shorter_is_taken() -> None:
    # Each of four ends has two neighbours in reach; pairing along the sides adds 0.6 mm, across them 0.2.
    square = [np.array([[x, y], [30 * x, 30 * y]]) for x in (-0.15, 0.15) for y in (-0.05, 0.05)]
    assert join_strokes(square, 0.3).added_mm == pytest.approx(0.2)


def test_a_dot_between_two_ends_is_drawn_on_the_way() -> None:
    dot = np.array([[1.2, 0.1], [1.2, 0.1]])
    (line,) = join_strokes([np.array([[0, 0], [1.0, 0]]), np.array([[1.4, 0], [3, 0]]), dot], TOLERANCE).lines
    assert line.tolist() == [[0, 0], [1, 0], [1.2, 0.1], [1.2, 0.1], [1.4, 0], [3, 0]]


def test_a_thousand_strokes_from_one_point_are_all_paired() -> None:
    angles = np.linspace(0, 2 * np.pi, 1000, endpoint=False)
    star = [np.array([[0.0, 0.0], [np.cos(a) * 900, np.sin(a) * 900]]) for a in angles]
    assert join_strokes(star, 0.1).ends == 500


def test_the_sides_of_a_polygon_in_any_order_become_one_line() -> None:
    angles = np.linspace(0, 2 * np.pi, 2001)
    corners = np.column_stack([np.cos(angles), np.sin(angles)]) * 100
    sides = [corners[[i, i + 1]] for i in np.random.default_rng(0).permutation(2000)]
    assert len(join_strokes(sides, 0.1).lines) == 1


@pytest.mark.parametrize("tolerance", [-1.0, float("nan"), float("inf")])
def test_a_tolerance_that_is_no_distance_is_refused(tolerance: float) -> None:
    with pytest.raises(InputError, match="zero or more"):
        join_strokes([], tolerance)


def test_a_point_that_is_nowhere_is_refused() -> None:
    with pytest.raises(InputError, match="not a finite number"):
        join_strokes([np.array([[0, 0], [np.nan, 1], [2, 2]])], TOLERANCE)


@pytest.mark.skipif("PLOTBOT_DATA" not in os.environ, reason="PLOTBOT_DATA does not name the data folder")
@pytest.mark.parametrize(("page", "ends", "left"), [("page192", 158, 700), ("page2000", 3340, 4850)])
def test_real_pages_have_far_fewer_lines_and_every_dot_in_its_place(page: str, ends: int, left: int) -> None:
    # vpype 1.15 linemerge leaves 737 and 5,724 lines; no more than 158 and 3,372 pairs of ends can be linked without
    # closing a ring (integer programming).
    lines = document_lines(read_page(Path(os.environ["PLOTBOT_DATA"]) / "pages" / f"{page}.svg"))[1]
    joined = join_strokes(lines, 0.5)
    assert joined.ends >= ends
    assert len(joined.lines) <= left
    points = {tuple(point) for line in joined.lines for point in line.tolist()}
    assert all(tuple(line[0].tolist()) in points for line in lines if is_dot(line))
