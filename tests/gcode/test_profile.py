"""Profiles: what ships loads, what is wrong is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gcode.profile import SHIPPED, Pen, ProfileError, load_profile, shipped_profiles


def edited(tmp_path: Path, old: str, new: str, base: str = "grbl-servo") -> Path:
    text = (SHIPPED / f"{base}.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_the_shipped_machines() -> None:
    assert shipped_profiles() == ["fluidnc", "grbl-servo", "grbl-z", "grblhal", "marlin-servo", "marlin-z", "virtual"]
    virtual, servo, z = (load_profile(name) for name in ("virtual", "grbl-servo", "grbl-z"))
    assert (virtual.x_range, virtual.y_range) == ((0.0, 841.0), (0.0, 594.0))
    assert (virtual.draw_feed, virtual.max_rate[0], virtual.acceleration[0]) == (3000.0, 8000.0, 500.0)
    assert (virtual.junction_deviation, virtual.steps_per_mm[0]) == (0.01, 80.0)
    assert virtual.pen == Pen("servo", up=60.0, down=30.0, up_delay=0.15, down_delay=0.15)
    assert (servo.width, servo.height, servo.pen.kind, servo.baud) == (297.0, 420.0, "servo", 115200)
    assert (z.width, z.height, z.pen.kind, z.pen.feed) == (297.0, 420.0, "z", 500.0)


def test_a_file_of_ones_own_is_named_after_itself(tmp_path: Path) -> None:
    profile = load_profile(edited(tmp_path, "width = 297", "width = 210"))
    assert profile == replace(load_profile("grbl-servo"), name="mine", width=210.0)


@pytest.mark.parametrize(
    ("origin", "y_axis", "x_range", "y_range"),
    [
        ("bottom-left", "up", (0, 297), (0, 420)),
        ("bottom-right", "up", (-297, 0), (0, 420)),
        ("top-left", "up", (0, 297), (-420, 0)),
        ("top-left", "down", (0, 297), (0, 420)),
        ("top-right", "down", (-297, 0), (0, 420)),
        ("bottom-left", "down", (0, 297), (-420, 0)),
    ],
)
def test_the_work_area_lies_where_the_origin_says(
    tmp_path: Path, origin: str, y_axis: str, x_range: tuple[int, int], y_range: tuple[int, int]
) -> None:
    path = edited(tmp_path, 'origin = "bottom-left"', f'origin = "{origin}"')
    path.write_text(path.read_text().replace('y_axis = "up"', f'y_axis = "{y_axis}"'))
    profile = load_profile(path)
    assert (profile.x_range, profile.y_range) == (x_range, y_range)


@pytest.mark.parametrize(("steps", "decimals"), [(5, 1), (10, 1), (80, 2), (100, 2), (101, 3), (1e5, 4)])
def test_decimals_resolve_one_step(steps: float, decimals: int) -> None:
    assert replace(load_profile("virtual"), steps_per_mm=(5.0, steps, 9e9)).decimals == decimals


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("width = 297", "", "width is missing"),
        ("width = 297", "width = -297", "width must not be negative"),
        ("width = 297", "width = 0", "width must be more than 0"),
        ("width = 297", 'width = "297"', "width must be a number, not '297'"),
        ("width = 297", "width = true", "width must be a number, not True"),
        ("width = 297", "width = nan", "width must be a number, not nan"),
        ("width = 297", "width = 297\nwidht = 3", "widht is not a key of a profile"),
        ('"grbl"', '"smoothie"', "controller must be one of grbl, marlin, not 'smoothie'"),
        ('"bottom-left"', '"left"', "origin must be one of bottom-left,"),
        ('"bottom-left"', "[]", "origin must be one of bottom-left,"),
        ("[6000, 6000, 600]", "6000", "max_rate must be a list of 3 numbers"),
        ("[400, 400, 100]", "[400, 400]", "acceleration must be a list of 3 numbers"),
        ("[400, 400, 100]", "[400, 0, 100]", "acceleration must hold numbers above 0"),
        ("[400, 400, 100]", "[400, -1, 100]", "acceleration must not be negative"),
        ("park = [0, 0]", "park = [0, -1]", "park must be inside the work area, but -1 is not in 0..420"),
        ("baud = 115200", "baud = 9600.5", "baud must be a whole number"),
        (
            'description = "A3 portrait, GRBL 1.1, servo pen on M3 S"',
            "description = 3",
            "description must be",
        ),
        ("up = 60", "up = -60", "pen.up must not be negative"),
        ("up = 60", "up = 30", "pen.down must differ from pen.up"),
        ("up = 60", "up = 60\nfeed = 500", "pen.feed is not a key"),
        ('kind = "servo"', 'kind = "laser"', "pen.kind must be one of servo, z"),
        ('kind = "servo"', 'kind = "z"', "pen.feed is missing"),
        ("[pen]", "[[pen]]", "pen must be a table"),
        ("width = 297", "width = ", "is not TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(tmp_path: Path, old: str, new: str, says: str) -> None:
    path = edited(tmp_path, old, new)
    with pytest.raises(ProfileError) as error:
        load_profile(path)
    assert str(error.value).startswith(f"{path}: ")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(ProfileError, match=r"'grbl-serv'.*did you mean grbl-servo"):
        load_profile("grbl-serv")
    with pytest.raises(ProfileError, match=r"fluidnc or grbl-servo or grbl-z or .* or virtual"):
        load_profile("???")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"none\.toml: cannot be read: No such file"):
        load_profile(tmp_path / "none.toml")


def test_where_the_pen_is_down() -> None:
    servo, z = load_profile("grbl-servo").pen, load_profile("grbl-z").pen
    assert servo.is_down(on=True, speed=30.0, z=0.0)
    assert not servo.is_down(on=True, speed=60.0, z=0.0)
    assert not servo.is_down(on=False, speed=30.0, z=0.0)
    assert z.is_down(on=False, speed=0.0, z=-2.9)
    assert not z.is_down(on=True, speed=30.0, z=0.0)
