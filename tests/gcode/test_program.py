"""Programs: files of other programs are read or refused, and what they make the pen draw."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gcode.actions import GcodeError
from gcode.profile import load_profile
from gcode.program import Block, Program, ink, owners, read_program, strokes_of

SERVO = load_profile("grbl-servo")
Z = load_profile("grbl-z")


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


def test_a_reload_and_a_pause_are_no_strokes(tmp_path: Path) -> None:
    lines = ["G21G90", "M3S60", "G0X1Y1", "S30;reload", "G4P1 ;reload", "S60;reload", "G0X5Y5", "S30", "G1X6F900"]
    lines += ["S60", "G0X0Y0", "M0 (pen 2: red)", "G0X7", "S30", "S60 ; up", "G0X0"]
    path = tmp_path / "care.gcode"
    path.write_text("\n".join(lines))
    program = strokes_of(read_program(path, SERVO), SERVO)
    assert [block.stroke for block in program.blocks] == [None] * 6 + [0] * 4 + [None] * 2 + [1] * 3 + [None]
    assert [block.note for block in program.blocks if block.note] == ["reload"] * 3 + ["pen 2: red"]
    assert owners(program, SERVO) == [None, 0, 1]
    assert [line.tolist() for line in ink(program, SERVO)] == [[[1, 1]], [[5, 5], [6, 5]], [[7, 0]]]


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
