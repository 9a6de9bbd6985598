"""The ring against the closed form, its seconds in any slices, and a hold in the middle."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcode.actions import Move, Vec3
from gcode.grbl.replies import SLOTS
from gcode.motion import PlannerBlock, block_time, plan, planner_block, to_steps
from gcode.profile import load_profile
from gcode.virtual.planner import Planner

PROFILE = load_profile("virtual")
HOME: Vec3 = (0.0, 0.0, 0.0)

coordinate = st.floats(0.0, 50.0)
moves = st.builds(
    Move,
    target=st.tuples(coordinate, coordinate, st.sampled_from([0.0, 3.0])),
    rapid=st.booleans(),
    feed=st.floats(600.0, 9000.0),
)


def planner() -> tuple[Planner, list[Vec3]]:
    ends: list[Vec3] = []
    return Planner(PROFILE, HOME, lambda queued: ends.append(queued.end)), ends


def run(machine: Planner, slice_seconds: float = math.inf) -> float:
    seconds = 0.0
    while machine.ring and not machine.held:
        seconds += machine.advance(slice_seconds)
    return seconds


def line(x: float, y: float = 0.0, feed: float = 3000.0) -> Move:
    return Move((x, y, 0.0), rapid=False, feed=feed)


@given(st.lists(moves, max_size=SLOTS))
def test_a_ring_that_holds_all_takes_the_time_of_the_closed_form(path: list[Move]) -> None:
    machine, ends = planner()
    blocks: list[PlannerBlock] = []
    at = to_steps(HOME, PROFILE)
    for move in path:
        machine.add(move)
        to = to_steps(move.target, PROFILE)
        block = planner_block(at, to, move.feed, move.rapid, PROFILE)
        blocks += [block] if block else []
        at = to
    speeds = plan(blocks, PROFILE)
    meant = sum(block_time(block, speeds[i], speeds[i + 1]) for i, block in enumerate(blocks))
    assert run(machine) == pytest.approx(meant, rel=1e-7, abs=1e-12)  # a peak is a square root away
    assert machine.position == pytest.approx([count / 80.0 for count in at])
    assert len(ends) == len(blocks)


@given(st.lists(moves, min_size=1, max_size=8), st.floats(0.02, 0.4))
def test_time_in_slices_is_the_same_time(path: list[Move], slice_seconds: float) -> None:
    whole, _ = planner()
    sliced, _ = planner()
    for move in path:
        whole.add(move)
        sliced.add(move)
    assert run(sliced, slice_seconds) == pytest.approx(run(whole), rel=1e-6, abs=1e-6)
    assert sliced.position == whole.position


@given(st.floats(0.001, 2.4))
def test_a_hold_stops_on_the_path_and_loses_nothing(moment: float) -> None:
    machine, ends = planner()
    machine.add(line(60.0))
    machine.add(line(60.0, 60.0))
    left = moment
    while left > 1e-12 and machine.ring:
        left -= machine.advance(left)
    before = machine.position
    speed = machine.speed
    machine.hold()
    run(machine)
    assert machine.held
    assert machine.speed == 0.0
    x, y, _ = machine.position
    assert abs(y) < 1e-9 or abs(x - 60.0) < 1e-9
    run_on = math.dist(before, machine.position)
    assert run_on <= speed**2 / (2 * 500.0) + 1e-6
    assert machine.advance(1.0) == 0.0
    machine.resume()
    run(machine)
    assert machine.position == (60.0, 60.0, 0.0)
    assert len(ends) == 2


def test_a_hold_needs_the_length_its_acceleration_says() -> None:
    machine, _ = planner()
    machine.add(line(100.0))
    machine.advance(1.0)  # at 50 mm/s since 0.1 s
    before = machine.position[0]
    machine.hold()
    assert run(machine) == pytest.approx(0.1)
    assert machine.position[0] - before == pytest.approx(50.0**2 / (2 * 500.0))


def test_a_hold_runs_on_into_the_next_block() -> None:
    machine, ends = planner()
    for i in range(1, 11):
        machine.add(line(float(i)))
    while machine.speed < 45.0:
        machine.advance(0.001)
    machine.hold()
    run(machine)
    assert machine.held
    assert len(ends) >= 2


def test_a_slower_feed_slows_what_is_queued() -> None:
    usual, _ = planner()
    slow, _ = planner()
    for machine in (usual, slow):
        machine.add(line(100.0))
        machine.advance(1.0)
    slow.override(0.5, 1.0)
    assert run(usual) == pytest.approx(1.1)
    slow.advance(0.05)
    assert slow.speed == pytest.approx(25.0)
    # 50 to 25 mm/s in 0.05 s, 1.875 mm; stopping takes 0.05 s, 0.625 mm; the rest of 52.5 mm at 25 mm/s.
    assert run(slow) == pytest.approx((52.5 - 1.875 - 0.625) / 25.0 + 0.05)


def test_a_rapid_override_leaves_feeds_alone() -> None:
    machine, _ = planner()
    machine.override(1.0, 0.25)
    machine.add(Move((100.0, 0.0, 0.0), rapid=True, feed=0.0))
    machine.add(line(100.0, 100.0))
    assert machine.ring[0].block.nominal == pytest.approx(8000.0 / 60.0 / 4.0)
    assert machine.ring[1].block.nominal == pytest.approx(50.0)


def test_an_override_too_late_to_slow_down_for_ends_where_it_should() -> None:
    machine, ends = planner()
    machine.add(line(10.0, 0.0, 8000.0))
    machine.add(line(10.5, 0.0, 8000.0))
    while machine.ring[0].remaining > 0.5 or machine.speed == 0.0:
        machine.advance(0.001)
    machine.override(0.1, 1.0)
    run(machine)
    assert machine.position == (10.5, 0.0, 0.0)
    assert len(ends) == 2


def test_less_than_a_step_is_no_block() -> None:
    machine, _ = planner()
    machine.add(line(0.004))
    assert not machine.ring


def test_a_block_may_come_while_another_runs() -> None:
    machine, ends = planner()
    machine.add(line(20.0))
    machine.advance(0.2)
    running = machine.speed
    machine.add(line(40.0))
    assert machine.speed == running
    run(machine)
    together, _ = planner()
    together.add(line(20.0))
    together.add(line(40.0))
    assert machine.position == together._mm((3200, 0, 0))
    assert len(ends) == 2


def test_position_steps_follow_the_profile() -> None:
    coarse = Planner(replace(PROFILE, steps_per_mm=(1.0, 1.0, 1.0)), HOME, lambda queued: None)
    coarse.add(line(2.4))
    run(coarse)
    assert coarse.position == (2.0, 0.0, 0.0)
