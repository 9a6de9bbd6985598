"""Marlin in software against what Marlin does, byte by byte, without a port."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcode.marlin.interpreter import checksum
from gcode.marlin.replies import RX_BUFFER
from gcode.motion import FIRST_MOVE_SECONDS, estimate
from gcode.profile import load_profile
from gcode.program import Block, Program, parked
from gcode.virtual.board import Board
from gcode.virtual.marlin import CLEANING_SECONDS, MarlinFirmware

PROFILE = load_profile("marlin-servo")
Z_PROFILE = load_profile("marlin-z")


def numbered(number: int, text: str) -> str:
    line = f"N{number} {text}"
    return f"{line}*{checksum(line)}"


class Bench:
    """A board on the bench: lines in, lines out, time on request."""

    def __init__(self, z_pen: bool = False) -> None:
        profile = Z_PROFILE if z_pen else PROFILE
        self.board = MarlinFirmware(profile, parked(profile))
        self.said()

    def said(self) -> list[str]:
        return self.board.take_output().decode().splitlines()

    def burst(self, data: bytes, seconds: float = math.inf) -> list[str]:
        """All the bytes at once, then time."""
        self.board.receive(data)
        self.board.advance(seconds)
        return self.said()

    def __call__(self, *lines: str, seconds: float = math.inf) -> list[str]:
        """Line by line, each with its time."""
        return [reply for line in lines for reply in self.burst(f"{line}\n".encode(), seconds)]

    def answers(self, *lines: str) -> list[str]:
        """The same without `busy:`."""
        return [reply for reply in self(*lines) if reply != "echo:busy: processing"]

    def run(self, seconds: float = math.inf) -> list[str]:
        """The sender is quiet: what is queued runs."""
        self.board.drain()
        self.board.advance(seconds)
        return self.said()

    def fill(self) -> None:
        """15 moves of 10 mm in the planner, 4 commands in the queue and an empty buffer."""
        for x in range(1, 20):
            self.burst(f"G1 X{10 * x} F3000\n".encode(), seconds=0.0)


def test_it_is_a_board() -> None:
    board: Board = MarlinFirmware(PROFILE, parked(PROFILE))
    assert board.state == "Idle"


def test_power_on() -> None:
    said = MarlinFirmware(PROFILE, parked(PROFILE)).take_output().decode().split("\n")
    assert said[:2] == ["start", "echo:Marlin 2.1.2.4"]
    assert "echo:; Steps per unit:" in said
    assert "echo:  M92 X80.00 Y80.00 Z400.00" in said


# ---- buffers ----


def test_a_burst_overruns_without_a_word() -> None:
    bench = Bench()
    lines = [f"G1 X{10 + i}.5 F3000\n" for i in range(80)]
    said = bench.burst("".join(lines).encode())
    assert said == ["ok"] * len(said)
    taken = len(said)
    assert taken < 80
    assert bench.board.lines == [f"G1X{10 + i}.5F3000" for i in range(taken)]
    # 15 in the planner, 4 commands, and what fits the buffer
    assert taken == 15 + 4 + RX_BUFFER // len(lines[0])


def test_ok_comes_once_there_is_room_in_the_planner() -> None:
    bench = Bench()
    assert bench(*[f"G1 X{10 * x} F3000" for x in range(1, 16)], seconds=0.0) == ["ok"] * 15
    assert bench("G1 X160", "G1 X170", "G1 X180", "G1 X190", seconds=0.0) == []
    assert bench.board.lines[-1] == "G1X190F3000" or bench.board.lines[-1] == "G1X190"
    bench.burst(b"G1 X200\n", seconds=0.0)
    assert bench.board.lines[-1] == "G1X190"  # the queue is full: the fifth stays in the buffer
    assert bench.run().count("ok") == 5
    assert bench.board.position[0] == 200.0


def test_nothing_but_a_line_is_answered() -> None:
    bench = Bench()
    assert bench("", " ; a comment", "\r", "   ") == []
    assert bench("M400 ; a comment") == ["ok"]


def test_what_it_does_not_know_it_says_and_goes_on() -> None:
    bench = Bench()
    assert bench("X10 Y10", numbered(1, "G5 X1"), "M9999", "g1 X5", "G2 X10 F3000") == [
        'echo:Unknown command: "X10 Y10"',
        "ok",
        'echo:Unknown command: "G5 X1"',
        "ok",
        'echo:Unknown command: "M9999"',
        "ok",
        'echo:Unknown command: "g1 X5"',
        "ok",
        "Error:an arc needs I or J, or R with an end elsewhere than its start",
        "ok",
    ]
    bench.run()
    assert bench.board.position == (0.0, 0.0, 0.0)


# ---- numbers and checksums ----


def test_numbered_lines_in_order_are_taken() -> None:
    bench = Bench()
    assert bench(numbered(1, "G1 X10 F3000"), numbered(2, "M400")) == ["ok", "ok"]
    assert bench.board.lines == ["G1X10F3000", "M400"]


@pytest.mark.parametrize(
    ("line", "trouble"),
    [
        (numbered(7, "G1 X20"), "Line Number is not Last Line Number+1, Last Line: 5"),
        (numbered(5, "G1 X20"), "Line Number is not Last Line Number+1, Last Line: 5"),
        (numbered(6, "G1 X20").replace("X20", "X29"), "checksum mismatch, Last Line: 5"),
        (numbered(6, "G1 X20") + numbered(7, "G1 X30"), "checksum mismatch, Last Line: 5"),
        ("N6 G1 X20", "No Checksum with line number, Last Line: 5"),
        ("N G1 X20*3", "Line Number is not Last Line Number+1, Last Line: 5"),
    ],
)
def test_a_damaged_line_is_asked_for_again_and_the_buffer_is_emptied(line: str, trouble: str) -> None:
    bench = Bench()
    assert bench(numbered(0, "M110 N5")) == ["ok"]
    assert bench.burst(f"{line}\nG1 X99\nG1 X9".encode()) == [f"Error:{trouble}", "Resend: 6", "ok"]
    assert bench(numbered(6, "G1 X20 F3000"), "M400") == ["ok", "ok"]
    assert bench.board.position[0] == 20.0
    assert bench.board.lines == ["M110N5", "G1X20F3000", "M400"]


def test_a_line_that_has_lost_its_number_is_executed_as_it_is() -> None:
    bench = Bench()
    assert bench(numbered(1, "G1 X20 F3000").removeprefix("N1 "), "M400") == ["ok", "ok"]
    assert bench.board.position[0] == 20.0


def test_a_line_is_cut_at_95_bytes() -> None:
    bench = Bench()
    assert bench("G1 X10 F3000 " + " " * 82 + "Y50", "M400") == ["ok", "ok"]
    assert bench.board.position == (10.0, 0.0, 0.0)


# ---- motion and time ----


def test_nothing_moves_until_it_must() -> None:
    bench = Bench()
    assert bench("G1 X10 F3000") == ["ok"]
    assert bench.board.clock == 0.0
    assert bench.board.state == "Run"
    bench.run()
    # 50 mm/s within 2.5 mm at 500 mm/s2 (M204 T), and out again: 0.1 + 0.1 + 0.1 s
    assert bench.board.clock == pytest.approx(FIRST_MOVE_SECONDS + 0.3)


def test_three_moves_start_at_once() -> None:
    bench = Bench()
    bench("G1 X2 F3000", "G1 X4", "G1 X10")
    bench.run()
    assert bench.board.clock == pytest.approx(0.3)


def test_a_wait_is_exact_and_says_so_every_two_seconds() -> None:
    bench = Bench()
    assert bench("G4 P120") == ["ok"]
    assert bench.board.clock == pytest.approx(0.12)
    assert bench("G4 S5") == ["echo:busy: processing", "echo:busy: processing", "ok"]
    assert bench.board.clock == pytest.approx(5.12)
    assert bench("G1 X200 F3000", "M400")[:2] == ["ok", "echo:busy: processing"]


def test_a_move_that_waits_for_the_planner_is_busy_too() -> None:
    bench = Bench()
    bench(*["G1 X297 F600", "G1 X0"] * 8, seconds=0.0)
    assert bench.run(29.0)[:14] == ["echo:busy: processing"] * 14


def test_the_clock_agrees_with_the_estimate() -> None:
    lines = ["G21", "G90", "M400", "M280P0S60", "G4P150", "G0X50Y20F9000", "M400", "M280P0S30", "G4P200"]
    lines += ["G1X60F3000", "G1Y40", "G1X10Y10", "G1X10.4Y10.2", "M400", "M280P0S60", "G4P150"]
    program = Program(tuple(Block(line, None) for line in lines))
    bench = Bench()
    assert bench.answers(*lines) == ["ok"] * len(lines)
    assert bench.board.clock == pytest.approx(estimate(program, PROFILE).seconds, rel=1e-9)


def test_m220_scales_what_comes_after_it() -> None:
    bench = Bench()
    bench("G1 X100 F3000", "M220 S50", "G1 X200", "M400")
    assert bench.board.clock == pytest.approx(FIRST_MOVE_SECONDS + 2.0 + 4.0 + 0.1, abs=0.06)
    assert bench("M220") == ["FR:50%", "ok"]


def test_where_it_is_going_and_where_it_is() -> None:
    bench = Bench()
    bench("G1 X100 F3000", "G92 Y50")
    bench.run(FIRST_MOVE_SECONDS + 0.1)
    assert bench("M114") == ["X:100.00 Y:50.00 Z:0.00 E:0.00 Count X:200 Y:0 Z:0", "ok"]
    bench.run()
    assert bench("M114") == ["X:100.00 Y:50.00 Z:0.00 E:0.00 Count X:8000 Y:0 Z:0", "ok"]


def test_settings_change_the_motion_and_are_told() -> None:
    bench = Bench()
    assert bench("M203 X10", "M201 X100", "M204 T50", "M205 J0.05", "M92 X100") == ["ok"] * 5
    said = bench("M503")
    assert "echo:  M203 X10.00 Y150.00 Z10.00" in said
    assert "echo:  M204 P50.00 R50.00 T50.00" in said
    assert "echo:  M205 B20000.00 S0.00 T0.00 J0.05" in said
    assert "echo:  M92 X100.00 Y80.00 Z400.00" in said
    bench("G1 X10 F3000", "M400")
    assert bench.board.clock == pytest.approx(FIRST_MOVE_SECONDS + 1.0 + 0.2)
    assert bench("M114")[0].endswith("Count X:1000 Y:0 Z:0")


def test_who_it_is() -> None:
    said = Bench()("M115", "M105")
    assert said[0].startswith("FIRMWARE_NAME:Marlin 2.1.2.4 ")
    assert "Cap:EMERGENCY_PARSER:1" in said
    assert said[-1].startswith("ok T:")
    assert Bench()("M118 12 is here", "M119")[:3] == ["12 is here", "ok", "Reporting endstop status"]


# ---- homing and soft endstops ----


def test_homing_finds_the_zero_again_and_soft_endstops_clamp_without_a_word() -> None:
    bench = Bench()
    bench("G0 X30 Y40 F6000", "M400")
    bench.board.power_cycle()
    assert bench.said()[0] == "start"
    assert bench.board.position == (0.0, 0.0, 0.0)
    bench("G1 X-5 F3000", "M400")
    assert bench.board.position[0] == -5.0  # an axis that was not homed has no endstops
    assert bench("G28") == ["ok"]
    assert bench.board.position == (0.0, 0.0, 0.0)
    assert bench.answers("G1 X-5 Y20", "G1 Y999", "M400") == ["ok"] * 3
    assert bench.board.position == (0.0, 420.0, 0.0)
    assert bench("M114")[0].startswith("X:0.00 Y:420.00")
    bench("M280 P0 S30", "M211 S0", "G1 Y421", "M400")
    assert bench.board.paper.strokes == [[(0.0, 420.0), (0.0, 421.0)]]


# ---- what acts at once ----


def test_a_quick_stop_empties_the_planner_but_not_the_queue() -> None:
    bench = Bench()
    bench("M280 P0 S30", "G1 X100 F3000", "G1 X200", "M400", "G1 X20", seconds=0.0)
    bench.run(1.0)
    assert bench.burst(b"M410\n", seconds=0.0) == []
    stopped = bench.board.position[0]
    assert 40.0 < stopped < 50.0
    assert bench.board.paper.strokes == [[(0.0, 0.0), (pytest.approx(stopped, abs=0.02), 0.0)]]
    assert bench.burst(b"", seconds=CLEANING_SECONDS - 0.01) == []
    assert bench.board.position[0] == stopped
    assert bench.run() == ["ok", "ok", "ok"]  # M400, G1 X20 and M410
    bench.run()
    assert bench.board.position[0] == 20.0


def test_a_quick_stop_is_heard_when_everything_is_full() -> None:
    bench = Bench()
    bench.fill()
    bench.burst(b"X" * (2 * RX_BUFFER), seconds=0.0)
    bench.run(0.5)
    bench.burst(b"\nM410\n", seconds=0.0)
    stopped = bench.board.position[0]
    bench.run(0.5)
    assert 0.0 < bench.board.position[0] == stopped
    assert bench("M114", seconds=0.0) == []  # lost: the buffer is full


def test_after_a_quick_stop_it_knows_its_place() -> None:
    bench = Bench()
    bench("G1 X100 F3000", seconds=0.0)
    bench.run(1.0)
    bench.burst(b"M410\n")
    x = bench.board.position[0]
    said = bench("M114")[0]
    assert said == f"X:{x:.2f} Y:0.00 Z:0.00 E:0.00 Count X:{round(x * 80)} Y:0 Z:0"
    bench("G91", "G1 X10", "M400")
    assert bench.board.position[0] == pytest.approx(x + 10.0)


def test_a_pause_waits_for_m108() -> None:
    bench = Bench()
    assert bench("G1 X10 F3000", "M0 the red pen", "G1 X20") == ["ok", "echo:the red pen"]
    assert bench.board.state == "Hold"
    assert bench.run() == ["echo:busy: paused for user"]
    assert bench.board.position[0] == 10.0
    assert bench.burst(b"M108\n") == ["ok", "ok", "ok"]
    bench.run()
    assert bench.board.position[0] == 20.0


def test_killed_it_is_dead_until_a_reset() -> None:
    bench = Bench()
    bench.fill()
    bench.run(0.5)
    assert bench.burst(f"{numbered(1, 'M112')}\n".encode()) == ["Error:Printer halted. kill() called!"]
    x = bench.board.position[0]
    assert bench("M114", "M108", "M410", "M112") == []
    assert bench.run() == []
    assert (bench.board.state, bench.board.moving, bench.board.position[0]) == ("Alarm", False, x)
    bench.board.power_cycle()
    assert bench.said()[0] == "start"
    assert bench("M400") == ["ok"]


# ---- the pen ----


def test_a_servo_pen_draws() -> None:
    bench = Bench()
    bench("M280P0S60", "G0X10F9000", "M400", "M280P0S30", "G1X20F3000", "G1Y5", "M400", "M280P0S60", "G0X30")
    bench("M400", "M280P0S30", "M280P0S60", "M280P1S30", "G0X0", "M400")
    assert bench.board.paper.strokes == [[(10.0, 0.0), (20.0, 0.0), (20.0, 5.0)], [(30.0, 5.0)]]
    assert bench.board.paper.travel == pytest.approx(10.0 + 10.0 + 30.0)
    assert bench("M280 P0") == ["echo: Servo 0: 60", "ok"]


def test_the_servo_does_not_wait_for_the_motion() -> None:
    bench = Bench()
    bench("G1 X100 F3000")
    bench.run(FIRST_MOVE_SECONDS + 1.0)
    bench("M280 P0 S30", seconds=0.0)
    x = bench.board.position[0]
    bench("M400")
    assert 40.0 < x < 50.0
    assert bench.board.paper.strokes == [[(x, 0.0), (100.0, 0.0)]]
    assert bench.board.paper.travel == pytest.approx(x)


def test_a_z_pen_draws_below_the_middle_of_its_way() -> None:
    bench = Bench(z_pen=True)
    bench("G0X10F9000", "G1Z-3F500", "G1X20F3000", "G0Z0F600", "G0X40F9000", "G1Z-3F500", "G0Z0F600", "M400")
    assert bench.board.paper.strokes == [[(10.0, 0.0), (20.0, 0.0)], [(40.0, 0.0)]]


def test_a_reset_in_a_stroke_leaves_the_ink_and_loses_the_zero() -> None:
    bench = Bench()
    bench("M280P0S30", "G1 X100 F3000")
    bench.run(FIRST_MOVE_SECONDS + 1.0)
    bench.board.power_cycle()
    assert bench.board.position == (0.0, 0.0, 0.0)
    assert bench.board.paper.strokes == [[(0.0, 0.0), (pytest.approx(47.5, abs=0.02), 0.0)]]
    assert not bench.board.paper.down


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"\n", b"G1X9\n", b"M410\n", b"M0\n", b"M108\n", b"N1 "])))
def test_whatever_comes_it_lives(pieces: list[bytes]) -> None:
    bench = Bench()
    for piece in pieces:
        bench.burst(piece)
    bench.burst(b"\nM108\n")
    bench.run()
    assert all(math.isfinite(value) for value in bench.board.position)
    assert not bench.board.must_advance
