"""Writing: what goes in is what the pen draws, in few bytes, for each controller, pen and care."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gcode.profile import Pen, Profile, load_profile
from gcode.program import Block, Program, WorkAreaError, ink, read_program, strokes_of
from gcode.writing import Layer, thinned, write_layers, write_program

SERVO = load_profile("grbl-servo")
Z = load_profile("grbl-z")
MARLIN = replace(SERVO, controller="marlin", path_acceleration=400.0, pen=replace(SERVO.pen, servo=1))
MARLIN_Z = replace(Z, controller="marlin", path_acceleration=300.0)


def redundant_words(text: str) -> list[str]:
    """The words that repeat what is in force, found with a parser of the test's own; only plain words pass.

    Nothing is known at the start. A coordinate or a value repeats when it equals the last one, a command when it
    is the last of its modal group.
    """
    group = {"G0": "move", "G1": "move", "G20": "unit", "G21": "unit", "G90": "abs", "G91": "abs"}
    group |= {"G17": "plane", "G94": "feed mode", "M3": "spindle", "M5": "spindle"}
    state: dict[str, str] = {}
    repeated = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = re.findall(r"[A-Z][^A-Z]*", line)
        assert "".join(words) == line
        assert words
        for word in words:
            assert re.fullmatch(r"[GM](0|[1-9]\d?)|[XYZFSP](0|-?([1-9]\d*|[1-9]\d*\.\d*[1-9]|\.\d*[1-9]))", word)
            if word == "G4" or word[0] == "P":
                continue
            key = group[word] if word[0] in "GM" else word[0]
            if state.get(key) == word:
                repeated.append(f"{number}: {word}")
            state[key] = word
    return repeated


def follows(stroke: list[tuple[float, float]], line: NDArray[np.float64], decimals: int) -> bool:
    """Whether the ink goes from point to point of the line, each rounded, and leaves out only what lies within half
    of the last decimal of its way, in order."""
    scale = 10**decimals
    points = [(round(x * scale), round(y * scale)) for x, y in line.tolist()]  # as it was rounded, ties included
    vertices = [(round(x * scale), round(y * scale)) for x, y in stroke]
    if vertices[0] != points[0]:
        return False
    places = {0}
    for vertex in vertices[1:]:
        ends = [(i, j) for i in places for j in range(i + 1, len(points)) if points[j] == vertex]
        places = {j for i, j in ends if all(apart(p, points[i], vertex) <= 0.5 + 1e-9 for p in points[i + 1 : j])}
    last = len(points) - 1
    return any(all(point == points[last] for point in points[place:]) for place in places)


def apart(point: tuple[float, float], start: tuple[float, float], end: tuple[float, float]) -> float:
    """The distance of a point from a segment."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    square = dx * dx + dy * dy
    share = ((point[0] - start[0]) * dx + (point[1] - start[1]) * dy) / square if square else 0.0
    share = min(max(share, 0.0), 1.0)
    return math.hypot(point[0] - start[0] - share * dx, point[1] - start[1] - share * dy)


def read_back(program: Program, path: Path, profile: Profile = SERVO) -> Program:
    program.save(path)
    return read_program(path, profile)


coordinate = st.floats(0.0, 1.0) | st.sampled_from([0.0, 0.25, 0.250001, 0.25001, 1.0])
polyline = st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=6)
toolpaths = st.lists(polyline, max_size=6)
pens = st.sampled_from(
    [
        SERVO.pen,
        replace(SERVO.pen, up=0.0, up_delay=0.0, down_delay=0.0),
        Z.pen,
        Pen("z", up=-1.5, down=0.5, up_delay=0.1, down_delay=0.25, feed=2000.0),
        replace(Z.pen, feed=123.4567),
    ]
)
profiles = st.builds(
    lambda controller, pen, origin, y_axis, steps: replace(
        SERVO,
        controller=controller,
        pen=pen,
        origin=origin,
        y_axis=y_axis,
        steps_per_mm=(steps, steps, 400.0),
        park=(0.0, 0.0),
    ),
    st.sampled_from(["grbl", "marlin"]),
    pens,
    st.sampled_from(["bottom-left", "bottom-right", "top-left", "top-right"]),
    st.sampled_from(["up", "down"]),
    st.sampled_from([5.0, 40.0, 80.0, 320.0, 4000.0]),
)


@given(toolpaths, profiles)
def test_what_goes_in_is_what_the_pen_draws(
    tmp_path_factory: pytest.TempPathFactory, lines: list[list[tuple[float, float]]], profile: Profile
) -> None:
    low = np.array([profile.x_range[0], profile.y_range[0]])
    size = np.array([profile.width, profile.height])
    toolpath = [low + size * np.array(line) for line in lines]
    program = write_program(toolpath, profile)
    if profile.controller == "grbl":  # Marlin wants some words again
        assert redundant_words(program.text) == []
    read = read_back(program, tmp_path_factory.getbasetemp() / "round-trip.gcode", profile)
    drawn = ink(read, profile)
    assert len(drawn) == len(toolpath)
    half_a_step = 0.5 / profile.steps_per_mm[0] + 1e-9
    for line, stroke in zip(toolpath, drawn, strict=True):
        assert follows(stroke.tolist(), line, profile.decimals)
        assert np.abs(line[0] - stroke[0]).max() <= half_a_step
        assert np.abs(line[-1] - stroke[-1]).max() <= half_a_step
    numbered = zip(strokes_of(read, profile).blocks, program.blocks, strict=True)
    assert all(a == b for a, b in numbered if a.text != "M400")  # where strokes meet it may be either's


def test_the_checker_of_redundancy_finds_it() -> None:
    text = "G21G90\nG0X1Y2\nG0X3\nG1X4Y2F100\nX5F100\nS30G4P1\nS30G4P1\nM3\nM3\n"
    assert redundant_words(text) == ["3: G0", "4: Y2", "5: F100", "7: S30", "9: M3"]


def test_a_servo_program_word_by_word() -> None:
    toolpath = [np.array([[10.0, 20.0], [10.5, 20.0], [10.5, 20.001], [0.0, 0.25]]), np.array([[0.0, 3.0]])]
    program = write_program(toolpath, SERVO)
    assert program.blocks == (
        Block("G21G90G17G94", None),
        Block("M3S60G4P.15", None),
        Block("G0X10Y20", 0),
        Block("S30G4P.2", 0),
        Block("G1X10.5F2500", 0),
        Block("X0Y.25", 0),
        Block("S60G4P.15", 0),
        Block("G0Y3", 1),
        Block("S30G4P.2", 1),
        Block("S60G4P.15", 1),
        Block("Y0", None),
    )
    assert program.text == "".join(f"{block.text}\n" for block in program.blocks)


def test_a_z_program_word_by_word() -> None:
    profile = replace(Z, pen=replace(Z.pen, up=3.0, up_delay=0.0, down=-0.5, down_delay=0.1))
    program = write_program([np.array([[1.0, 2.0], [3.0, 2.0]]), np.array([[3.0, 2.0], [4.0, 2.0]])], profile)
    lines = "G21G90G17G94 G0Z3 X1Y2 G1Z-.5F500 G4P.1 X3F2000 G0Z3 G1Z-.5F500 G4P.1 X4F2000 G0Z3 X0Y0"
    assert program.text.split() == lines.split()
    assert [block.stroke for block in program.blocks] == [None, None, *[0] * 5, *[1] * 4, None]


def test_an_empty_toolpath_lifts_and_parks() -> None:
    profile = replace(SERVO, park=(5.0, 2.5))
    assert write_program([], profile).text == "G21G90G17G94\nM3S60G4P.15\nG0X5Y2.5\n"


def test_a_point_by_point_dot_is_one_dot() -> None:
    program = write_program([np.full((4, 2), 7.0)], SERVO)
    (dot,) = ink(program, SERVO)
    assert dot.tolist() == [[7.0, 7.0]]


@pytest.mark.parametrize(
    ("point", "y_axis", "says"),
    [
        ((-1.5, 9.0), "up", "by 1.5 mm on the left"),
        ((299.25, 9.0), "up", "by 2.25 mm on the right"),
        ((9.0, 420.5), "up", "by 0.5 mm on the top"),
        ((9.0, -0.25), "up", "by 0.25 mm on the bottom"),
        ((9.0, 420.5), "down", "by 0.5 mm on the bottom"),
        ((9.0, -1e30), "down", "mm on the top"),
    ],
)
def test_outside_the_work_area(point: tuple[float, float], y_axis: Literal["up", "down"], says: str) -> None:
    profile = replace(SERVO, y_axis=y_axis, origin="bottom-left" if y_axis == "up" else "top-left")
    toolpath = [np.array([[1.0, 1.0]]), np.array([[5.0, 5.0], point]), np.array([[1.0, 1.0]])]
    with pytest.raises(WorkAreaError) as error:
        write_program(toolpath, profile)
    assert str(error.value).startswith("stroke 1 leaves the work area of grbl-servo, 297 x 420 mm, by ")
    assert says in str(error.value)


def test_every_stroke_outside_is_counted_and_the_worst_is_named() -> None:
    toolpath = [np.array([[298.0, 1.0], [299.0, 1.0]]), np.array([[1.0, 450.0]]), np.array([[-1.0, 1.0]])]
    with pytest.raises(WorkAreaError, match=r"stroke 1 \(and 2 more\) leaves .* by 30 mm on the top"):
        write_program(toolpath, SERVO)


def test_the_edge_itself_is_inside() -> None:
    corners = [np.array([[0.0, 0.0], [297.0, 420.0], [297.004, -0.004]])]
    assert ink(write_program(corners, SERVO), SERVO)[0].tolist() == [[0, 0], [297, 420], [297, 0]]


@pytest.mark.parametrize("line", [np.zeros((0, 2)), np.zeros((3, 3)), np.zeros(2)])
def test_a_wrong_shape_is_named(line: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match=r"stroke 1 must be an array \(N, 2\) with N >= 1, not of shape"):
        write_program([np.zeros((1, 2)), line], SERVO)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_point_that_is_no_number_is_named(value: float) -> None:
    with pytest.raises(ValueError, match="stroke 1 has a point that is not a finite number"):
        write_program([np.zeros((2, 2)), np.array([[1.0, 1.0], [1.0, value]])], SERVO)


def test_a_reference_page_in_few_bytes(page192: list[NDArray[np.float64]], tmp_path: Path) -> None:
    program = write_program(page192, SERVO)
    assert redundant_words(program.text) == []
    assert len(program.text) <= 139_308  # 0.55 of what vpype-gcode's "ninja" writes, 253,287
    drawn = ink(read_back(program, tmp_path / "page.gcode"), SERVO)
    assert len(drawn) == 891
    assert sum(len(stroke) == 1 for stroke in drawn) == 42
    assert all(follows(stroke.tolist(), line, 2) for stroke, line in zip(drawn, page192, strict=True))


grid_points = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=9)


@given(grid_points)
def test_points_that_are_left_out_are_on_the_way(points: list[tuple[int, int]]) -> None:
    kept = thinned(points)
    assert follows([(float(x), float(y)) for x, y in kept], np.array(points, dtype=float), 0)
    assert all(a != b for a, b in pairwise(kept))


def test_a_curve_in_small_steps_needs_few_points() -> None:
    angle = np.linspace(0.0, 2.0 * np.pi, 1257)
    circle = np.column_stack([50.0 + 10.0 * np.cos(angle), 50.0 + 10.0 * np.sin(angle)])  # in steps of 0.05 mm
    (drawn,) = ink(write_program([circle], SERVO), SERVO)
    assert len(drawn) < 400
    assert drawn[0].tolist() == drawn[-1].tolist() == [60.0, 50.0]
    assert np.abs(np.hypot(*(drawn - 50.0).T) - 10.0).max() < 0.0125  # a step


def test_marlin_with_a_servo_word_by_word() -> None:
    program = write_program([np.array([[10.0, 20.0], [10.5, 20.0], [11.0, 21.0]]), np.array([[0.0, 21.0]])], MARLIN)
    up, down = ["M400", "M280P1S60", "G4P150"], ["M400", "M280P1S30", "G4P200"]
    first = ["G0X10Y20F8486", *down, "G1X10.5F2500", "G1X11Y21", *up]
    second = ["G0X0F8486", *down, *up]
    assert program.text.split() == ["G21", "G90", *up, *first, *second, "G0Y0", "M400"]
    strokes = [*[None] * 5, *[0] * len(first), *[1] * len(second), None, None]
    assert [block.stroke for block in program.blocks] == strokes


def test_marlin_with_a_z_pen_word_by_word() -> None:
    program = write_program([np.array([[1.0, 2.0], [3.0, 2.0]])], MARLIN_Z)
    up = ["M400", "G4P50"]
    lines = ["G21", "G90", "G0Z0F800", *up, "G0X1Y2F7072", "G1Z-3F500", *up, "G1X3F2000", "G0Z0F800", *up]
    assert program.text.split() == [*lines, "G0X0Y0F7072", "M400"]


def test_a_layer_is_a_pen_that_is_asked_for() -> None:
    lines = [np.array([[1.0, 1.0], [2.0, 1.0]])]
    program = write_layers([Layer("rouge foncé (!)", lines), Layer("", lines)], SERVO)
    stroke = "G0X1Y1 M3S30G4P.2 G1X2F2500 S60G4P.15"  # after a pause nothing is taken for granted
    text = f"G21G90G17G94 M3S60G4P.15 G0X0Y0 M0 {stroke} G0X0Y0 M0 {stroke} G0X0Y0"
    assert [block.text for block in program.blocks] == text.split()
    assert stroke.split(maxsplit=1)[0] == "G0X1Y1"
    assert [block.note for block in program.blocks if block.text == "M0"] == ["pen 1: rouge fonce", "pen 2"]
    assert "M0 ;pen 1: rouge fonce\n" in program.text
    assert [block.stroke for block in program.blocks] == [*[None] * 4, *[0] * 4, None, None, *[1] * 4, None]


def test_one_layer_asks_for_nothing() -> None:
    lines = [np.array([[1.0, 1.0], [2.0, 1.0]])]
    assert write_layers([Layer("red", lines)], SERVO) == write_program(lines, SERVO)
