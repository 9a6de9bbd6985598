"""Test sheets: what they draw is what their words say, on every machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from gcode.actions import Move
from gcode.profile import Profile, load_profile
from gcode.program import Program, check_work_area, ink, parked, read_program, strokes_of, trace
from plotbot import calibration
from plotbot.calibration import MARGIN_MM, Sheet, label
from plotbot.page.toolpath import from_toolpath
from plotbot.units import InputError

MACHINES = ["grbl-servo", "grbl-z", "marlin-servo", "marlin-z"]
SHEETS = [calibration.ruler, calibration.pen, calibration.speed, calibration.corner, calibration.backlash]
sheets = pytest.mark.parametrize("draw", SHEETS, ids=lambda draw: draw.__name__)


def drawn(sheet: Sheet, profile: Profile) -> list[np.ndarray]:
    """The ink in mm from the sheet's bottom left corner, for a machine whose origin is the bottom left, y up."""
    return [line - MARGIN_MM for line in ink(sheet.program, profile)]


def holds(lines: list[np.ndarray], *points: tuple[float, float]) -> bool:
    """Whether one of the lines goes through these points, in either direction."""
    wanted = np.array(points, dtype=float)
    return any(
        line.shape == wanted.shape and min(np.abs(line - wanted).max(), np.abs(line[::-1] - wanted).max()) < 0.01
        for line in lines
    )


@sheets
@pytest.mark.parametrize("machine", MACHINES)
def test_a_sheet_is_drawn_whole_and_in_its_place(
    draw: Callable[[Profile], Sheet], machine: str, tmp_path: Path
) -> None:
    profile = load_profile(machine)
    sheet = draw(profile)
    path = tmp_path / "sheet.gcode"
    sheet.program.save(path)
    read = read_program(path, profile)
    check_work_area(read, profile)
    strokes = [block.stroke for block in sheet.program.blocks if block.stroke is not None]
    assert sorted(set(strokes)) == list(range(max(strokes) + 1))
    assert len(ink(read, profile)) == max(strokes) + 1
    assert max(block.stroke or 0 for block in strokes_of(read, profile).blocks) == max(strokes)
    points = np.concatenate(drawn(sheet, profile))
    assert points.min() >= -0.01
    assert (points.max(axis=0) <= np.array(sheet.size) + 0.01).all()


@sheets
@pytest.mark.parametrize("origin", ["bottom-left", "bottom-right", "top-left", "top-right"])
@pytest.mark.parametrize("y_axis", ["up", "down"])
def test_a_sheet_is_upright_in_the_corner_of_the_origin(
    draw: Callable[[Profile], Sheet],
    origin: Literal["bottom-left", "bottom-right", "top-left", "top-right"],
    y_axis: Literal["up", "down"],
) -> None:
    usual = load_profile("virtual")
    profile = replace(usual, origin=origin, y_axis=y_axis)
    sheet = draw(profile)
    size = (profile.width, profile.height)
    page = from_toolpath(ink(sheet.program, profile), size, profile, rotated=False)
    left = MARGIN_MM if "left" in origin else size[0] - MARGIN_MM - sheet.size[0]
    bottom = size[1] - MARGIN_MM if "bottom" in origin else MARGIN_MM + sheet.size[1]
    upright = drawn(draw(usual), usual)
    for line, meant in zip(page, upright, strict=True):
        apart = np.column_stack([line[:, 0] - left, bottom - line[:, 1]]) - meant if len(line) == len(meant) else 9.0
        assert np.abs(apart).max() < 0.02


def test_the_ruler_is_100_mm_with_a_tick_each_mm() -> None:
    profile = load_profile("grbl-servo")
    sheet = calibration.ruler(profile)
    lines = drawn(sheet, profile)
    assert holds(lines, (0, 0), (100, 0), (100, 100), (0, 100), (0, 0))
    for mm in range(3, 100):
        length = 5.0 if mm % 10 == 0 else 3.5 if mm % 5 == 0 else 2.0
        assert holds(lines, (mm, 0), (mm, length))
        assert holds(lines, (0, mm), (length, mm))
    assert holds(lines, (20, 20), (80, 80))
    assert holds(lines, (20, 80), (80, 20))
    assert "X 80 x 100 / width, Y 80 x 100 / height ($100=" in sheet.reading
    assert "M92" in calibration.ruler(load_profile("marlin-servo")).reading


@pytest.mark.parametrize("machine", MACHINES)
def test_each_rung_is_drawn_at_the_height_beside_it(machine: str) -> None:
    profile = load_profile(machine)
    down, deeper = profile.pen.down, profile.pen.down + 0.5 * (profile.pen.down - profile.pen.up)
    sheet = calibration.pen(profile, down, deeper)
    word = "Z" if profile.pen.kind == "z" else "S"
    heights = re.findall(rf"{word}([-.\d]+)", sheet.program.text)
    lowered = [float(one) for one in heights if float(one) != profile.pen.up]
    assert list(dict.fromkeys(lowered)) == pytest.approx(np.linspace(down, deeper, 11).tolist())
    lines = drawn(sheet, profile)
    assert all(holds(lines, (16, 6.0 * rung + 1.5), (60, 6.0 * rung + 1.5)) for rung in range(11))


def test_the_heights_of_a_pen_are_around_those_of_its_profile() -> None:
    profile = load_profile("grbl-servo")  # up 60, down 30
    found = re.findall(r"S([.\d]+)", calibration.pen(profile).program.text)
    assert {float(one) for one in found} == {60.0, *(42.0 - 1.5 * rung for rung in range(11))}


def test_heights_that_cannot_be_are_refused() -> None:
    profile = load_profile("grbl-servo")
    with pytest.raises(InputError, match="no height below 0"):
        calibration.pen(profile, 10.0, -5.0)
    with pytest.raises(InputError, match="At 60 the pen is up: give --from and --to below that"):
        calibration.pen(profile, 70.0, 30.0)


def feeds_of(program: Program, profile: Profile) -> set[float]:
    return {step.action.feed for step in trace(program, profile) if isinstance(step.action, Move) and step.was_down}


@pytest.mark.parametrize("machine", ["grbl-servo", "marlin-servo"])
def test_each_rung_is_drawn_at_the_feed_beside_it(machine: str) -> None:
    profile = load_profile(machine)
    sheet = calibration.speed(profile)
    top = profile.max_rate[0]
    assert feeds_of(sheet.program, profile) == {profile.draw_feed, *(top * tenth / 10 for tenth in range(1, 11))}
    changes = [block.text for block in sheet.program.blocks if block.text.startswith("M204")]
    if machine == "marlin-servo":  # and in the end it is as it was
        usual = profile.path_acceleration
        assert changes == [f"M204T{usual * half / 2:.0f}" for half in (1, 2, 3, 4, 5, 6, 2)]
    else:
        assert not changes
        assert "$120" in sheet.reading
        assert "$" not in sheet.program.text
    crosses = [line for line in drawn(sheet, profile) if line.max() < 4.01]
    assert [line.tolist() for line in crosses[:2]] == [line[::-1].tolist() for line in crosses[2:]]


@pytest.mark.parametrize("machine", ["grbl-servo", "marlin-servo"])
def test_the_corners_have_their_angles(machine: str) -> None:
    profile = load_profile(machine)
    sheet = calibration.corner(profile)
    zigzags = [line for line in drawn(sheet, profile) if len(line) >= 7]
    assert len(zigzags) == 25
    for i, line in enumerate(zigzags):
        legs = np.diff(line, axis=0)
        angles = np.degrees(np.arctan2(legs[:, 1], legs[:, 0]))
        assert 180.0 - np.abs(np.diff(angles)) == pytest.approx((30, 60, 90, 120, 150)[i % 5], abs=1.0)
    if machine == "marlin-servo":
        text = [block.text for block in sheet.program.blocks if block.text.startswith("M205")]
        assert text == ["M205J.005", "M205J.01", "M205J.02", "M205J.05", "M205J.1", "M205J.013"]
    else:
        assert feeds_of(sheet.program, profile) == {625.0, 1250.0, 2500.0, 3750.0, 5000.0}
        assert "$11" in sheet.reading


@pytest.mark.parametrize("play", [0.0, 0.3, 0.7])
def test_the_halves_meet_at_the_backlash_of_the_axis(play: float) -> None:
    """A machine of the test's own whose head lags behind by `play` mm when it comes back."""
    profile = load_profile("grbl-servo")
    motor = np.array(parked(profile)[:2])
    head = motor.copy()
    lines: list[list[np.ndarray]] = []
    for step in trace(calibration.backlash(profile).program, profile):
        if isinstance(step.action, Move):
            motor = np.array(step.action.target[:2])
            head = np.clip(head, motor, motor + play)  # the gap is between the motor and play beyond it
        if step.down and not step.was_down:
            lines.append([])
        if step.down:
            lines[-1].append(head.copy())
    for axis, other in ((0, 1), (1, 0)):
        first, second = (20.0, 8.0)
        ends = [(line[0] - MARGIN_MM, line[-1] - MARGIN_MM) for line in lines]
        ticks = [(a, b) for a, b in ends if abs(abs(b[other] - a[other]) - 6.0) < 1.5 and abs(a[other] - 14.0) < 1.0]
        ahead = sorted(a[axis] for a, b in ticks if abs(b[other] - first) < 1.0)[1:]
        behind = sorted(a[axis] for a, b in ticks if abs(b[other] - second) < 1.0)[:-1]
        assert len(ahead) == len(behind) == 11
        apart = np.array(behind) - np.array(ahead)
        assert int(np.abs(apart).argmin()) == round(play * 10)
        assert np.abs(apart).min() < 0.02


def test_labels_are_digits_of_3_mm() -> None:
    points = np.concatenate(label("-0.5", 10.0, 20.0))
    assert points.min(axis=0).tolist() == [10.0, 20.0]
    assert points[:, 1].max() == 23.0
    right = np.concatenate(label("120", 50.0, 0.0, align=1.0))
    assert right[:, 0].max() == pytest.approx(50.0)
    assert all(label(digit, 0.0, 0.0) for digit in "0123456789.-")


@sheets
def test_a_machine_too_small_for_a_sheet_is_told(draw: Callable[[Profile], Sheet]) -> None:
    profile = replace(load_profile("grbl-servo"), width=60.0, height=60.0)
    with pytest.raises(InputError, match="does not fit 'grbl-servo'"):
        draw(profile)
