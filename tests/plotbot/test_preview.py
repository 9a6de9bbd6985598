"""What is seen of a page or a job before it is plotted."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gcode.care import Care
from gcode.motion import estimate
from gcode.profile import Profile, load_profile
from gcode.program import Block, Program, ink, read_program
from gcode.writing import Layer, write_layers
from plotbot.page.preview import GRADIENT, TRAVEL, Drawing, Look, coats, colour_of, job_drawing, page_drawing, still
from plotbot.page.reading import read_page
from plotbot.page.toolpath import from_toolpath, to_toolpath
from plotbot.units import InputError

PAGE = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape"
width="80mm" height="50mm" viewBox="0 0 80 50">
<g inkscape:groupmode="layer" inkscape:label="red" fill="none" stroke="#e00000" stroke-width="1">
<path d="M 10 10 L 30 10 L 30 40"/><path d="M 20 30 l 0 0"/></g>
<g inkscape:groupmode="layer" inkscape:label="blue" fill="none" stroke="#0000e0" stroke-width="2">
<path d="M 50 10 L 70 40"/></g></svg>"""
DPI = 25.4 * 4  # four pixels a mm
RED, BLUE = (224, 0, 0), (0, 0, 211)  # on ivory


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "page.svg").write_text(PAGE)
    return tmp_path / "page.svg"


def pixel(picture: Image.Image, x: float, y: float) -> tuple[int, ...]:
    """The colour at a place in mm."""
    return tuple(np.asarray(picture.convert("RGB"))[int(4 * y), int(4 * x)].tolist())


@pytest.mark.parametrize("machine", ["virtual", "grbl-servo", "grbl-z", "marlin-servo"])
def test_ink_lies_on_the_paper_where_the_page_has_it(page: Path, machine: str) -> None:
    drawing = page_drawing(read_page(page), load_profile(machine))
    picture = still(drawing, Look(colour_of("ivory")), DPI)
    assert picture.size == (320, 200)
    assert [pixel(picture, *at) for at in ((20, 10), (30, 25), (20, 30))] == [RED] * 3
    assert pixel(picture, 60, 25) == BLUE
    paper = np.asarray(picture).reshape(-1, 3) == (255, 255, 240)
    inked = 50 * 1 + 1.6 + 36 * 2 + 3.2  # mm2, of which a little is edges
    assert paper.all(axis=1).mean() == pytest.approx(1 - inked / 4000, abs=0.01)
    assert pixel(picture, 45, 25) == (255, 255, 240)


def test_a_pen_of_another_width_is_as_wide(page: Path) -> None:
    picture = still(page_drawing(read_page(page), load_profile("virtual"), 3.0), Look(), DPI)
    assert [pixel(picture, 20, y) for y in (7.5, 8.7, 11.3, 12.5)] == [(255, 255, 255), RED, RED, (255, 255, 255)]


def test_travel_is_seen_when_it_is_asked_for_and_where_the_pen_goes_up_and_down(page: Path) -> None:
    drawing = page_drawing(read_page(page), load_profile("virtual"))
    blue = np.array([31, 143, 255])
    for travel in (False, True):
        pixels = np.asarray(still(drawing, Look(travel=travel), DPI)).reshape(-1, 3).astype(int)
        assert (np.abs(pixels - blue).max(axis=1) < 40).any() == travel
    picture = still(drawing, Look(travel=True), 4 * DPI)
    scaled = [tuple(np.asarray(picture)[int(16 * y), int(16 * x)]) for x, y in ((10, 10), (30, 40), (30.375, 40))]
    assert scaled == [tuple(blue), (255, 255, 255), tuple(blue)]  # a disc; a ring, its middle and its edge
    assert colour_of(TRAVEL) == "#{:02x}{:02x}{:02x}".format(*blue)


def test_order_is_a_gradient_through_pens_and_within_strokes() -> None:
    turn = np.linspace(0, 20, 500)
    spiral = np.column_stack([100 + turn * np.cos(turn), 100 + turn * np.sin(turn)])
    program = write_layers([Layer("", [spiral]), Layer("", [np.array([[5.0, 5.0]])])], load_profile("virtual"))
    drawing = job_drawing(program, load_profile("virtual"))
    line, dot = (coat.group for coat in coats(drawing, Look(order=True)))
    assert len(line.lines) == len(line.colours) > 50
    assert (line.colours[0], dot.colours) == (GRADIENT[0], [GRADIENT[-1]])
    assert len(set(line.colours)) == len(line.colours)
    for before, after in pairwise(line.lines):
        assert np.array_equal(before[-1], after[0])
    (whole,) = coats(drawing, Look())[0].group.lines
    assert np.array_equal(np.concatenate([line.lines[0], *(one[1:] for one in line.lines[1:])]), whole)


@pytest.mark.parametrize("machine", ["virtual", "grbl-z", "marlin-servo"])
def test_a_job_is_seen_as_its_page_was(page: Path, tmp_path: Path, machine: str) -> None:
    profile = load_profile(machine)
    toolpath = to_toolpath(read_page(page), profile)
    write_layers(toolpath.layers, profile).save(tmp_path / "job.gcode")
    program = read_program(tmp_path / "job.gcode", profile)
    drawing = job_drawing(program, profile, (80.0, 50.0), 1.0)
    own = page_drawing(read_page(page), profile, 1.0)
    for way, other in zip(drawing.ways, own.ways, strict=True):
        assert np.allclose(way.points, other.points, atol=0.02)
        assert np.allclose(way.times, other.times)
        assert way.pen == other.pen
    assert [pen.colour for pen in drawing.pens] == ["#ff0000", "#0000ff"]  # as the job calls them


def test_without_paper_a_job_is_seen_on_all_that_the_machine_reaches(page: Path) -> None:
    profile = load_profile("virtual")
    program = write_layers(to_toolpath(read_page(page), profile).layers, profile)
    drawing = job_drawing(program, profile)
    assert drawing.size == (profile.width, profile.height)
    assert drawing.ink[0].points[0] == pytest.approx((10, profile.height - 40), abs=0.01)


def test_ink_beside_the_paper_is_warned_of(page: Path, caplog: pytest.LogCaptureFixture) -> None:
    profile = load_profile("virtual")
    program = write_layers(to_toolpath(read_page(page), profile).layers, profile)
    job_drawing(program, profile, (80.0, 50.0))
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        job_drawing(program, profile, (60.0, 50.0))
    assert "reaches 10 mm beyond the paper of 60 x 50 mm" in caplog.text


@pytest.mark.parametrize("machine", ["virtual", "grbl-z", "marlin-servo"])
def test_ways_are_those_of_the_program_in_the_time_that_it_takes(machine: str) -> None:
    profile = load_profile(machine)
    lines = [
        np.array([[10.0, 10.0], [40.0, 10.0], [40.0, 30.0]]),
        np.array([[5.0, 5.0]]),
        np.array([[60.0, 5], [60, 9]]),
    ]
    program = write_layers([Layer("", lines)], profile)
    drawing = job_drawing(program, profile)
    drawn = from_toolpath(ink(program, profile), drawing.size, profile, rotated=False)
    assert [way.points.tolist() for way in drawing.ink] == [one.tolist() for one in drawn]
    plan = estimate(program, profile)
    assert drawing.seconds == pytest.approx(plan.seconds)
    assert sum(float(np.ptp(way.times)) for way in drawing.ink) == pytest.approx(plan.draw_seconds)
    joined = np.concatenate([way.times for way in drawing.ways])
    assert (np.diff(joined) >= 0).all()
    for before, after in zip(drawing.ways, drawing.ways[1:], strict=False):
        assert np.array_equal(before.points[-1], after.points[0])
    assert [way.pen for way in drawing.ways] == [None, 0, None, 0, None, 0, None]


def test_what_a_reload_touches_is_no_ink() -> None:
    profile = load_profile("virtual")
    line = np.array([[10.0, 10.0], [90.0, 10.0]])
    program = write_layers([Layer("", [line, line + 5])], profile, Care(every_mm=100, place=(200.0, 200.0), dips=2))
    assert len(ink(program, profile)) > 3
    ends = np.concatenate([way.points for way in job_drawing(program, profile).ink])
    assert not (ends[:, 0] > 150).any()


def test_a_pen_that_stands_still_in_a_stroke_is_where_it_stands() -> None:
    profile = replace(load_profile("virtual"), junction_deviation=0.0)
    words = "G21G90", "M3S30", "G1X10F600", "G4P3", "X20", "M3S60"
    drawing = job_drawing(Program(tuple(Block(one, None) for one in words)), profile)
    (way,) = drawing.ink
    waits = np.flatnonzero((np.diff(way.points, axis=0) == 0).all(axis=1))
    assert np.diff(way.times)[waits].tolist() == pytest.approx([3.0])


@pytest.mark.parametrize("words", [("G21",), ("G1X10F600",), ("M3S60", "G1X10F600")])
def test_a_job_that_draws_nothing_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="draws nothing on machine 'virtual': say which --machine"):
        job_drawing(Program(tuple(Block(one, None) for one in words)), load_profile("virtual"))


def test_a_colour_that_nobody_knows_is_refused() -> None:
    assert colour_of("#FfF8") == "#ffffff"
    with pytest.raises(InputError, match="'ivori' is not a colour: write a name such as ivory"):
        colour_of("ivori")


def test_pens_that_a_job_does_not_name_can_be_told_apart() -> None:
    profile: Profile = load_profile("virtual")
    line = np.array([[10.0, 10.0], [90.0, 10.0]])
    layers = [Layer(name, [line + i]) for i, name in enumerate(("", "my own", "orange"))]
    drawing: Drawing = job_drawing(write_layers(layers, profile), profile)
    colours = [pen.colour for pen in drawing.pens]
    assert colours[0] != colours[1]
    assert colours[2] == "#ffa500"
