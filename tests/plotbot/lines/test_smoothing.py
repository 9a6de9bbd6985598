"""Strokes made smooth: within the tolerance, ends and corners kept, quicker, and never too fast for a curve."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gcode.motion import PlannerBlock, limit_along, stroke_seconds, timetable
from gcode.profile import Profile, load_profile
from gcode.program import trace
from gcode.writing import write_program
from plotbot.lines.smoothing import smooth
from plotbot.page.reading import read_page
from plotbot.page.toolpath import to_toolpath
from plotbot.units import InputError

TOLERANCE = 0.15
SERVO = load_profile("grbl-servo")
needs_data = pytest.mark.skipif("PLOTBOT_DATA" not in os.environ, reason="PLOTBOT_DATA does not name the data folder")

# Long legs, short ones, reversals and points on top of each other.
coordinate = st.integers(0, 12).map(lambda v: v * 0.25) | st.floats(0, 8, width=32)
stroke = st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=12).map(lambda p: np.array(p, float))


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The Hausdorff distance of two polylines, both ways, mm."""
    lines = [shapely.segmentize(shapely.LineString(line), 0.05) for line in (one, other)]
    return float(shapely.hausdorff_distance(*lines))


def circle(radius: float, points: int) -> np.ndarray:
    """A closed polygon, its first point again at its end."""
    line = radius * np.column_stack([f(np.arange(points + 1) * 2 * math.pi / points) for f in (np.cos, np.sin)])
    line[-1] = line[0]
    return line


def turns(line: np.ndarray) -> np.ndarray:
    """The angles by which a polyline turns at its inner points, degrees."""
    legs = np.diff(line, axis=0)
    angles = np.degrees(np.arctan2(legs[:, 1], legs[:, 0]))
    return np.abs((np.diff(angles) + 180) % 360 - 180)


def page(name: str) -> list[np.ndarray]:
    """The page's strokes on the machine, mm."""
    path = Path(os.environ["PLOTBOT_DATA"]) / "pages" / f"{name}.svg"
    return to_toolpath(read_page(path), SERVO).lines


@settings(max_examples=60, deadline=None)
@given(st.lists(stroke, min_size=1, max_size=3), st.sampled_from([0.02, 0.15, 1.0]))
def test_the_curve_and_the_stroke_are_nowhere_further_apart_than_the_tolerance(
    lines: list[np.ndarray], tolerance: float
) -> None:
    for line, curve in zip(lines, smooth(lines, tolerance), strict=True):
        if (line == line[0]).all():
            assert np.array_equal(line, curve)
            continue
        closed = len(line) > 3 and bool((line[0] == line[-1]).all())
        if closed:
            assert (curve[0] == curve[-1]).all()
        else:
            assert (curve[[0, -1]] == line[[0, -1]]).all()
        assert apart(line, curve) <= tolerance + 1e-6


@settings(max_examples=30, deadline=None)
@given(st.lists(stroke, min_size=2, max_size=4))
def test_a_stroke_is_smoothed_alike_whatever_others_are_on_the_page(lines: list[np.ndarray]) -> None:
    for line, curve in zip(lines, smooth(lines, TOLERANCE), strict=True):
        (alone,) = smooth([line], TOLERANCE)
        assert len(alone) == len(curve)
        assert np.abs(alone - curve).max() < 1e-6


def test_dots_and_straight_lines_come_back_as_they_are() -> None:
    lines = [np.zeros((1, 2)), np.ones((2, 2)), np.ones((5, 2)), np.array([[0.0, 0.0], [90.0, 40.0]])]
    assert all(np.array_equal(a, b) for a, b in zip(smooth(lines, TOLERANCE), lines, strict=True))
    split = np.column_stack([np.linspace(0, 9, 40), np.linspace(0, 4, 40)])
    assert np.allclose(smooth([split], TOLERANCE)[0], [[0, 0], [9, 4]])
    assert smooth([], TOLERANCE) == []


def test_the_corners_of_a_square_stay_and_its_sides_are_straight() -> None:
    square = np.array([[5.0, 0.0], [10, 0], [10, 10], [0, 10], [0, 0], [5, 0]])
    assert np.allclose(smooth([square], TOLERANCE)[0], square, atol=1e-9)
    from_corner = square[[1, 2, 3, 4, 1]]
    assert np.allclose(smooth([from_corner], TOLERANCE)[0], from_corner, atol=1e-9)


def test_an_ear_keeps_its_tip_blunt_or_not_and_a_hexagon_of_short_sides_becomes_round() -> None:
    ear = np.array([[0.0, 0.0], [2, 1], [3.5, 5], [5, 1], [7, 0]])
    (curve,) = smooth([ear], TOLERANCE)
    assert np.hypot(*(curve - [3.5, 5]).T).min() == 0
    blunt = np.array([[0.0, 0.0], [2, 5], [2.4, 4.9], [4, 0]])
    (curve,) = smooth([blunt], TOLERANCE)
    assert turns(curve).max() > 90
    (round_,) = smooth([circle(0.8, 6)], TOLERANCE)
    assert turns(round_).max() < 30
    assert np.ptp(np.hypot(*round_.T)) < 0.03


@pytest.mark.parametrize("radius", [0.5, 2.0, 30.0])
def test_a_circle_is_round_at_its_seam_too(radius: float) -> None:
    points = circle(radius, max(8, int(radius * 4)))
    (curve,) = smooth([points], TOLERANCE)
    seam = turns(np.vstack([curve[-2:], curve[1:2]]))
    assert seam.max() < 1.3 * np.median(turns(curve))


@pytest.mark.parametrize("radius", [0.2, 0.5, 1.0, 3.0])
def test_a_small_circle_stays_nearly_as_large_as_it_was(radius: float) -> None:
    (curve,) = smooth([circle(radius, 24)], TOLERANCE)
    assert np.ptp(curve, axis=0).min() > 0.8 * 2 * radius


def test_a_turned_and_shifted_stroke_gives_the_turned_and_shifted_curve() -> None:
    line = np.cumsum(np.random.default_rng(3).normal(0, 0.7, (60, 2)), axis=0)
    turn = np.array([[math.cos(1), -math.sin(1)], [math.sin(1), math.cos(1)]])
    (curve,), (moved,) = smooth([line], TOLERANCE), smooth([line @ turn.T + [100, -30]], TOLERANCE)
    assert np.abs(moved - (curve @ turn.T + [100, -30])).max() < 1e-6


def lateral(lines: list[np.ndarray], profile: Profile) -> np.ndarray:
    """The planned speed squared over the radius at each vertex, in units of what the axes can do in that direction.

    The radius is that of a turn spread over half of both legs; the last column is the planned speed, mm/s.
    """
    program = write_program(lines, profile)
    plan = timetable(program, profile)
    found: list[tuple[float, float]] = []
    before: tuple[PlannerBlock, float] | None = None
    for step, block, speed in zip(trace(program, profile), plan.moves, plan.exits.tolist(), strict=True):
        if block is None or not step.was_down:
            before = None
            continue
        if before is not None and block.unit != before[0].unit:
            change = np.subtract(block.unit, before[0].unit)
            turn = 2 * math.asin(min(1.0, float(np.linalg.norm(change)) / 2))
            curvature = turn / (0.5 * (before[0].length + block.length))
            x, y, z = change / np.linalg.norm(change)
            found.append((before[1] ** 2 * curvature / limit_along(profile.acceleration, (x, y, z)), before[1]))
        before = block, speed
    return np.array(found)


# With fine steps, so that the rounding of a chord's ends to steps does not blur what its angle says of the radius.
FINE = replace(SERVO, steps_per_mm=(1000.0, 1000.0, 400.0))


@pytest.mark.parametrize("radius", [0.5, 1.0, 3.0])
def test_the_pen_goes_round_a_circle_as_fast_as_its_radius_allows_and_no_faster(radius: float) -> None:
    (curve,) = smooth([circle(radius, 24) + 50], TOLERANCE, FINE.junction_deviation)
    ratio, speed = lateral([curve], FINE).T
    assert ratio.max() < 1.1
    # But where it starts and stops, and where its draw feed is slower.
    middle = slice(len(ratio) // 3, -len(ratio) // 3)
    assert ((ratio[middle] > 0.85) | (speed[middle] > 0.9 * FINE.draw_feed / 60)).all()


@needs_data
def test_a_real_page_is_drawn_a_sixth_quicker_and_no_curve_is_taken_faster_than_its_radius_allows() -> None:
    lines = page("page192")[::2]
    curves = smooth(lines, TOLERANCE, SERVO.junction_deviation)
    programs = [write_program(these, SERVO) for these in (lines, curves)]
    plans = [timetable(program, SERVO) for program in programs]
    before, after = (plan.estimate.draw_seconds for plan in plans)
    assert after < 0.84 * before
    before, after = (stroke_seconds(program, plan) for program, plan in zip(programs, plans, strict=True))
    assert (after < before + 0.05).all()
    ratio, _ = lateral(curves, FINE).T
    assert np.quantile(ratio, 0.99) < 1.1
    assert np.quantile(ratio, 0.999) < 1.2


@needs_data
def test_the_strokes_of_a_real_page_stay_in_their_tubes() -> None:
    lines = [line for line in page("page192")[::5] if np.ptp(line, axis=0).max() > 0.02]
    assert max(map(apart, lines, smooth(lines, TOLERANCE))) <= TOLERANCE + 1e-6


def test_long_legs_and_a_machine_without_junction_deviation_are_no_trap() -> None:
    line = np.array([[0.0, 0.0], [1e5, 0.0], [1e5, 3.0], [0.0, 3.0]])
    for deviation in (0.0, 0.01, 10.0):
        (curve,) = smooth([line], TOLERANCE, deviation)
        assert len(curve) < 1000
        assert apart(line[1:3], curve[np.abs(curve[:, 0] - 1e5) < 0.5]) < 1


@pytest.mark.parametrize("tolerance", [0.0, -1.0, math.nan, math.inf])
def test_a_tolerance_that_is_no_distance_is_refused(tolerance: float) -> None:
    with pytest.raises(InputError, match="more than zero"):
        smooth([], tolerance)


def test_points_that_are_not_finite_are_refused() -> None:
    with pytest.raises(InputError, match="not a finite number"):
        smooth([np.array([[0.0, 0.0], [1.0, math.nan], [2.0, 0.0]])], TOLERANCE)
