"""What a board is, said of its own words; a profile proposed for it; and what would hurt a pen, named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gcode.advice import warnings
from gcode.probe import Found, differences, find, guess_pen, in_words, nearest, propose, to_toml, told, understand
from gcode.profile import Controller, Profile, load_profile, shipped_profiles
from gcode.transport import PlotterError
from gcode.virtual.machine import VirtualPlotter
from gcode.virtual.reports import default_settings
from tests.gcode.driving import QUICK, one_sentence

SERVO, Z, MARLIN = load_profile("grbl-servo"), load_profile("grbl-z"), load_profile("marlin-servo")
GRBL_SAYS = ("[VER:1.1h.20190830:]", "[OPT:V,15,128]")
HAL_SAYS = (
    "[VER:1.1f.20250225:]",
    "[OPT:VNMSL,100,1024,3,0]",
    "[NEWOPT:ENUMS]",
    "[FIRMWARE:grblHAL]",
    "[DRIVER:ESP32]",
)
FLUID_SAYS = ("[VER:3.7 FluidNC v3.7.8:]", "[OPT:MPHS]", "[MSG: Machine: a plotter]")
MARLIN_SAYS = ("FIRMWARE_NAME:Marlin 2.1.2.4 (May 18 2024) SOURCE_CODE_URL:x EXTRUDER_COUNT:0 UUID:y", "Cap:ARCS:1")
ODD = '[VER:1.1\x01"\\é:]'
CAREFUL = {"$1": 255.0, "$10": 3.0}


def settings_of(profile: Profile, **changed: float) -> dict[str, float]:
    return {
        **{f"${n}": float(value) for n, value in default_settings(profile).items()},
        **CAREFUL,
        **{f"${name[1:]}": value for name, value in changed.items()},
    }


def board(profile: Profile = SERVO, **changed: float) -> Found:
    return understand("grbl", settings_of(profile, **changed), GRBL_SAYS, 115200)


# ---- who it is ----


@pytest.mark.parametrize(
    ("speaks", "said", "firmware", "shipped"),
    [
        ("grbl", GRBL_SAYS, "GRBL 1.1h", "grbl-servo"),
        ("grbl", ("[VER:1.1h.20190830:]", "[OPT:,15,128]"), "GRBL 1.1h", "grbl-z"),  # without a PWM
        ("grbl", HAL_SAYS, "grblHAL 1.1f on ESP32", "grblhal"),
        ("grbl", ("[VER:1.1f.20240205:]", "[OPT:VNMSL,35,1024,3,0]"), "grblHAL 1.1f", "grblhal"),
        ("grbl", FLUID_SAYS, "FluidNC v3.7.8", "fluidnc"),
        ("grbl", (), "GRBL", "grbl-servo"),
        ("marlin", MARLIN_SAYS, "Marlin 2.1.2.4", "marlin-servo"),
        ("marlin", ("FIRMWARE_NAME:Marlin bugfix-2.1.x EXTRUDER_COUNT:1",), "Marlin bugfix-2.1.x", "marlin-z"),
        ("marlin", ("echo:what?",), "Marlin", "marlin-z"),
    ],
)
def test_a_board_is_known_by_what_it_says(
    speaks: Controller, said: tuple[str, ...], firmware: str, shipped: str
) -> None:
    found = understand(speaks, {}, said, 115200)
    assert (found.firmware, nearest(found)) == (firmware, shipped)
    assert load_profile(shipped).pen.kind == guess_pen(found)
    assert in_words(found)["firmware"] == firmware


def test_grblhal_is_known_by_its_settings() -> None:
    assert understand("grbl", {"$33": 50.0}, ("[VER:1.1f.20210101:]",), None).family == "grblHAL"


# ---- the profile ----


def test_what_the_board_tells_comes_into_the_profile() -> None:
    other = replace(
        SERVO, width=400.0, height=300.0, max_rate=(7000.0, 6000.0, 500.0), junction_deviation=0.02, park=(0.0, 0.0)
    )
    proposal = propose(board(other), SERVO)
    assert replace(proposal, description="") == replace(other, description="")
    assert [one.name for one in differences(board(other), SERVO)] == [
        "max_rate of x",
        "max_rate of z",
        "junction_deviation",
        "width",
        "height",
    ]
    assert not differences(board(other), other)


def test_what_it_does_not_tell_stays() -> None:
    fluid = understand("grbl", {"$10": 1.0, "$100": 200.0, "$110": 0.0}, FLUID_SAYS, None)
    base = load_profile("fluidnc")
    assert propose(fluid, base) == replace(
        base, steps_per_mm=(200.0, 80.0, 100.0), description="297 x 420 mm, FluidNC v3.7.8, pen on the Z axis"
    )
    assert [text for text in warnings(fluid, base) if "does not tell max_rate, acceleration" in text]


def test_a_profile_that_the_board_only_rounds_is_kept() -> None:
    says = {"M205 J": 0.01, "M203 X": 150.0, "M203 Y": 150.0, "M203 Z": 10.0, "M204 T": 500.0}
    assert propose(understand("marlin", says, MARLIN_SAYS, 115200), MARLIN).junction_deviation == 0.013


def test_marlins_rates_are_in_mm_a_second() -> None:
    found = understand("marlin", {"M203 X": 100.0, "M92 Y": 100.0}, MARLIN_SAYS, 250000)
    proposal = propose(found, MARLIN)
    assert (proposal.max_rate, proposal.steps_per_mm[1], proposal.baud) == ((6000.0, 9000.0, 600.0), 100.0, 250000)


def test_feeds_and_park_stay_within_what_the_board_can() -> None:
    base = replace(Z, park=(290.0, 400.0))
    proposal = propose(board(Z, s110=500.0, s112=300.0, s130=200.0, s131=200.0), base)
    assert (proposal.draw_feed, proposal.pen.feed, proposal.park) == (500.0, 300.0, (0.0, 0.0))


def test_a_profile_for_another_controller_is_refused() -> None:
    with pytest.raises(PlotterError) as error:
        propose(board(), MARLIN)
    assert "for marlin, but on the port is GRBL" in str(error.value)


numbers = st.floats(allow_nan=False) | st.integers(0, 100_000).map(float)
names = st.sampled_from([f"${n}" for n in (1, 10, 11, 13, 20, 22, 30, 31, 32, 33, 100, 101, 102)]) | st.sampled_from(
    ["$110", "$111", "$112", "$120", "$130", "$131", "M92 X", "M203 X", "M203 Z", "M201 Y", "M204 T", "M205 J", "Q"]
)


@example("marlin-servo", {"M203 X": 1e307}, [])
@given(
    st.sampled_from(shipped_profiles()),
    st.dictionaries(names, numbers, max_size=12),
    st.lists(
        st.sampled_from([*HAL_SAYS, *FLUID_SAYS, *GRBL_SAYS, *MARLIN_SAYS, ODD]) | st.text(max_size=20), max_size=4
    ),
)
def test_whatever_a_board_says_the_profile_loads(
    tmp_path_factory: pytest.TempPathFactory, name: str, settings: dict[str, float], said: list[str]
) -> None:
    base = load_profile(name)
    found = understand(base.controller, settings, said, 115200)
    proposal = propose(found, base)
    path = Path(tmp_path_factory.getbasetemp()) / "proposal.toml"
    path.write_text(to_toml(found, proposal, name), encoding="utf-8")
    assert replace(load_profile(path), name="") == replace(proposal, name="")
    assert all(text.endswith(".") for text in warnings(found, proposal))


def test_the_proposal_says_where_it_comes_from() -> None:
    text = to_toml(board(), propose(board(s110=7500.0), SERVO), "grbl-servo")
    assert "# From the board: steps_per_mm, max_rate, acceleration, junction_deviation, width, height." in text
    assert "max_rate = [7500, 6000, 600]    # mm/min ($110, $111, $112)" in text
    assert 'description = "297 x 420 mm, GRBL 1.1h, servo pen"' in text


# ---- what hurts pens ----


def test_a_board_that_is_set_up_well_earns_no_warning() -> None:
    for profile in (SERVO, Z, load_profile("virtual")):
        assert warnings(board(profile), profile) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"s32": 1.0}, "send $32=0"),
        ({"s1": 25.0}, "let go 25 ms after a move"),
        ({"s10": 1.0}, "lack the fill of its buffers: send $10=3"),
        ({"s10": 0.0}, "lack machine positions and the fill of its buffers: send $10=3"),
        ({"s13": 1.0}, "send $13=0"),
        ({"s20": 1.0}, "Soft limits are on"),
        ({"s22": 1.0}, "wakes up locked"),
        ({"s30": 50.0}, "S60 and S30 are not both on the board's scale of 0 to 50"),
        ({"s120": 10.0}, "acceleration of x, 10 mm/s2 ($120), is too low to be meant"),
        ({"s121": 1e6}, "makes motors lose steps"),
        ({"s110": 500.0}, "The max rate of x, 500 mm/min ($110), is too low to be meant"),
        ({"s111": 90000.0, "s101": 5.0}, "more than motors follow"),
        ({"s11": 1.0}, "shakes"),
        ({"s100": 320.0}, "$110=6000 mm/min at $100=320 steps/mm is 32,000 steps a second"),
        ({"s130": 200.0, "s131": 200.0}, "GRBL's default"),
    ],
)
def test_each_danger_is_one_sentence(changed: dict[str, float], words: str) -> None:
    said = warnings(board(SERVO, **changed), SERVO)
    assert len(said) == 1
    assert words in said[0]
    assert said[0].endswith(".")
    assert ". " not in said[0]


def test_only_a_servo_minds_laser_mode_and_only_a_pen_on_z_a_slow_z() -> None:
    assert warnings(board(Z, s32=1.0), Z) == []
    slow = {"s112": 100.0, "s122": 5.0}
    assert len(warnings(board(Z, **slow), Z)) == 2
    assert warnings(board(SERVO, **slow), SERVO) == []


def test_32_bit_boards_make_more_steps() -> None:
    fast = understand("grbl", settings_of(SERVO, s100=800.0), HAL_SAYS, None)
    assert warnings(fast, SERVO) == []


def test_what_hurts_on_marlin() -> None:
    says = {"M92 X": 80.0, "M203 X": 5.0, "M204 T": 10.0, "M211 S": 1.0}
    found = understand("marlin", says, (*MARLIN_SAYS, "Cap:EMERGENCY_PARSER:0"), 115200)
    said = "\n".join(warnings(found, load_profile("marlin-z")))
    for words in ("M211 S0", "EMERGENCY_PARSER", "classic jerk", "300 mm/min (M203 X)", "10 mm/s2 (M204 T)"):
        assert words in said


# ---- through a port ----


@pytest.mark.parametrize(("name", "firmware"), [("virtual", "GRBL 1.1h"), ("marlin-z", "Marlin 2.1.2.4")])
def test_a_board_is_found_and_nothing_on_it_is_changed(name: str, firmware: str) -> None:
    profile = load_profile(name)
    with VirtualPlotter(profile, link="socket") as machine:
        found = find(machine.port, (115200,), QUICK)
        lines = machine.lines_received
    assert (found.firmware, found.baud) == (firmware, None)
    assert not differences(found, profile)
    assert len(told(found)) >= 11
    assert not [line for line in lines if "=" in line or "M500" in line]


def test_a_board_in_laser_mode_is_found_all_the_same() -> None:
    with VirtualPlotter(SERVO) as machine:
        machine.grbl.settings[32] = 1
        found = find(machine.port, (115200,), QUICK)
    assert found.baud == 115200
    assert "$32=0" in warnings(found, SERVO)[0]


def test_nobody_there() -> None:
    with VirtualPlotter(SERVO) as machine, pytest.raises(PlotterError) as error:
        machine.hang()
        find(machine.port, (115200, 250000), replace(QUICK, banner=0.1, answer=0.2, idle=0.1))
    assert "115200 or 250000 bits/s" in one_sentence(error)
