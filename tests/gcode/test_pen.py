"""The words that move a pen, one place for the writer and the driver."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gcode.pen import number, pen_lines, with_heights
from gcode.profile import Profile, load_profile

GRBL, GRBL_Z = load_profile("grbl-servo"), load_profile("grbl-z")  # 60 to 30; Z 0 to -3
MARLIN, MARLIN_Z = load_profile("marlin-servo"), load_profile("marlin-z")  # 60 to 30; Z 0 to -3


@pytest.mark.parametrize("profile", [GRBL, GRBL_Z, MARLIN, MARLIN_Z], ids=lambda profile: profile.name)
@pytest.mark.parametrize("slowly", [False, True])
@pytest.mark.parametrize("down", [False, True])
def test_other_heights_are_those_of_another_pen(profile: Profile, slowly: bool, down: bool) -> None:
    pen = replace(profile.pen, up=profile.pen.up + 1.0, down=profile.pen.down - 5.0)
    changed = [with_heights(line, profile, pen) for line in pen_lines(profile, down, slowly)]
    assert changed == pen_lines(replace(profile, pen=pen), down, slowly)


@pytest.mark.parametrize(
    ("line", "profile"),
    [("G0X10Y20", GRBL), ("G4P.2", GRBL), ("X10", GRBL_Z), ("G4S2", MARLIN), ("G1X3F300", MARLIN), ("M400", MARLIN_Z)],
)
def test_a_line_that_moves_no_pen_stays(line: str, profile: Profile) -> None:
    assert with_heights(line, profile, replace(profile.pen, up=50.0, down=20.0)) == line


def test_a_pen_that_lands_slowly_goes_down_in_steps() -> None:
    heights = [line.partition("G4")[0] for line in pen_lines(GRBL, down=True, slowly=True)]
    assert heights == ["M3S55", "M3S50", "M3S45", "M3S40", "M3S35", "M3S30"]
    assert pen_lines(GRBL, down=False, slowly=True) == ["M3S60G4P.15"]  # up is never slow


@pytest.mark.parametrize(
    ("value", "text"), [(10.0, "10"), (-0.5, "-.5"), (0.00001, "0"), (-0.00001, "0"), (12.34567, "12.3457"), (0.0, "0")]
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text
