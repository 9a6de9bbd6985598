"""Care of the pen: reloads, soft landings and slow ends, and the drawing stays what it is."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcode.care import Care, cut, length_of
from gcode.motion import timetable
from gcode.profile import Profile, load_profile
from gcode.program import RELOAD, Program, WorkAreaError, ink, owners, read_program, strokes_of
from gcode.writing import write_program
from tests.gcode.driving import to_line

SERVO, Z = load_profile("grbl-servo"), load_profile("grbl-z")
MARLIN, MARLIN_Z = load_profile("marlin-servo"), load_profile("marlin-z")

coordinate = st.floats(0.0, 1.0) | st.sampled_from([0.0, 0.25, 0.250001, 1.0])
polyline = st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=6)
careful = st.builds(
    Care,
    every_mm=st.sampled_from([30.0, 100.0, 1000.0]),
    place=st.sampled_from([None, (5.0, 5.0)]),
    dips=st.integers(0, 2),
    slow_end=st.sampled_from([0.0, 2.0]),
    slow_down=st.booleans(),
)


@given(st.lists(polyline, min_size=1, max_size=4), careful, st.sampled_from([SERVO, Z, MARLIN, MARLIN_Z]))
def test_care_changes_no_drawing(lines: list[list[tuple[float, float]]], care: Care, profile: Profile) -> None:
    toolpath = [np.array(line) * 150.0 for line in lines]
    program = write_program(toolpath, profile, care)
    pieces = [cut(line, care.every_mm) for line in toolpath]
    assert all(
        len(some) == max(1, math.ceil(length_of(line) / care.every_mm - 1e-6))
        for some, line in zip(pieces, toolpath, strict=True)
    )
    meant = [piece for some in pieces for piece in some]
    drawn = ink(program, profile)
    of = owners(program, profile)
    strokes = [line for line, owner in zip(drawn, of, strict=True) if owner is not None]
    assert [owner for owner in of if owner is not None] == list(range(len(meant)))
    for stroke, piece in zip(strokes, meant, strict=True):
        assert np.abs(stroke[0] - piece[0]).max() <= 0.01
        assert np.abs(stroke[-1] - piece[-1]).max() <= 0.01
        assert to_line(piece, stroke) < 0.02
    since = 0.0
    for block_drawn, owner in reloaded(program, profile):
        since = 0.0 if owner is None else since + block_drawn
        assert since <= care.every_mm + 0.1


def reloaded(program: Program, profile: Profile) -> list[tuple[float, int | None]]:
    """mm of each stroke in order, and None where the pen is reloaded, by dip or by hand."""
    result: list[tuple[float, int | None]] = []
    lengths = iter(
        [
            length_of(line)
            for line, of in zip(ink(program, profile), owners(program, profile), strict=True)
            if of is not None
        ]
    )
    last: int | None = None
    for block in program.blocks:
        if block.note:
            result.append((0.0, None))
        elif block.stroke is not None and block.stroke != last:
            result.append((next(lengths), block.stroke))
            last = block.stroke
    return result


def test_a_brush_is_dipped_before_it_is_dry(tmp_path: Path) -> None:
    rungs = [np.array([[10.0, y], [50.0, y]]) for y in range(10, 20)]  # 40 mm each
    program = write_program(rungs, SERVO, Care(every_mm=100.0, place=(5.0, 5.0), dips=1))
    assert owners(program, SERVO) == [None, 0, 1, None, 2, 3, None, 4, 5, None, 6, 7, None, 8, 9]
    drawn = ink(program, SERVO)
    assert [line.tolist() for line, owner in zip(drawn, owners(program, SERVO), strict=True) if owner is None] == [
        [[5.0, 5.0]]
    ] * 5
    program.save(tmp_path / "dips.gcode")
    assert strokes_of(read_program(tmp_path / "dips.gcode", SERVO), SERVO) == program


def test_a_stroke_longer_than_the_ink_lasts_is_cut_and_taken_up_there() -> None:
    corner = np.array([[10.0, 10.0], [10.0, 60.0], [110.0, 60.0]])  # 150 mm
    program = write_program([corner, np.array([[1.0, 1.0]])], SERVO, Care(every_mm=70.0, place=(0.0, 0.0), dips=1))
    lines = zip(ink(program, SERVO), owners(program, SERVO), strict=True)
    assert [(owner, line.tolist()) for line, owner in lines if owner is not None] == [
        (0, [[10, 10], [10, 60], [30, 60]]),
        (1, [[30, 60], [100, 60]]),
        (2, [[100, 60], [110, 60]]),
        (3, [[1, 1]]),
    ]
    assert owners(program, SERVO) == [None, 0, None, 1, None, 2, 3]


def test_a_pen_is_reloaded_by_the_time_of_the_plan() -> None:
    rungs = [np.array([[10.0, y], [50.0, y]]) for y in range(10, 30)]
    care = Care(every_seconds=6.0)
    program = write_program(rungs, SERVO, care)
    asked = [i for i, block in enumerate(program.blocks) if block.text == "M0"]
    assert {program.blocks[i].note for i in asked} == {"reload the pen"}
    plan = timetable(program, SERVO)
    ends = [float(plan.ends[plan.blocks <= i][-1]) for i in [*asked, len(program.blocks)]]
    assert len(asked) == 9  # a rung takes 2.1 s with the way to it
    assert all(
        later - earlier < 6.0 + 1.5 for earlier, later in pairwise([0.0, *ends])
    )  # the way to the park point and back comes on top
    assert len(ink(program, SERVO)) == 20


def test_a_marker_is_shaken_where_it_parks() -> None:
    program = write_program([np.array([[10.0, 10.0], [50.0, 10.0]])] * 2, SERVO, Care(every_mm=50.0, dips=3))
    assert owners(program, SERVO) == [None, None, None, 0, None, None, None, 1]
    assert {tuple(line[0]) for line in ink(program, SERVO) if len(line) == 1} == {(0.0, 0.0)}
    assert {block.stroke for block in program.blocks if block.note == RELOAD} == {None}


def test_the_last_millimetres_are_slow() -> None:
    program = write_program([np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 1.0]])], SERVO, Care(slow_end=2.5))
    text = ["G0X0Y0", "S30G4P.2", "G1X8.5F2500", "X10F833.3333", "Y1", "S60G4P.15"]
    assert [block.text for block in program.blocks if block.stroke == 0] == text
    short = write_program([np.array([[0.0, 0.0], [1.0, 0.0]])], SERVO, Care(slow_end=2.5))
    assert "G1X1F833.3333" in short.text
    assert len(ink(write_program([np.array([[3.0, 3.0]])], SERVO, Care(slow_end=2.5)), SERVO)) == 1


@pytest.mark.parametrize(
    ("profile", "down"),
    [
        (SERVO, "S55G4P.05 S50G4P.05 S45G4P.05 S40G4P.05 S35G4P.05 S30G4P.2"),
        (Z, "G1Z-3F166.6667 G4P.05"),
        (MARLIN_Z, "G1Z-3F166.6667 M400 G4P50"),
        (
            MARLIN,
            "M400 M280P0S55 G4P50 M280P0S50 G4P50 M280P0S45 G4P50 M280P0S40 G4P50 M280P0S35 G4P50 M280P0S30 G4P200",
        ),
    ],
)
def test_a_pen_may_land_softly(profile: Profile, down: str) -> None:
    program = write_program([np.array([[3.0, 4.0]])], profile, Care(slow_down=True))
    lines = program.text.split()
    start = next(i for i, line in enumerate(lines) if "X3Y4" in line) + 1
    assert lines[start : start + len(down.split())] == down.split()
    assert [line.tolist() for line in ink(program, profile)] == [[[3.0, 4.0]]]


def test_a_well_outside_the_work_area_is_refused() -> None:
    care = Care(every_mm=100.0, place=(-5.0, 5.0), dips=1)
    with pytest.raises(
        WorkAreaError, match=r"reload the pen at, -5,5, is outside .*: choose x in 0\.\.297 and y in 0\.\.420"
    ):
        write_program([np.array([[3.0, 4.0]])], SERVO, care)


@pytest.mark.parametrize("wrong", [{"every_mm": 0.0}, {"every_seconds": -1.0}, {"dips": -1}, {"slow_end": -1.0}])
def test_care_that_no_pen_can_need_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="a pen is reloaded every so many mm or seconds"):
        Care(**wrong)  # type: ignore[arg-type]
