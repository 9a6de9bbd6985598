"""Pens, their care and their calibration, from the command line to the ink."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gcode.profile import load_profile
from gcode.program import ink, owners, read_program, strokes_of
from tests.end_to_end.conftest import Run

PENS = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape" '
    'width="100mm" height="100mm" viewBox="0 0 100 100">'
    '<g inkscape:groupmode="layer" inkscape:label="red"><path d="M10 10h60M10 20h60M10 30h60" stroke="red"/></g>'
    '<g inkscape:groupmode="layer"><path d="M10 40h60" stroke="navy"/></g></svg>'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pens.svg").write_text(PENS)
    return tmp_path


def test_a_pen_for_each_layer_and_a_brush_that_is_dipped(plotbot: Run, folder: Path) -> None:
    care = ("--reload-every", "130mm", "--dip-at", "90,90", "--slow-end", "2mm", "--pen-down-slow")
    done = plotbot("gcode", "pens.svg", "-o", "pens.gcode", *care, "--json", at=folder)
    assert done.returncode == 0, done.stderr
    assert (json.loads(done.stdout)["pens"], json.loads(done.stdout)["strokes"]) == (2, 4)
    profile = load_profile("virtual")
    program = strokes_of(read_program(folder / "pens.gcode", profile), profile)
    asked = [block.note for block in program.blocks if block.text == "M0"]
    assert asked == ["pen 1: red", "pen 2: navy"]
    assert owners(program, profile) == [None, 0, 1, None, 2, None, 3]
    dips = [line.tolist() for line in ink(program, profile) if len(line) == 1]
    assert dips == [[[90.0, 90.0]]] * 3


def test_a_virtual_pen_is_put_in_by_nobody(plotbot: Run, folder: Path) -> None:
    done = plotbot("simulate", "pens.svg", "--json", at=folder)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["strokes"], facts["strokes_lost"]) == (4, 0)


def test_what_a_brush_leaves_in_its_well_is_no_part_of_the_drawing(plotbot: Run, tmp_path: Path) -> None:
    care = ("--reload-every", "300mm", "--dip-at", "5,5")
    done = plotbot("draw", "line", "-n", 4, "--pick", 1, "--paper", "a5", *care, "--json", at=tmp_path)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    profile = load_profile("virtual")
    job = read_program(tmp_path / "out" / "job.gcode", profile)
    dips = sum(np.abs(line - 5.0).max() < 0.01 for line in ink(job, profile))
    assert dips >= 2
    assert facts["lifts"] == facts["strokes"] + dips
    assert (facts["strokes_lost"], facts["dots_lost"]) == (0, 0)
    assert facts["largest_deviation_mm"] <= 0.03


@pytest.mark.parametrize(
    ("care", "named"),
    [
        (("--dip-at", "5,5"), "--reload-every"),
        (("--shake", "3"), "--reload-every"),
        (("--reload-every", "5"), "5mm"),
        (("--reload-every", "0s"), "more than 0"),
        (("--reload-every", "2m", "--dip-at", "5"), "10,20"),
        (("--reload-every", "2m", "--dip-at", "5,900"), "y in 0..594"),
        (("--slow-end", "2"), "2mm"),
    ],
)
def test_care_that_cannot_be_is_one_sentence(plotbot: Run, folder: Path, care: tuple[str, ...], named: str) -> None:
    done = plotbot("gcode", "pens.svg", "-o", "pens.gcode", *care, at=folder)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert named in done.stderr
    assert not (folder / "pens.gcode").exists()


@pytest.mark.parametrize(
    ("sheet", "says"),
    [
        (("ruler",), "X 80 x 100 / width"),
        (("pen", "--from", "45", "--to", "25"), "pen.down"),
        (("speed",), "draw_feed"),
        (("corner",), "$11"),
        (("backlash",), "backlash"),
    ],
)
def test_a_sheet_to_calibrate_by_is_written_and_explained(
    plotbot: Run, folder: Path, sheet: tuple[str, ...], says: str
) -> None:
    done = plotbot("calibrate", *sheet, "-o", "sheet.gcode", "--machine", "grbl-servo", at=folder)
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
    profile = load_profile("grbl-servo")
    assert ink(read_program(folder / "sheet.gcode", profile), profile)


def test_a_sheet_that_cannot_be_is_one_sentence(plotbot: Run, folder: Path) -> None:
    done = plotbot("calibrate", "pen", "--from", "70", "-o", "sheet.gcode", at=folder)
    assert done.returncode == 2
    assert done.stderr.strip() == "plotbot: At 60 the pen is up: give --from and --to below that."
    done = plotbot("calibrate", "ruler", "-o", "nowhere/sheet.gcode", at=folder)
    assert done.returncode == 2
    assert "nowhere/sheet.gcode: cannot be written" in done.stderr
