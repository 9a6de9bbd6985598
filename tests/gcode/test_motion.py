"""GRBL's planner in closed form: exact cases, and laws that hold for every path."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gcode.motion import (
    PlannerBlock,
    block_time,
    distance_after,
    dwell_time,
    estimate,
    junction_speed2,
    layer_times,
    limit_along,
    plan,
    planner_block,
    stroke_seconds,
    timetable,
    to_steps,
)
from gcode.profile import Profile, load_profile
from gcode.program import Block, Program, trace
from gcode.writing import write_program

# 50 mm/s drawn, 8000 mm/min travel, 500 mm/s2, junction deviation 0.01 mm, 80 steps/mm
PROFILE = load_profile("virtual")
A = 500.0
V = 50.0
RAPID = 8000 / 60
MARLIN = replace(PROFILE, controller="marlin", path_acceleration=300.0)


def program(*lines: str) -> Program:
    return Program(tuple(Block(line, None) for line in lines))


def drawn(*lines: str, profile: Profile = PROFILE) -> float:
    """Seconds of drawing with the pen down from the first line to the last."""
    return estimate(program("M3S30", "G1F3000", *lines), profile).draw_seconds


def path(points: list[tuple[int, int]]) -> list[str]:
    """Lines through points given in steps of 0.0125 mm."""
    return [f"X{x / 80:.4f}Y{y / 80:.4f}" for x, y in points]


def exactly(seconds: float) -> object:
    return pytest.approx(seconds, rel=1e-12)


def test_a_trapezoid() -> None:
    assert drawn("X100") == exactly(100 / V + V / A)


def test_a_triangle() -> None:
    assert drawn("X4") == exactly(2 * math.sqrt(4 / A))


def test_where_trapezoid_and_triangle_meet() -> None:
    assert drawn(f"X{V * V / A}") == exactly(2 * V / A)


def test_a_diagonal_uses_both_axes_limits() -> None:
    profile = replace(PROFILE, acceleration=(500.0, 1000.0, 1.0), max_rate=(2400.0, 9000.0, 1.0))
    length, v, a = 100 * math.sqrt(2), 40 * math.sqrt(2), 500 * math.sqrt(2)
    assert drawn("X100Y100F9000", profile=profile) == exactly(length / v + v / a)
    assert limit_along((3.0, 8.0, 1.0), (0.6, 0.8, 0.0)) == 5.0


def test_a_right_angle() -> None:
    sine = math.sqrt(0.5)
    corner = math.sqrt(A * math.sqrt(2) * 0.01 * sine / (1 - sine))
    assert corner == pytest.approx(4.1317, abs=1e-4)
    ramps = (2 * V * V - corner * corner) / (2 * A)
    leg = (2 * V - corner) / A + (10 - ramps) / V
    assert drawn("X10", "Y10") == exactly(2 * leg)


def test_a_reversal_stops() -> None:
    assert drawn("X10", "X0") == exactly(2 * drawn("X10"))


def test_a_split_line_is_the_line() -> None:
    assert drawn("X10Y20", "X30Y60", "X40Y80") == exactly(drawn("X40Y80"))


def test_short_blocks_run_through_on_their_neighbours_way() -> None:
    """Fifteen steps in one line: look-ahead reaches over them all."""
    assert drawn(*(f"X{n / 80:.4f}" for n in range(1, 16))) == exactly(2 * math.sqrt(15 / 80 / A))


def test_look_ahead_ends_with_the_ring() -> None:
    """A hundred steps in one line: no faster than the head can stop in the fourteen behind the running one."""
    steps = program("M3S30", "G1F3000", *(f"X{n / 80:.4f}" for n in range(1, 101)))
    assert timetable(steps, PROFILE).exits.max() == exactly(math.sqrt(2 * A * 14 / 80))
    assert plan([], PROFILE) == [0.0]


def test_a_slower_block_is_entered_at_its_own_speed() -> None:
    ramp = 50 / A - 10 / A
    fast = 50 / A + ramp + (100 - 50 * 50 / (2 * A) - (50 * 50 - 10 * 10) / (2 * A)) / 50
    slow = 10 / A + (100 - 10 * 10 / (2 * A)) / 10
    assert drawn("X100", "X200F600") == exactly(fast + slow)


def test_a_move_of_no_steps_vanishes() -> None:
    assert drawn("X10", "X10.004", "X20") == exactly(drawn("X20"))


def test_a_feed_below_one_mm_a_minute_is_one() -> None:
    assert drawn("X1F.01") == pytest.approx(60.0, rel=1e-4)


def leg(x: float, y: float, profile: Profile, length: float = 10.0) -> PlannerBlock:
    """A block of `length` mm, far longer than the profile's rates need."""
    return PlannerBlock((x, y, 0.0), length, min(profile.path_acceleration, limit_along(A3, (x, y, 0.0))), V)


A3 = (500.0, 500.0, 500.0)


def corner(x: float, y: float, profile: Profile, length: float = 10.0) -> float:
    """The squared speed from east to (x, y)."""
    return junction_speed2(leg(1.0, 0.0, profile), leg(x, y, profile, length), profile)


def test_corners() -> None:
    profile = replace(PROFILE, acceleration=A3)
    assert corner(-1.0, 0.0, profile) == 0.0
    assert corner(1.0, 0.0, profile) == math.inf
    twice = replace(profile, junction_deviation=2 * profile.junction_deviation)
    assert corner(0.0, 1.0, twice) == exactly(2 * corner(0.0, 1.0, profile))
    slow_y = replace(profile, acceleration=(500.0, 50.0, 500.0))
    assert corner(0.0, 1.0, slow_y) == exactly(corner(0.0, 1.0, profile) / 10)


def test_marlin_limits_the_acceleration_along_the_path() -> None:
    """Also in corners, where each axis would allow 500 * sqrt(2)."""
    block = planner_block((0, 0, 0), (2400, 3200, 0), 3000.0, False, MARLIN)
    assert block is not None
    assert block.acceleration == 300.0
    sine = math.sqrt(0.5)
    assert corner(0.0, 1.0, MARLIN) == exactly(300.0 * 0.01 * sine / (1 - sine))
    weak = replace(MARLIN, path_acceleration=5000.0)
    assert corner(0.0, 1.0, weak) == exactly(500.0 * 0.01 * sine / (1 - sine))  # the block's own 500 along y


@pytest.mark.parametrize("degrees", [1.0, 10.0, 30.0, 44.9])
def test_marlin_takes_short_blocks_for_an_arc(degrees: float) -> None:
    """An arc of radius length / turn: at most its centripetal acceleration."""
    turn = math.radians(degrees)
    x, y = math.cos(turn), math.sin(turn)
    assert corner(x, y, MARLIN, 0.05) == pytest.approx(300.0 * 0.05 / turn, rel=1e-6)
    assert corner(x, y, MARLIN, 0.05) < corner(x, y, PROFILE, 0.05)
    assert corner(x, y, MARLIN, 1.0) == corner(x, y, MARLIN)
    sharp = (math.cos(math.radians(46)), math.sin(math.radians(46)))
    assert corner(*sharp, MARLIN, 0.05) == corner(*sharp, MARLIN)


def test_positions_round_to_steps_as_lround() -> None:
    assert to_steps((0.00625, -0.00625, 1.0), PROFILE) == (1, -1, 80)
    assert to_steps((0.00624, -0.00624, -1.0), PROFILE) == (0, 0, -80)
    assert planner_block((5, 5, 5), (5, 5, 5), 100.0, False, PROFILE) is None


@pytest.mark.parametrize(
    ("written", "taken"), [(0.0, 0.0), (0.01, 0.05), (0.05, 0.05), (0.12, 0.15), (0.15, 0.15), (2.0, 2.0)]
)
def test_a_dwell_rounds_up_to_50_ms(written: float, taken: float) -> None:
    assert dwell_time(written, PROFILE) == taken


def test_every_multiple_of_50_ms_is_itself() -> None:
    assert all(dwell_time(round(n * 0.05, 2), PROFILE) == pytest.approx(n * 0.05) for n in range(200))


@pytest.mark.parametrize("milliseconds", [0, 1, 12, 150, 333, 2001])
def test_marlin_waits_to_the_millisecond(milliseconds: int) -> None:
    assert dwell_time(milliseconds / 1000.0, MARLIN) == milliseconds / 1000.0


def test_a_whole_plot_adds_up() -> None:
    """Park, to (30, 0), a line of 100 mm, back: each part exact."""
    result = estimate(write_program([np.array([[30.0, 0.0], [130.0, 0.0]])], PROFILE), PROFILE)
    assert result.draw_seconds == exactly(100 / V + V / A)
    to, back = 2 * math.sqrt(30 / A), 130 / RAPID + RAPID / A
    assert result.travel_seconds == exactly(to + back)
    assert result.pen_seconds == exactly(3 * 0.15)  # the header lifts too
    assert result.seconds == exactly(result.draw_seconds + result.travel_seconds + result.pen_seconds)
    assert (result.drawn_mm, result.travelled_mm, result.lifts) == (100.0, 160.0, 1)


def test_it_starts_where_it_is_told() -> None:
    there = estimate(program("G0X100"), PROFILE, start=(100.0, 0.0, 0.0))
    assert (there.seconds, there.travelled_mm) == (0.0, 0.0)


def test_the_schedule_says_when_each_step_ends() -> None:
    """Lift, 30 mm there, down, 100 mm drawn as 40 + 60, up, 130 mm back."""
    written = program("G21", "M3S60G4P.15", "G0X30", "S30G4P.15", "G1X70F3000", "X130", "S60G4P.15", "G0X0")
    to, back, line = 2 * math.sqrt(30 / A), 130 / RAPID + RAPID / A, 100 / V + V / A
    first = V / A + (40 - 0.5 * V * V / A) / V  # the 40 mm are left at full speed
    parts = [0.0, 0.15, to, 0.0, 0.15, first, line - first, 0.0, 0.15, back]
    ends = timetable(written, PROFILE).ends
    assert len(ends) == len(list(trace(written, PROFILE)))
    assert ends == pytest.approx(np.cumsum(parts), rel=1e-12)


def test_overrides_scale_feeds_and_rapids_apart() -> None:
    lines = program("G0X100", "G1F1000Y100", "G4P1", "X0")
    usual = timetable(lines, PROFILE).seconds
    fed = timetable(lines, PROFILE, feed_override=0.5).seconds
    raced = timetable(lines, PROFILE, rapid_override=0.25).seconds
    assert fed[3] == exactly(100 / (V / 6) + V / 6 / A)
    assert raced[3] == usual[3]
    assert raced[0] == pytest.approx(400 / RAPID, rel=0.1)
    assert fed[2] == raced[2] == usual[2] == 1.0
    # A feed is never above what the axes allow.
    above = timetable(lines, PROFILE, feed_override=20.0).seconds
    assert above[3] == exactly(100 / RAPID + RAPID / A)


def test_a_pause_takes_no_time() -> None:
    assert timetable(program("G0X10", "M0", "X20"), PROFILE).seconds[1] == 0.0


def test_the_seconds_of_strokes_and_layers_add_up() -> None:
    """A header, two pens of which one is reloaded by hand, a footer; a layer without a pause before it."""
    lines = [
        ("G21", None, ""),
        ("M3S60G4P.15", None, ""),
        ("M0", None, "pen 1: black"),
        *[("G0X10", 0, ""), ("S30G4P.15", 0, ""), ("G1X30F3000", 0, ""), ("S60G4P.15", 0, "")],
        ("M0", None, "reload the pen"),
        *[("G0X40", 1, ""), ("S30G4P.15", 1, ""), ("S60G4P.15", 1, "")],
        ("M0", None, "pen 2: red"),
        *[("G0X70", 2, ""), ("S30G4P.15", 2, ""), ("G1Y10", 2, ""), ("S60G4P.15", 2, "")],
        ("G0X0Y0", None, ""),
    ]
    both = Program(tuple(Block(*line) for line in lines))
    plan = timetable(both, PROFILE)
    found = layer_times(both, plan)
    assert [(layer.note, layer.strokes) for layer in found] == [("pen 1: black", 2), ("pen 2: red", 1)]
    assert sum(layer.seconds for layer in found) == exactly(plan.estimate.seconds)
    ten, thirty = (2 * math.sqrt(mm / A) for mm in (10, 30))
    drawn_20 = 20 / V + V / A
    strokes = stroke_seconds(both, plan)
    assert strokes == pytest.approx([0.3 + ten + drawn_20, 0.3 + ten, 0.3 + thirty + 10 / V + V / A], rel=1e-12)
    home = plan.seconds[-1]
    assert found[0].seconds == exactly(0.15 + strokes[0] + strokes[1])  # with the header
    assert found[1].seconds == exactly(strokes[2] + home)
    (only,) = layer_times(program("G1F3000", "X10"), timetable(program("G1F3000", "X10"), PROFILE))
    assert (only.note, only.strokes) == ("", 0)
    assert stroke_seconds(program("G21"), timetable(program("G21"), PROFILE)).tolist() == []


def test_every_spindle_word_dwell_and_pause_stops_the_head() -> None:
    halves = 2 * drawn("X50")
    for stop in ("S31", "M4", "G4P0", "M8", "M0"):
        assert drawn("X50", stop, "X100") == exactly(halves)
    assert drawn("X50", "M3S30", "X100") == exactly(drawn("X100"))  # nothing changes: no stop


def test_a_z_pen_moves_through_the_planner() -> None:
    shipped = load_profile("grbl-z")
    profile = replace(shipped, pen=replace(shipped.pen, up_delay=0.0, down_delay=0.0))
    result = estimate(write_program([np.array([[0.0, 0.0], [50.0, 0.0]])], profile), profile)
    assert (result.lifts, result.drawn_mm) == (1, 50.0)
    # The corners between Z and X are not stops: a * sqrt(2) along them, a the slower axis's.
    sine = math.sqrt(0.5)
    corner = math.sqrt(100 * math.sqrt(2) * 0.01 * sine / (1 - sine))
    plunge, lift = 500 / 60, 800 / 60
    down = (2 * plunge - corner) / 100 + (3 - (2 * plunge**2 - corner**2) / 200) / plunge
    up = (2 * lift - 2 * corner) / 100 + (3 - (2 * lift**2 - 2 * corner**2) / 200) / lift
    assert result.pen_seconds == exactly(down + up)


def test_a_profile_of_the_reference_page(page192: list[NDArray[np.float64]]) -> None:
    """Against an independent planner run on the same page: 1071 s = 560 + 244 + 267."""
    result = estimate(write_program(page192, PROFILE), PROFILE)
    assert result.draw_seconds == pytest.approx(560, abs=0.5)
    assert result.travel_seconds == pytest.approx(244, abs=0.5)
    assert result.pen_seconds == pytest.approx(891 * 0.3 + 0.15)
    assert (result.lifts, result.drawn_mm, result.travelled_mm) == (
        891,
        pytest.approx(15_088, abs=1),
        pytest.approx(12_656, abs=1),
    )


corners = st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 4000)), min_size=1, max_size=12)


@given(corners, st.sampled_from(["acceleration", "max_rate", "junction_deviation"]), st.floats(1.0, 5.0))
def test_a_better_machine_is_no_slower(points: list[tuple[int, int]], what: str, factor: float) -> None:
    lines = [line.replace("X", "F2000X") for line in path(points)]
    old = getattr(PROFILE, what)
    new = old * factor if isinstance(old, float) else tuple(factor * value for value in old)
    better = replace(PROFILE, **{what: new})
    assert drawn(*lines, profile=better) <= drawn(*lines) * (1 + 1e-9)


@given(corners, st.floats(1.0, 5.0))
def test_a_higher_feed_is_no_slower(points: list[tuple[int, int]], factor: float) -> None:
    assert drawn(f"F{3000 * factor:.3f}", *path(points)) <= drawn("F3000", *path(points)) * (1 + 1e-9)


@given(corners)
def test_a_path_takes_as_long_backwards(points: list[tuple[int, int]]) -> None:
    there, back = path(points), path(points[::-1])
    x, y = points[0]
    end_x, end_y = points[-1]
    first = estimate(program("M3S30", "F3000", "G1", *there), PROFILE, (x / 80, y / 80, 0.0))
    second = estimate(program("M3S30", "F3000", "G1", *back), PROFILE, (end_x / 80, end_y / 80, 0.0))
    assert first.draw_seconds == pytest.approx(second.draw_seconds, rel=1e-9, abs=1e-12)


@given(corners, st.integers(0, 11), st.integers(1, 9))
def test_a_point_on_a_line_changes_nothing(points: list[tuple[int, int]], where: int, share: int) -> None:
    """Ten times the path in steps, so that the added point is exactly on the line."""
    points = [(0, 0), *points]
    at = where % (len(points) - 1)
    (ax, ay), (bx, by) = points[at], points[at + 1]
    tenfold = [(10 * x, 10 * y) for x, y in points]
    added = (10 * ax + share * (bx - ax), 10 * ay + share * (by - ay))
    split = [*tenfold[: at + 1], added, *tenfold[at + 1 :]]
    assert drawn(*path(split)) == pytest.approx(drawn(*path(tenfold)), rel=1e-9)


@given(st.floats(0.01, 200), st.floats(10, 3000), st.floats(1, 300), st.floats(0, 1), st.floats(0, 1))
def test_distance_grows_as_the_speed_allows(
    length: float, acceleration: float, nominal: float, entry_share: float, exit_share: float
) -> None:
    """Over a block: from 0 to its length, never back, never faster than nominal, exact at the ends."""
    block = PlannerBlock((1.0, 0.0, 0.0), length, acceleration, nominal)
    entry = entry_share * nominal
    reach = math.sqrt(entry * entry + 2 * acceleration * length)
    least = math.sqrt(max(entry * entry - 2 * acceleration * length, 0.0))
    exit = min(least + exit_share * (reach - least), nominal)
    total = block_time(block, entry, exit)
    times = np.linspace(0.0, total, 50)
    distances = [distance_after(block, entry, exit, t) for t in times]
    assert distances[0] == 0.0
    assert distances[-1] == pytest.approx(length)
    assert distance_after(block, entry, exit, 2 * total) == length
    speeds = np.diff(distances) / np.diff(times)
    slack = 1e-6 * nominal + 1e-9 * length / times[1]
    assert (speeds >= -slack).all()
    assert (speeds <= nominal + slack).all()
    assert (np.abs(np.diff(speeds)) <= acceleration * times[1] * (1 + 1e-6) + 2 * slack).all()


@given(corners)
def test_a_plan_keeps_every_limit(points: list[tuple[int, int]]) -> None:
    steps = [(0, 0, 0), *((x, y, 0) for x, y in points)]
    blocks = [block for a, b in pairwise(steps) if (block := planner_block(a, b, 3000.0, False, PROFILE)) is not None]
    speeds = plan(blocks, PROFILE)
    assert len(speeds) == len(blocks) + 1
    assert speeds[0] == speeds[-1] == 0.0
    for i, block in enumerate(blocks):
        assert max(speeds[i], speeds[i + 1]) <= block.nominal * (1 + 1e-12)
        change = abs(speeds[i + 1] ** 2 - speeds[i] ** 2)
        assert change <= 2 * block.acceleration * block.length * (1 + 1e-9)
