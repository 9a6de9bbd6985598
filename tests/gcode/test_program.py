"""Programs: what goes in is what the pen draws, in few bytes, and files of other programs are read or refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gcode.actions import GcodeError
from gcode.profile import Pen, Profile, load_profile
from gcode.program import Block, Program, WorkAreaError, ink, read_program, strokes_of
from gcode.writing import write_program

SERVO = load_profile("grbl-servo")
Z = load_profile("grbl-z")


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


def expected_ink(toolpath: list[NDArray[np.float64]], decimals: int) -> list[list[tuple[float, float]]]:
    """Each point rounded, those on the one before left out."""
    strokes = []
    for line in toolpath:
        stroke: list[tuple[float, float]] = []
        for x, y in line.tolist():
            point = (round(x * 10**decimals) / 10**decimals, round(y * 10**decimals) / 10**decimals)
            if not stroke or point != stroke[-1]:
                stroke.append(point)
        strokes.append(stroke)
    return strokes


def read_back(program: Program, path: Path) -> Program:
    program.save(path)
    return read_program(path, SERVO)


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
    lambda pen, origin, y_axis, steps: replace(
        SERVO,
        pen=pen,
        origin=origin,
        y_axis=y_axis,
        steps_per_mm=(steps, steps, 400.0),
        park=(0.0, 0.0),
    ),
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
    assert redundant_words(program.text) == []
    read = read_back(program, tmp_path_factory.getbasetemp() / "round-trip.gcode")
    drawn = ink(read, profile)
    assert [stroke.tolist() for stroke in drawn] == [
        [list(point) for point in stroke] for stroke in expected_ink(toolpath, profile.decimals)
    ]
    half_a_step = 0.5 / profile.steps_per_mm[0] + 1e-9
    for line, stroke in zip(toolpath, drawn, strict=True):
        assert np.abs(line[0] - stroke[0]).max() <= half_a_step
        assert np.abs(line[-1] - stroke[-1]).max() <= half_a_step
        assert all(np.abs(stroke - point).max(axis=1).min() <= half_a_step for point in line)
    assert strokes_of(read, profile) == program


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
def test_outside_the_work_area(point: tuple[float, float], y_axis: str, says: str) -> None:
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


def test_saving_leaves_the_old_file_whole_when_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.gcode"
    Program((Block("G0X1", None),)).save(path)
    with pytest.raises(UnicodeEncodeError):
        Program((Block("G0X2", None), Block("é", None))).save(path)
    assert path.read_bytes() == b"G0X1\n"
    assert [file.name for file in tmp_path.iterdir()] == ["a.gcode"]


def test_reading_keeps_the_words_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    path.write_bytes(b"; caf\xe9 !\r\ng21 (mm)\r\n\r\n N5 g0 x1 y 2.50 ; go\rG1 X3 F100")
    assert read_program(path, SERVO).text == "G21\nN5G0X1Y2.50\nG1X3F100\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("G21\nG0X1\nG28\n", "line 3: G28 is not a command of this machine (GRBL error:20)"),
        ("G1X1\n", "line 1: no feed is set: give F (GRBL error:22)"),
        ("%\n", "line 1: a word must begin with a letter, not '%' (GRBL error:1)"),
        ("\x00\xff\x13", "line 1: a word must begin with a letter"),
    ],
)
def test_a_refusal_names_file_and_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "bad.gcode"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(GcodeError) as error:
        read_program(path, SERVO)
    assert str(error.value).startswith(f"{path}, {says}")


def test_strokes_of_a_strangers_file() -> None:
    """Several travels before a stroke belong to it, rapids with the pen down leave ink, M2 lifts it."""
    lines = "G21 G90 M3S60 G0X1Y1 G0X5Y5 S30 G4P1 G1X6F900 G0X7 S60 G4P1 M8 G0X9 G0X8 M3S31 X9 M2"
    program = strokes_of(Program(tuple(Block(line, None) for line in lines.split())), SERVO)
    assert [block.stroke for block in program.blocks] == [None] * 3 + [0] * 9 + [1] * 5
    assert [line.tolist() for line in ink(program, SERVO)] == [[[5, 5], [6, 5], [7, 5]], [[8, 5], [9, 5]]]


def test_a_pen_that_goes_down_where_it_stands_and_stays_there() -> None:
    profile = replace(SERVO, park=(3.0, 4.0))
    program = strokes_of(Program((Block("G21", None), Block("M3S30", None), Block("G91G0X1", None))), profile)
    assert [block.stroke for block in program.blocks] == [None, 0, 0]
    assert [line.tolist() for line in ink(program, profile)] == [[[3, 4], [4, 4]]]


def test_a_reference_page_in_few_bytes(page192: list[NDArray[np.float64]], tmp_path: Path) -> None:
    program = write_program(page192, SERVO)
    assert redundant_words(program.text) == []
    assert len(program.text) <= 139_308  # 0.55 of what vpype-gcode's "ninja" writes, 253,287
    drawn = ink(read_back(program, tmp_path / "page.gcode"), SERVO)
    assert len(drawn) == 891
    assert sum(len(stroke) == 1 for stroke in drawn) == 42
    assert [stroke.tolist() for stroke in drawn] == [
        [list(point) for point in stroke] for stroke in expected_ink(page192, 2)
    ]


@pytest.mark.parametrize(
    ("name", "strokes", "length"),
    [
        ("circle-inch", 1, 2 * np.pi * 12.7),
        ("g2-arc", 1, None),
        ("jsdc", 5, None),
    ],
)
def test_files_of_other_programs(data: Path, name: str, strokes: int, length: float | None) -> None:
    """Machines that draw at Z0 and below, and travel above."""
    program = read_program(data / "gcode" / f"{name}.gcode", SERVO)
    profile = replace(Z, pen=replace(Z.pen, up=0.5, down=-0.4))
    drawn = ink(program, profile)
    assert len(drawn) == strokes
    assert strokes_of(program, profile).blocks[-1].stroke in (None, strokes - 1)
    if length is not None:
        total = sum(np.hypot(*np.diff(line, axis=0).T).sum() for line in drawn)
        assert total == pytest.approx(length, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("arc-ijk", 3),
        ("svg2gcode_circular_interpolation", 81),
        ("svg2gcode_shapes", 948),
        ("svg2gcode_smooth_curves", 4780),
        ("svg2gcode_square", 52),
    ],
)
def test_files_without_a_pen_are_read_whole(data: Path, name: str, blocks: int) -> None:
    program = read_program(data / "gcode" / f"{name}.gcode", SERVO)
    assert len(program.blocks) == blocks
    assert ink(program, SERVO) == []


def test_an_arc_off_its_circle_is_refused(data: Path) -> None:
    path = data / "gcode" / "Circle_Diamond_Square_Calibration.gcode"
    with pytest.raises(GcodeError, match=r"Calibration\.gcode, line 624: the arc's end is 1\.41 mm off"):
        read_program(path, SERVO)
