"""What lies on other ink is drawn once, and the paper is as black as before."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from plotbot.lines.doubled import draw_once
from plotbot.page.layout import document_lines
from plotbot.page.reading import read_page
from plotbot.units import InputError

TOLERANCE, PEN = 0.1, 0.4
# A lattice of the tolerance and one of 2 mm, so that strokes retrace, nearly retrace, cross and meet.
lattice = st.builds(
    lambda x, y, dx, dy: (2.0 * x + 0.05 * dx, 2.0 * y + 0.05 * dy),
    *(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)),
)
strokes = st.lists(st.lists(lattice, min_size=1, max_size=6).map(lambda points: np.array(points, float)), max_size=8)


def length(lines: list[np.ndarray]) -> float:
    return sum(float(np.hypot(*np.diff(line, axis=0).T).sum()) for line in lines)


def shape(lines: list[np.ndarray]) -> shapely.Geometry:
    return shapely.union_all(
        [shapely.LineString(x) if (x != x[0]).any() else shapely.Point(x[0]) for x in lines] or [shapely.Point()]
    )


def within(ink: shapely.Geometry, other: shapely.Geometry, distance: float) -> bool:
    """Whether all of the ink is so near the other, looked at every 0.3 mm."""
    shapely.prepare(other)
    return bool(shapely.dwithin(other, shapely.points(shapely.get_coordinates(ink.segmentize(0.3))), distance).all())


def line(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, float)


def square(x: float, y: float, side: float = 10.0) -> np.ndarray:
    return line((x, y), (x + side, y), (x + side, y + side), (x, y + side), (x, y))


@settings(max_examples=50, deadline=None)
@given(strokes, st.sampled_from([0.0, 3.0, 20.0]))
def test_what_is_left_out_lies_within_the_tolerance_of_what_stays(lines: list[np.ndarray], worth: float) -> None:
    once = draw_once(lines, TOLERANCE, worth)
    assert once.strokes == len(lines) - len(once.lines)
    assert once.saved_mm == pytest.approx(length(lines) - length(once.lines), abs=1e-6)
    if lines:
        before, after = shape(lines), shape(once.lines)
        assert within(before, after, TOLERANCE + 1e-5)
        assert within(after, before, 1e-6)
        # Black paper, mm2: at most the edges of what is left out are lost.
        assert after.buffer(PEN / 2, 2).area > before.buffer(PEN / 2, 2).area - 2 * TOLERANCE * (once.saved_mm + 0.1)


def test_without_a_lift_to_pay_no_stroke_becomes_two() -> None:
    lines = [line((0, 0), (30, 0)), line((5, 5), (10, 0), (20, 0), (25, 5))]
    assert draw_once(lines, TOLERANCE, worth_mm=11).saved_mm == 0
    once = draw_once(lines, TOLERANCE, worth_mm=9)
    assert once.strokes == -1
    assert once.saved_mm == pytest.approx(10, abs=1)
    assert [len(one) for one in once.lines] == [2, 2, 2]


def test_squares_in_a_row_share_their_edges_and_stay_one_stroke_each() -> None:
    once = draw_once([square(0, 0), square(10, 0), square(20, 0)], TOLERANCE)
    assert once.strokes == 0
    assert once.saved_mm == pytest.approx(20, abs=0.5)


def test_a_drawing_that_a_file_holds_twice_is_drawn_once_whichever_way_it_runs() -> None:
    angles = np.linspace(0, 2 * np.pi, 90)
    drawing = [
        np.column_stack([30 + 9 * np.cos(angles), 9 * np.sin(angles)]),
        line((0, 0), (3, 1), (7, -2)),
        line((5, 5), (5, 5)),
        line((6, 6)),
    ]
    once = draw_once(drawing + [one[::-1] for one in drawing], 0.0)
    assert [one.tolist() for one in once.lines] == [one.tolist() for one in drawing]


def test_a_stroke_that_runs_back_over_itself_ends_where_it_turned() -> None:
    (left,) = draw_once([line((0, 0), (20, 0), (20.05, 0.05), (0, 0.05))], TOLERANCE).lines
    assert left[:3].tolist() == [[0, 0], [20, 0], [20.05, 0.05]]
    assert length([left]) == pytest.approx(20, abs=0.5)


def test_a_circle_gone_round_three_times_is_gone_round_once() -> None:
    angles = np.linspace(0, 6 * np.pi, 270)
    once = draw_once([np.column_stack([9 * np.cos(angles), 9 * np.sin(angles)])], TOLERANCE)
    assert length(once.lines) == pytest.approx(2 * np.pi * 9, abs=0.5)


def test_crossings_meeting_ends_tight_curves_and_hatching_are_left_alone() -> None:
    spiral = np.linspace(0.1, 12 * np.pi, 3000)
    lines = [
        *[line((x, 0), (x, 40)) for x in np.arange(0, 10, 1.2 * TOLERANCE)],
        *[line((60, y), (100, y)) for y in np.arange(0, 40, 0.5)],
        *[line((x, 0), (x + 9, 40)) for x in np.arange(60, 90, 0.5)],
        line((20, 0), (30, 3)),
        line((20, 3), (30, 0)),
        line((25, 1.5), (28, 9)),
        np.column_stack([spiral * np.cos(spiral), spiral * np.sin(spiral)]) * 1.1 * TOLERANCE / (2 * np.pi) + 50,
    ]
    once = draw_once(lines, TOLERANCE)
    assert once.saved_mm == 0
    assert all(one is given for one, given in zip(once.lines, lines, strict=True))


def test_lines_each_near_the_next_do_not_all_vanish_into_the_first() -> None:
    fan = [line((0, 0.08 * i), (30, 0.08 * i)) for i in range(10)]
    once = draw_once(fan, TOLERANCE)
    assert once.strokes >= 1
    assert max(one[0, 1] for one in fan) - max(one[0, 1] for one in once.lines) <= TOLERANCE


@pytest.mark.parametrize("bad", [(-1.0, 20.0), (0.1, float("nan"))])
def test_a_tolerance_that_is_no_length_and_a_point_that_is_nowhere_are_refused(bad: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="zero or more"):
        draw_once([], *bad)
    with pytest.raises(InputError, match="not a finite number"):
        draw_once([line((0, 0), (np.inf, 1))], TOLERANCE)


@pytest.mark.skipif("PLOTBOT_DATA" not in os.environ, reason="PLOTBOT_DATA does not name the data folder")
def test_a_page_printed_over_itself_is_the_page() -> None:
    lines = document_lines(read_page(Path(os.environ["PLOTBOT_DATA"]) / "pages" / "page192.svg"))[1]
    alone = draw_once(lines, 0.075)
    assert alone.strokes <= 5
    twice = draw_once([*lines, *(one[::-1] for one in lines)], 0.075)
    assert len(twice.lines) == pytest.approx(len(alone.lines), abs=3)
    assert length(twice.lines) == pytest.approx(length(alone.lines), rel=0.001)
