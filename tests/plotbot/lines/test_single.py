"""A sketch as one line: all its ink, and as little more as can be."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from plotbot.lines.single import Single, single_line
from plotbot.sketches import read_sketches
from plotbot.units import InputError

HOME = (0.0, 0.0)
lattice = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(lambda p: (float(p[0]), float(p[1])))
strokes = st.lists(
    st.lists(lattice, min_size=1, max_size=5).map(lambda points: np.array(points, float)), min_size=1, max_size=10
)


def line(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, float)


def shape(lines: list[np.ndarray]) -> shapely.Geometry:
    return shapely.union_all([shapely.LineString(x) if (x != x[0]).any() else shapely.Point(x[0]) for x in lines])


def check(lines: list[np.ndarray], single: Single) -> None:
    """All ink is covered, what is new is what is said to be, and lengths add up."""
    ink, drawn = shape(lines), shape([single.line])
    points = shapely.points(shapely.get_coordinates(ink.segmentize(0.25)))
    assert shapely.distance(drawn, points).max() < 0.01
    assert drawn.length == pytest.approx(ink.length + single.new_mm, abs=0.1)
    length = np.hypot(*np.diff(single.line, axis=0).T).sum()
    assert length == pytest.approx(drawn.length + single.retraced_mm, abs=0.1)
    assert drawn.difference(ink.buffer(0.002)).length <= single.new_mm + 1e-9


@settings(max_examples=40, deadline=None)
@given(strokes)
def test_one_line_covers_all_ink_and_adds_what_it_says(lines: list[np.ndarray]) -> None:
    single = single_line(lines, HOME)
    assert single.line.ndim == 2 and single.line.shape[1] == 2
    check(lines, single)
    # No more is drawn twice than everything.
    assert single.retraced_mm <= shape([single.line]).length + 0.01


def test_a_connected_sketch_gets_no_new_ink() -> None:
    head, whisker, ear = line((0, 0), (10, 0), (10, 10), (0, 10), (0, 0)), line((-5, 5), (5, 5)), line((10, 0), (15, 5))
    single = single_line([head, whisker, ear], HOME)
    check([head, whisker, ear], single)
    assert single.new_mm == 0
    # The ear is drawn there and back, which is shorter than the whisker.
    assert single.retraced_mm == pytest.approx(np.hypot(5, 5))


def test_parts_are_linked_where_they_are_nearest_and_not_at_their_ends() -> None:
    above, below = line((0, 0), (5, 4), (10, 0)), line((0, 10), (5, 6), (10, 10))
    single = single_line([above, below], HOME)
    assert single.new_mm == pytest.approx(2)
    assert [5, 4] in single.line.tolist() and [5, 6] in single.line.tolist()


def test_the_line_goes_straight_on_where_it_crosses() -> None:
    angles = np.linspace(0, 2 * np.pi, 81)
    eight = np.column_stack([10 * np.sin(angles), 10 * np.sin(2 * angles)])
    single = single_line([eight], HOME)
    legs = np.diff(single.line, axis=0)
    turns = np.diff(np.unwrap(np.arctan2(legs[:, 1], legs[:, 0])))
    assert single.retraced_mm == 0
    assert np.abs(turns).max() < 0.5


def test_a_grid_goes_through_every_crossing_and_retraces_little() -> None:
    grid = [line((0, y), (50, y)) for y in range(0, 60, 10)] + [line((x, 0), (x, 50)) for x in range(0, 60, 10)]
    single = single_line(grid, HOME)
    check(grid, single)
    # Of the 16 forks on the border all but two are paired, each with its neighbour 10 mm away.
    assert single.new_mm == 0
    assert single.retraced_mm == pytest.approx(70)


def test_an_open_line_starts_at_the_end_that_is_nearer_home_and_a_closed_one_at_its_nearest_point() -> None:
    stroke = line((9, 9), (5, 5), (1, 2))
    assert single_line([stroke], HOME).line.tolist() == [[1, 2], [5, 5], [9, 9]]
    assert single_line([stroke], (10, 10)).line.tolist() == [[9, 9], [5, 5], [1, 2]]
    closed = single_line([line((0, 0), (4, 0), (4, 4), (0, 0))], (5, 5)).line
    assert closed[0].tolist() == closed[-1].tolist() == [4, 4]
    assert len(closed) == 4


def test_dots_become_part_of_the_line() -> None:
    stroke, eye, on_it = line((0, 0), (10, 0)), line((5, 3), (5, 3)), line((2, 0))
    single = single_line([stroke, eye, on_it, eye], HOME)
    assert single.new_mm == pytest.approx(3)
    assert [5, 3] in single.line.tolist()
    assert single_line([eye], HOME).line.tolist() == [[5, 3], [5, 3]]
    apart = single_line([eye, line((9, 6))], HOME)
    assert apart.line.tolist() == [[5, 3], [9, 6]] and apart.new_mm == pytest.approx(5)


def test_what_cannot_be_one_line_is_refused_in_a_sentence() -> None:
    with pytest.raises(InputError, match="nothing to draw"):
        single_line([], HOME)
    with pytest.raises(InputError, match="not a finite number"):
        single_line([line((0, 0), (np.nan, 1))], HOME)
    with pytest.raises(InputError, match="1,001 strokes is too much"):
        single_line([line((x, 0), (x, 2)) for x in range(1001)], HOME)


@pytest.mark.skipif("PLOTBOT_DATA" not in os.environ, reason="PLOTBOT_DATA does not name the data folder")
def test_real_cats_take_little_new_ink() -> None:
    cats = read_sketches(Path(os.environ["PLOTBOT_DATA"]) / "quickdraw" / "cat.ndjson")[:40]
    new = ink = 0.0
    for cat in cats:
        mm = [stroke * 0.2 for stroke in cat]
        single = single_line(mm, HOME)
        check(mm, single)
        new, ink = new + single.new_mm, ink + shape(mm).length
    assert new < 0.06 * ink
