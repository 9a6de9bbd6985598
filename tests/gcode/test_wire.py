"""Bytes a second: what a program needs of the line, against the ring of the virtual machine fed at the same pace."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gcode.actions import Dwell, Move
from gcode.grbl.replies import RX_BUFFER
from gcode.motion import dwell_time, timetable
from gcode.profile import Profile, load_profile
from gcode.program import Block, Program, parked, trace
from gcode.virtual.planner import Planner
from gcode.wire import BAUDS, Wire, line_bytes, wire
from gcode.writing import write_program

PROFILE = load_profile("virtual")
QUICK = replace(PROFILE, max_rate=(12000.0, 12000.0, 600.0), acceleration=(2000.0, 2000.0, 100.0))


def zigzag(moves: int, step: float, amplitude: float = 0.0, feed: float = 6000.0) -> Program:
    """Along x in steps of `step` mm, with the pen down."""
    lines = ["G21G90G17G94", "M3S30G4P.15", f"G1F{feed:g}"]
    lines += [f"X{i * step:.3f}Y{10 + amplitude * (i % 2):.3f}" for i in range(1, moves + 1)]
    return Program(tuple(Block(line, 0) for line in lines))


def needs(program: Program, profile: Profile) -> Wire:
    return wire(program, profile, timetable(program, profile))


def by_ring(program: Program, profile: Profile) -> float:
    """Seconds on the virtual machine's planner, its lines coming by character counting at the profile's baud."""
    byte = 10 / profile.baud
    actions: dict[int, list[object]] = {}
    for step in trace(program, profile):
        actions.setdefault(step.block, []).append(step.action)
    ring = Planner(profile, parked(profile), lambda queued: None)
    now = sent = 0.0
    unanswered: deque[tuple[float, int]] = deque()
    for index, block in enumerate(program.blocks):
        size = len(block.text) + 1
        while unanswered and sum(bytes_ for _, bytes_ in unanswered) + size > RX_BUFFER:
            sent = max(sent, unanswered.popleft()[0])
        sent += size * byte
        while now < sent and ring.ring:
            now += ring.advance(sent - now)
        now = max(now, sent)
        for action in actions.get(index, []):
            while ring.full or (ring.ring and not isinstance(action, Move)):
                now += ring.advance(math.inf)
            if isinstance(action, Move):
                ring.add(action)
            elif isinstance(action, Dwell):
                now += dwell_time(action.seconds, profile)
        unanswered.append((now + 4 * byte, size))
    while ring.ring:
        now += ring.advance(math.inf)
    return now


@pytest.mark.parametrize("baud", [9600, 57600, 115200, 1000000])
@pytest.mark.parametrize(
    "program", [zigzag(1500, 0.2), zigzag(1500, 0.05), zigzag(1000, 0.1, 0.01), zigzag(1000, 0.3, 0.1), zigzag(300, 1)]
)
def test_it_takes_what_the_ring_takes_at_the_same_pace(program: Program, baud: int) -> None:
    profile = replace(QUICK, baud=baud)
    assert needs(program, profile).seconds == pytest.approx(by_ring(program, profile), rel=0.01)


def test_a_slow_line_sets_the_pace() -> None:
    program = zigzag(1500, 0.05)
    profile = replace(QUICK, baud=9600)
    found = needs(program, profile)
    assert found.rate == 960.0
    assert found.seconds == pytest.approx(len(program.text) / 960.0, rel=0.01)
    assert found.starved > 0.98
    assert found.bound


def test_a_page_waits_for_nothing(page192: list[NDArray[np.float64]]) -> None:
    found = needs(write_program(page192, PROFILE), PROFILE)
    assert not found.bound
    assert found.lost_seconds < 0.01
    assert found.starved == 0.0
    assert found.average < found.busiest < 0.1 * found.rate


def test_the_busiest_second_is_counted_in_lines() -> None:
    """At 100 mm/s, 500 lines of 14 to 16 bytes a second."""
    program = zigzag(1500, 0.2)
    found = needs(program, QUICK)
    last = sum(len(block.text) + 1 for block in program.blocks[-600:-100])
    assert found.busiest == pytest.approx(last, rel=0.01)
    plan = timetable(program, QUICK)
    assert found.average == pytest.approx(len(program.text) / plan.estimate.seconds)


def test_the_next_baud_rate_that_carries_it() -> None:
    def of(busiest: float, baud: int) -> int | None:
        return Wire(busiest, busiest, baud / 10, 1.0, 1.0, 2.0).enough_baud

    assert of(11520.0, 57600) == 115200
    assert of(11521.0, 57600) == 230400
    assert of(100.0, 115200) == 230400  # less helps no more
    assert of(BAUDS[-1] / 10 + 1, 115200) is None


def test_marlin_counts_lines_and_their_frames() -> None:
    marlin = load_profile("marlin-servo")
    program = Program((Block("G21", None), *(Block(f"G1X{i}", None) for i in range(1, 12))))
    assert line_bytes(program, marlin)[[0, 9]].tolist() == [len("N1G21*255\n"), len("N10G1X9*255\n")]
    slow = replace(marlin, baud=2400)
    curve = write_program([np.array([[0.1 * i, 50.0 + 3 * math.sin(i)] for i in range(200)])], slow)
    seconds = line_bytes(curve, slow).sum() / 240.0
    assert seconds < needs(curve, slow).seconds < 1.1 * seconds


@pytest.mark.parametrize("machine", ["virtual", "grbl-z", "marlin-servo", "marlin-z"])
def test_a_line_that_keeps_up_takes_the_planned_time(machine: str) -> None:
    """Marlin's wait for a third move included."""
    profile = load_profile(machine)
    rng = np.random.default_rng(1)
    lines = [100.0 + np.cumsum(rng.normal(0.0, 2.0, (points, 2)), axis=0) for points in (1, 2, 3, 4, 30)]
    program = write_program(lines, profile)
    assert needs(program, profile).seconds == pytest.approx(timetable(program, profile).estimate.seconds, rel=3e-3)


def test_an_empty_program_needs_nothing() -> None:
    found = needs(Program(()), PROFILE)
    assert (found.average, found.busiest, found.starved, found.seconds, found.bound) == (0.0, 0.0, 0.0, 0.0, False)


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=1, max_size=40),
    st.sampled_from([2400, 9600, 115200]),
)
def test_nothing_is_quicker_than_its_bytes_or_its_motion(points: list[tuple[int, int]], baud: int) -> None:
    profile = replace(PROFILE, baud=baud)
    program = write_program([np.array(points) / 20.0, np.array(points[::-1]) / 20.0], profile)
    plan = timetable(program, profile)
    found = wire(program, profile, plan)
    assert found.seconds >= plan.estimate.seconds * (1 - 1e-9)
    assert found.seconds >= len(program.text) * 10 / baud * (1 - 1e-9)
    assert found.lost_seconds >= -1e-9
