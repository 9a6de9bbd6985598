"""The law of taking up: what was drawn before a place, and what is drawn from it on, is the drawing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcode.actions import Move
from gcode.course import Course
from gcode.profile import Profile, load_profile
from gcode.program import Block, Program, ink
from gcode.writing import write_program
from tests.gcode.driving import MARLIN, PROFILE, Z_PROFILE, Line, scribble
from tests.gcode.test_recovery import same_ink

PROFILES = {"servo": PROFILE, "z": Z_PROFILE, "marlin": MARLIN, "marlin z": load_profile("marlin-z")}
FOREIGN = """G20G91
M3S60G4P.1
G0X1Y1
S30G4P.1
G1X.5F100
Y.5
G2X1Y0I.5J0
G90
G92X0Y0
G1X-1Y.25F80
S60G4P.1
G21G0X50Y60
G92.1
S30
G1X200F2000
Y180
S60"""


def before(course: Course, place: float) -> list[Line]:
    """The ink that a course leaves up to a place."""
    strokes: list[list[tuple[float, float]]] = []
    for i, step in enumerate(course.steps[: math.ceil(place)]):
        if step.down and not step.was_down and i + 1 <= place:
            strokes.append([course.point(i + 1.0)[:2]])
        elif step.was_down and isinstance(step.action, Move):
            here = course.point(min(i + 1.0, place))[:2]
            if here != strokes[-1][-1]:
                strokes[-1].append(here)
    return [np.array(stroke) for stroke in strokes]


def after(course: Course, place: float) -> list[Line]:
    lead, following = course.take_up(course.settled(place), course.profile.pen)
    blocks = (*(Block(line, None) for line in lead), *course.program.blocks[following:])
    return ink(Program(blocks), course.profile)


def check(program: Program, profile: Profile, share: float) -> None:
    course = Course(program, profile)
    place = share * course.end
    same_ink([*before(course, place), *after(course, place)], ink(program, profile))


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@settings(max_examples=40)
@given(strokes=st.integers(1, 5), points=st.integers(1, 8), seed=st.integers(0, 99), share=st.floats(0.0, 1.0))
def test_taken_up_anywhere_a_drawing_is_whole(
    profile: Profile, strokes: int, points: int, seed: int, share: float
) -> None:
    check(write_program(scribble(strokes, points, seed), profile), profile, share)


@settings(max_examples=100)
@given(st.floats(0.0, 1.0))
def test_another_programs_modes_are_restored(share: float) -> None:
    """Inches, relative moves, arcs, offsets, feeds."""
    check(Program(tuple(Block(line, None) for line in FOREIGN.split("\n"))), PROFILE, share)


@given(st.integers(0, 500), st.floats(0.0, 1.0))
def test_a_place_is_found_by_where_the_head_is(seed: int, share: float) -> None:
    course = Course(write_program(scribble(3, 12, seed), PROFILE), PROFILE)
    place = share * course.end
    low, high = max(place - 3.0, 0.0), min(place + 3.0, course.end)
    found = course.locate(course.point(place), low, high, 0.05)
    assert found is not None
    assert math.dist(course.point(found), course.point(place)) <= 0.05
    assert low <= found <= place + 1e-9  # the earliest one loses no ink
    assert course.locate((-99.0, 0.0, 0.0), low, high, 0.05) is None


def test_a_stroke_begins_where_the_pen_comes_down() -> None:
    course = Course(write_program(scribble(2, 5), PROFILE), PROFILE)
    (land, lift), _ = course.strokes
    assert course.stroke_start(land + 2.5) == land
    assert course.stroke_start(lift - 0.01) == land
    assert course.stroke_start(lift + 1.5) == lift + 1.5  # the pen is up
    assert (course.drawn(lift - 0.01), course.drawn(lift)) == (0, 1)
    assert not course.down(course.stroke_start(land + 2.5))
