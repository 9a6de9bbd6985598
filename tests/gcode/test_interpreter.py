"""The dialect answers as GRBL 1.1 does."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcode.actions import Action, Dwell, End, GcodeError, Move, Pause, Spindle
from gcode.grbl.interpreter import ARC_TOLERANCE, LINE_LIMIT, GrblInterpreter


def run(*lines: str) -> list[Action]:
    interpreter = GrblInterpreter()
    return [action for line in lines for action in interpreter.execute(line)]


def targets(*lines: str) -> list[tuple[float, float, float]]:
    return [action.target for action in run(*lines) if isinstance(action, Move)]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("10", 1),
        ("%", 1),
        ("$H", 1),
        ("G1 X1 é", 1),
        ("X1.2.3", 1),
        ("X", 2),
        ("G1X-Y2", 2),
        ("G4P-1", 4),
        ("F-100", 4),
        ("S-1", 4),
        ("N-1", 4),
        ("T-1", 4),
        ("G1" + "X1" * 40, 11),
        ("G5", 20),
        ("G-1", 20),
        ("G28", 20),
        ("G30", 20),
        ("G10L2P1X0", 20),
        ("G18", 20),
        ("G38.2Z-1F10", 20),
        ("G55", 20),
        ("G90.1", 20),
        ("G92.5", 20),
        ("G93", 20),
        ("M6", 20),
        ("M7", 20),
        ("A1", 20),
        ("E1", 20),
        ("G0G1X1F1", 24),
        ("G20G21", 21),
        ("M3M5", 21),
        ("G90G91", 21),
        ("M0M2", 21),
        ("G4P1G53", 21),
        ("G1X1", 22),
        ("G2X1Y1R1", 22),
        ("G1", 22),
        ("G1.1X1F1", 23),
        ("G4.1P1", 23),
        ("M3.1", 23),
        ("G92X1G1X2F1", 24),
        ("G49G0X1", 24),
        ("X1X2", 25),
        ("F1F2", 25),
        ("G92", 26),
        ("G2F100", 26),
        ("N10000001", 27),
        ("G4", 28),
        ("G53G2X1R1F1", 30),
        ("G80X1", 31),
        ("G2Z1I1F100", 32),
        ("G2X1I3F100", 33),
        ("G2X0Y0R1F100", 33),
        ("G2X9R1F100", 34),
        ("G2Z1X0R1F100", 34),
        ("G2X1F100", 35),
        ("G2X1K1F100", 35),
        ("G0X1I1", 36),
        ("G0X1P1", 36),
        ("P1", 36),
        ("L1", 36),
        ("R1", 36),
        ("G2X1R1I1F100", 36),
        ("G4P1X1R2", 36),
        ("T256", 38),
        ("G2X.1Y0R99999999F1", 33),
        ("G3I99999999X0F1", 33),
    ],
)
def test_errors_are_grbls_and_change_nothing(line: str, code: int) -> None:
    interpreter = GrblInterpreter()
    before = dict(vars(interpreter))
    with pytest.raises(GcodeError) as error:
        interpreter.execute(line)
    assert error.value.code == code
    assert vars(interpreter) == before


def test_after_reset_and_on() -> None:
    interpreter = GrblInterpreter()
    assert interpreter.modal == "G0 G54 G17 G21 G90 G94 M5 M9 T0 F0 S0"
    for line in ("g20 g91 g1 f10", "m3 s30 t2 m8"):
        interpreter.execute(line)
    assert interpreter.modal == "G1 G54 G17 G20 G91 G94 M3 M8 T2 F254 S30"
    interpreter.execute("M30")
    assert interpreter.modal == "G1 G54 G17 G20 G90 G94 M5 M9 T2 F254 S30"


def test_common_headers_pass() -> None:
    assert run("G17 G21 G40 G49 G54 G61 G80 G90 G91.1 G94", "N5 T1 (tool) ; end", "/", "") == []


def test_stripping_is_grbls() -> None:
    assert GrblInterpreter.bare(" g1 (a ; b) x1\ty.5 ; (c\r\n") == "G1X1Y.5"
    assert GrblInterpreter.bare("/g0(never closed x1") == "G0"


def test_the_longest_line() -> None:
    line = "G0X" + "0" * (LINE_LIMIT - 3)
    assert run(line) == [Move((0.0, 0.0, 0.0), True, 0.0)]
    assert run(" " + line + " (" + "c" * 100) == [Move((0.0, 0.0, 0.0), True, 0.0)]


def test_moves_are_modal() -> None:
    assert run("G1 X1 F600", "Y2", "G0 Z-.5", "X+3.", "F100", "G1") == [
        Move((1.0, 0.0, 0.0), False, 600.0),
        Move((1.0, 2.0, 0.0), False, 600.0),
        Move((1.0, 2.0, -0.5), True, 0.0),
        Move((3.0, 2.0, -0.5), True, 0.0),
    ]


def test_inches_scale_lengths_and_feed() -> None:
    assert run("G20", "G1X1Y-.5F10") == [Move((25.4, -12.7, 0.0), False, 254.0)]


def test_relative_and_machine_coordinates() -> None:
    assert targets("G91G0X1Y1", "X1", "G53X5", "G90X0") == [(1, 1, 0), (2, 1, 0), (5, 1, 0), (0, 1, 0)]


def test_g92_moves_the_work_coordinates_not_the_head() -> None:
    interpreter = GrblInterpreter((10.0, 20.0, 0.0))
    assert interpreter.execute("G92X0Y5") == []
    assert (interpreter.position, interpreter.offset) == ((10.0, 20.0, 0.0), (10.0, 15.0, 0.0))
    assert interpreter.execute("G0X1Y1") == [Move((11.0, 16.0, 0.0), True, 0.0)]
    assert interpreter.execute("G53G0X0") == [Move((0.0, 16.0, 0.0), True, 0.0)]
    interpreter.execute("G92.1")
    assert interpreter.execute("G0X1") == [Move((1.0, 16.0, 0.0), True, 0.0)]


def test_axis_words_that_g49_claims_move_nothing() -> None:
    assert run("G49X5") == []


def test_the_spindle_acts_on_what_changes() -> None:
    assert run("S30", "M3", "M3S30", "S60", "M4", "M5", "S10", "M5") == [
        Spindle(True, 30.0),
        Spindle(True, 60.0),
        Spindle(True, 60.0),
        Spindle(False, 60.0),
    ]
    assert run("M3S30G4P.15G0X1") == [Spindle(True, 30.0), Dwell(0.15), Move((1.0, 0.0, 0.0), True, 0.0)]


def test_stops_and_ends() -> None:
    assert run("M0", "M1", "G4P2", "M8", "M8", "M9") == [Pause(), Dwell(2.0), Dwell(0.0), Dwell(0.0)]
    assert run("M3S5", "G0X1M2") == [
        Spindle(True, 5.0),
        Move((1.0, 0.0, 0.0), True, 0.0),
        Spindle(False, 5.0),
        End(),
    ]
    assert run("M30") == [End()]


@pytest.mark.parametrize(
    ("line", "centre", "turn"),
    [
        ("G2X10Y-10I0J-10", (0.0, -10.0), math.pi / 2),
        ("G2X10Y-10R10", (0.0, -10.0), math.pi / 2),
        ("G2X10Y-10R-10", (10.0, 0.0), math.pi * 3 / 2),
        ("G3X10Y-10R10", (10.0, 0.0), math.pi / 2),
        ("G3X10Y-10R-10", (0.0, -10.0), math.pi * 3 / 2),
        ("G3X10Y-10I0J-10", (0.0, -10.0), math.pi * 3 / 2),
        ("G2X0I5", (5.0, 0.0), math.pi * 2),
        ("G3X0I5", (5.0, 0.0), math.pi * 2),
        ("G91G3Y10J5", (0.0, 5.0), math.pi),
    ],
)
def test_arcs_stay_on_their_circle(line: str, centre: tuple[float, float], turn: float) -> None:
    radius = math.hypot(*centre)
    path = [(0.0, 0.0), *((x, y) for x, y, _ in targets(f"{line}F100"))]
    for (ax, ay), (bx, by) in pairwise(path):
        assert math.dist((ax, ay), centre) == pytest.approx(radius)
        middle = math.dist(((ax + bx) / 2, (ay + by) / 2), centre)
        assert radius - middle <= ARC_TOLERANCE * 1.05  # GRBL rounds the number of chords down
    length = sum(math.dist(a, b) for a, b in pairwise(path))
    assert length == pytest.approx(radius * turn, rel=1e-3)


def test_a_helix_climbs_evenly_and_an_inch_arc_scales() -> None:
    path = targets("G20", "G2X1Y-1Z.5J-1F1")
    assert path[-1] == (25.4, -25.4, 12.7)
    assert path[len(path) // 2 - 1][2] == pytest.approx(12.7 * (len(path) // 2) / len(path))


def test_a_tiny_arc_is_one_line() -> None:
    assert targets("G2X.0005Y.0005J.0005F1") == [(0.0005, 0.0005, 0.0)]


@given(st.floats(-100, 100), st.floats(-100, 100), st.floats(0.05, 200), st.floats(0.01, 6.28), st.booleans())
def test_any_arc_ends_where_it_should(x: float, y: float, radius: float, angle: float, clockwise: bool) -> None:
    interpreter = GrblInterpreter((x, y, 0.0))
    cx = x - radius
    end_x = cx + radius * math.cos(angle)
    end_y = y + radius * math.sin(-angle if clockwise else angle)
    command = "G2" if clockwise else "G3"
    actions = interpreter.execute(f"{command}X{end_x:.9f}Y{end_y:.9f}I{-radius:.9f}F100")
    points = [(x, y), *(action.target[:2] for action in actions if isinstance(action, Move))]
    assert interpreter.position == pytest.approx((end_x, end_y, 0.0), abs=1e-8)
    length = sum(math.dist(a, b) for a, b in pairwise(points))
    assert length == pytest.approx(radius * angle, rel=0.05, abs=0.02)


@given(st.lists(st.text(alphabet="GMXYZIJRFSPNT0123459.-+ ();", max_size=24) | st.text(max_size=12), max_size=4))
def test_any_text_is_executed_or_refused_whole(lines: list[str]) -> None:
    interpreter = GrblInterpreter()
    for line in lines:
        before = dict(vars(interpreter))
        try:
            interpreter.execute(line)
        except GcodeError as error:
            assert 1 <= error.code <= 38
            assert vars(interpreter) == before
        assert all(math.isfinite(value) for value in interpreter.position)
