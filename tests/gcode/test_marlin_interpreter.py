"""The dialect is read as Marlin 2.1 executes it, and what Marlin would skip in silence is refused."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcode.actions import Action, Dwell, End, GcodeError, Move, Pause, Spindle
from gcode.marlin.interpreter import DEFAULT_FEED, LINE_LIMIT, MarlinInterpreter, checksum


def run(*lines: str) -> list[Action]:
    interpreter = MarlinInterpreter()
    return [action for line in lines for action in interpreter.execute(line)]


def targets(*lines: str) -> list[tuple[float, float, float]]:
    return [action.target for action in run(*lines) if isinstance(action, Move)]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("X10 Y10", "no command"),
        ("10", "no command"),
        ("%", "no command"),
        ("$H", "no command"),
        ("G", "no command"),
        ("G21G90", "G90"),
        ("G1 X1 M3", "M3"),
        ("G5 X1 Y1 I1 J1", "G5"),
        ("G10 L2 P1 X0", "G10"),
        ("G18", "G18"),
        ("G53", "G53"),
        ("G92.1", "G92.1"),
        ("M6 T2", "M0"),
        ("M206 X5", "G92"),
        ("M600", "M0"),
        ("G1 X", "X has no number"),
        ("G92 Y", "Y has no number"),
        ("G1 X1.2.3", "'.3'"),
        ("G1 X1 é", "É"),
        ("G2 X1 Y1", "I or J"),
        ("G2 R5", "I or J"),
        ("G3 X0 Y0 R5", "I or J"),
        ("N3 G1 X5*99", "checksum"),
        ("G1" + "X1" * 41, "longer"),
    ],
)
def test_refusals_say_why_and_change_nothing(line: str, word: str) -> None:
    interpreter = MarlinInterpreter()
    before = dict(vars(interpreter))
    with pytest.raises(GcodeError, match=word) as error:
        interpreter.execute(line)
    assert error.value.code == 0
    assert vars(interpreter) == before


def test_common_headers_and_printers_words_pass() -> None:
    lines = ["G17", "G21", "G40", "G54", "G94", "M82", "M107", "M104 S0", "M201 X500", "M204 T500", "M220 S100"]
    assert run(*lines, "T0", "M117 Hello (there) ; you", "M110 N5", "M503", "", " ; nothing", "(a)") == []


def test_what_is_worth_sending() -> None:
    bare = MarlinInterpreter.bare
    assert bare(" g1 x1 y.5 ; a line\r\n") == "G1X1Y.5"
    assert bare("N12 G1 (to the right) X5 *71") == "G1X5"
    assert bare("N12 M110 N7*1") == "M110N7"
    assert bare("N-1 M110 N-1*125") == "M110N-1"  # how Printrun begins
    assert bare("m117 Hello World ; you") == "M117 Hello World"
    assert bare("M0 the red pen") == "M0 the red pen"
    assert len(bare("M117 " + "long " * 50)) == LINE_LIMIT


def test_a_numbered_line_is_checked() -> None:
    text = "N12 G1 X5"
    assert (checksum("N3 T0"), checksum("N4 G92 E0")) == (57, 67)  # the examples of the RepRap wiki
    assert run(f"{text}*{checksum(text)} ; and a comment *3") == [Move((5.0, 0.0, 0.0), False, DEFAULT_FEED)]
    assert run(text) == [Move((5.0, 0.0, 0.0), False, DEFAULT_FEED)]  # in a file the checksum is often left out


def test_f_is_shared_by_g0_and_g1() -> None:
    assert run("G1 X1", "G0 X2 F9000", "G1 X3", "G1 F600", "G0 X4", "G1 F0 X5", "G0 F100") == [
        Move((1.0, 0.0, 0.0), False, 1500.0),
        Move((2.0, 0.0, 0.0), False, 9000.0),
        Move((3.0, 0.0, 0.0), False, 9000.0),
        Move((4.0, 0.0, 0.0), False, 600.0),
        Move((5.0, 0.0, 0.0), False, 600.0),
    ]


def test_e_moves_nothing() -> None:
    assert run("G1 E5 F300", "G92 E0") == []
    assert targets("G1 X1 E5") == [(1, 0, 0)]


def test_inches_and_relative() -> None:
    assert run("G20", "G1 X1 Y-.5 F10") == [Move((25.4, -12.7, 0.0), False, 254.0)]
    assert targets("G91", "G0 X1 Y1", "G0 X1 Z-.5", "G90", "G0 X0") == [(1, 1, 0), (2, 1, -0.5), (0, 1, -0.5)]


def test_g92_moves_the_work_coordinates_not_the_head() -> None:
    interpreter = MarlinInterpreter((10.0, 20.0, 0.0))
    assert interpreter.execute("G92 X0 Y5") == []
    assert (interpreter.position, interpreter.offset) == ((10.0, 20.0, 0.0), (10.0, 15.0, 0.0))
    assert interpreter.execute("G0 X1 Y1") == [Move((11.0, 16.0, 0.0), False, 1500.0)]
    assert interpreter.execute("G92") == []
    assert interpreter.offset == (10.0, 15.0, 0.0)


def test_homing_is_a_travel_to_zero_that_forgets_g92() -> None:
    interpreter = MarlinInterpreter((10.0, 20.0, 3.0))
    interpreter.execute("G92 X0 Y0")
    assert interpreter.execute("G28 X") == [Dwell(0.0), Move((0.0, 20.0, 3.0), True, 0.0), Dwell(0.0)]
    assert interpreter.offset == (0.0, 20.0, 0.0)
    assert interpreter.execute("G28") == [Dwell(0.0), Move((0.0, 0.0, 3.0), True, 0.0), Dwell(0.0)]
    assert interpreter.offset == (0.0, 0.0, 0.0)
    assert interpreter.execute("G28 Z") == []


def test_waits() -> None:
    assert run("G4 P150", "G4 S2", "G4 P150 S2", "G4", "M400", "M84", "M18 X Y") == [
        Dwell(0.15),
        Dwell(2.0),
        Dwell(2.0),
        Dwell(0.0),
        Dwell(0.0),
        Dwell(0.0),
        Dwell(0.0),
    ]
    assert run("M0 the red pen", "M1", "M2", "M30") == [Pause(), Pause(), End(), End()]


def test_the_pen() -> None:
    assert run("M280 P0 S60", "M280 P1 S5", "M280 P0", "M280 P0 S-1") == [Spindle(True, 60.0), Spindle(False, -1.0)]
    other = MarlinInterpreter(servo=2)
    assert other.execute("M280P0S60") == []
    assert other.execute("M280P2S60") == [Spindle(True, 60.0)]
    assert run("M3 S30", "M3", "M5") == [Spindle(True, 30.0), Spindle(True, 30.0), Spindle(False, 30.0)]


def test_modes_bring_a_fresh_machine_there() -> None:
    there = MarlinInterpreter((10.0, 20.0, -1.0))
    for line in ("G1 F600", "G92 X1 Y2", "G20", "G91"):
        there.execute(line)
    fresh = MarlinInterpreter(there.position)
    for line in there.modes():
        assert fresh.execute(line) == []
    assert fresh.offset == pytest.approx(there.offset, abs=0.002)  # to 0.0001 inch
    assert fresh.feed == pytest.approx(600.0, abs=0.002)
    assert (fresh.inches, fresh.relative) == (True, True)
    assert MarlinInterpreter().modes() == ["G21", "G90", "G1F1500.0000"]


@pytest.mark.parametrize(
    ("line", "centre", "turn"),
    [
        ("G2X10Y-10I0J-10", (0.0, -10.0), math.pi / 2),
        ("G2X10Y-10R10", (0.0, -10.0), math.pi / 2),
        ("G2X10Y-10R-10", (10.0, 0.0), math.pi * 3 / 2),
        ("G3X10Y-10R10", (10.0, 0.0), math.pi / 2),
        ("G3X10Y-10I0J-10", (0.0, -10.0), math.pi * 3 / 2),
        ("G2I5", (5.0, 0.0), math.pi * 2),
        ("G2X10R2", (5.0, 0.0), math.pi),
    ],
)
def test_arcs_stay_on_their_circle(line: str, centre: tuple[float, float], turn: float) -> None:
    radius = math.hypot(*centre)
    path = [(0.0, 0.0), *((x, y) for x, y, _ in targets(line))]
    for a, b in pairwise(path):
        assert math.dist(a, centre) == pytest.approx(radius)
        assert math.dist(a, b) <= 1.1  # Marlin rounds the number of chords down
    length = sum(math.dist(a, b) for a, b in pairwise(path))
    assert length == pytest.approx(radius * turn, rel=2e-3)


@given(st.floats(0.5, 300.0), st.booleans())
def test_a_circle_of_any_size_is_as_round_as_marlins(radius: float, clockwise: bool) -> None:
    path = [(0.0, 0.0), *((x, y) for x, y, _ in targets(f"G{2 if clockwise else 3} I{radius:.6f}"))]
    assert math.dist(path[-1], path[0]) < 1e-6
    chord = max(math.dist(a, b) for a, b in pairwise(path))
    assert radius - math.sqrt(radius * radius - chord * chord / 4) <= 0.012


@given(st.lists(st.text(alphabet="GMXYZIJRFSPNT0123459.-+*;( ", max_size=24) | st.text(max_size=12), max_size=4))
def test_any_text_is_executed_or_refused_whole(lines: list[str]) -> None:
    interpreter = MarlinInterpreter()
    for line in lines:
        before = dict(vars(interpreter))
        try:
            interpreter.execute(line)
        except GcodeError as error:
            assert str(error)
            assert vars(interpreter) == before
        assert all(math.isfinite(value) for value in interpreter.position)
        assert len(interpreter.bare(interpreter.bare(line))) == len(interpreter.bare(line))
