"""GRBL in software against what GRBL does, byte by byte, without a port."""

from __future__ import annotations

import pytest

from gcode.motion import estimate
from gcode.program import Block, Program, parked
from gcode.virtual.firmware import Firmware
from tests.gcode.bench import PROFILE, Bench


def test_power_on() -> None:
    board = Firmware(PROFILE, parked(PROFILE))
    assert board.take_output() == b"\r\nGrbl 1.1h ['$' for help]\r\n"


# ---- the receive buffer ----


def test_a_burst_of_60_lines_loses_35_without_a_word() -> None:
    bench = Bench()
    lines = [f"G1X{10 + i}.5F3000\n" for i in range(60)]
    assert len("".join(lines)) == 780
    assert bench.burst("".join(lines).encode()) == ["ok"] * 25
    assert bench.board.lines == [line.strip() for line in lines[:25]]
    bench.run()
    assert bench.status().state == "Idle"
    assert bench.board.position[0] == 34.5


def test_a_line_cut_by_an_overrun_joins_the_next_one() -> None:
    bench = Bench()
    bench.burst("".join(f"G1X{10 + i}.5F3000\n" for i in range(60)).encode())
    assert bench("G1X99.5F3000") == ["error:24"]  # G1X35.5F300G1X99.5F3000


def test_128_bytes_fit_exactly() -> None:
    bench = Bench()
    bench.burst(b"G1F3000\n")
    bench.burst(b"".join(b"X%d\n" % x for x in range(1, 16)), seconds=0.0)  # the ring is full
    bench.burst(b"X16\n", seconds=0.0)  # read, and waiting for room
    text = b"X17Y%s1\n" % (b"0" * 54)
    assert len(text * 2) == 120
    assert bench.burst(text * 2 + b"X18Y002\n" + b"Q") == ["ok"] * 4
    assert bench.board.lines[-1] == "X18Y002"
    assert bench("") == ["ok"]  # the one byte too many is gone


@pytest.mark.parametrize(("line", "answers"), [("X1\r", 2), ("", 1), ("(comment)", 1), (" ; comment", 1)])
def test_every_line_end_earns_an_answer(line: str, answers: int) -> None:
    assert Bench()(line) == ["ok"] * answers


def test_the_line_buffer() -> None:
    bench = Bench()
    assert bench("X" + "0" * 77 + "1") == ["ok"]
    assert bench("X" + "0" * 78 + "1") == ["error:11"]
    assert bench("X 1 (" + "c" * 90 + ")") == ["ok"]


def test_realtime_bytes_take_no_room_and_may_cut_a_line() -> None:
    bench = Bench()
    said = bench.burst(b"G0X?1\x80\xff0\n")
    assert said[0].startswith("<Idle|")
    assert said[1:] == ["ok"]
    assert bench.board.lines == ["G0X10"]


# ---- motion and time ----


def test_nothing_moves_until_it_must() -> None:
    bench = Bench()
    assert bench("G1X10F3000") == ["ok"]
    assert bench.board.clock == 0.0
    assert bench.status().state == "Run"
    bench.run()
    # 50 mm/s within 2.5 mm at 500 mm/s2, and out again: 0.1 + 0.1 + 0.1 s
    assert bench.board.clock == pytest.approx(0.3)


def test_the_planner_has_15_blocks() -> None:
    bench = Bench()
    bench("$10=3")
    said = bench.burst(b"G1F3000\n" + b"".join(b"X%d\n" % x for x in range(1, 20)), seconds=0.0)
    assert said == ["ok"] * 16
    assert bench.status().blocks_free == 0
    assert bench.status().rx_free == 128 - 4 * 3  # one more has been read, and waits
    assert bench.run() == ["ok"] * 4


def test_ok_means_queued_and_a_dwell_means_drawn() -> None:
    bench = Bench()
    assert bench("G1X10F3000", seconds=0.0) == ["ok"]
    assert bench("G4P.01", seconds=0.29) == []
    assert bench.run(0.02) == []
    assert bench.run() == ["ok"]
    assert bench.board.clock == pytest.approx(0.35)  # the dwell is rounded up to 50 ms


def test_the_clock_agrees_with_the_estimate() -> None:
    lines = ["G21G90G17G94", "M3S60G4P.15", "G0X50Y20", "S30G4P.15", "G1X60F3000", "Y40", "X10Y10", "S60G4P.15"]
    program = Program(tuple(Block(line, None) for line in lines))
    bench = Bench()
    assert bench(*lines) == ["ok"] * 8
    assert bench.board.clock == pytest.approx(estimate(program, PROFILE).seconds, rel=1e-9)


def test_feed_overrides() -> None:
    bench = Bench()
    bench.burst(b"\x91\x91\x93\x94\x92\x92")
    assert bench.status().overrides is None  # WCO comes first
    assert bench.status().overrides == (100.0, 100.0, 100.0)
    bench.burst(b"\x92" * 5 + b"\x96")
    assert bench.status().overrides == (50.0, 50.0, 100.0)
    bench("G1X100F3000")
    bench.run()
    assert bench.board.clock == pytest.approx(100.0 / 25.0 + 25.0 / 500.0)
    bench.burst(b"\x90\x95")
    assert bench.status().overrides == (100.0, 100.0, 100.0)
    bench.burst(b"\x92" * 20)
    assert bench.status().overrides == (10.0, 100.0, 100.0)
    bench.burst(b"\x91" * 40 + b"\x97")
    assert bench.status().overrides == (200.0, 25.0, 100.0)


# ---- $ ----


def test_settings_in_one_burst_make_it_deaf() -> None:
    """The table of the protocol's facts: five lines of 57 bytes, one ok, 38 bytes lost, then an error:2."""
    burst = b"$120=600.000\n$121=600.000\n$110=9000.00\n$111=9000.0\n$10=3\n"
    assert len(burst) == 57
    bench = Bench()
    assert bench.burst(burst) == ["ok"]
    assert bench("$I") == ["error:2"]
    (_, glued) = bench.board.lines
    assert 57 - 13 - len(glued.removesuffix("$I")) == 38
    assert bench("$110=9000", "$111=9000", "$10=3") == ["ok"] * 3


@pytest.mark.parametrize("pieces", [1, 7, 57])
def test_deafness_is_the_same_however_the_bytes_are_handed_over(pieces: int) -> None:
    bench = Bench()
    burst = b"$120=600.000\n$121=600.000\n$110=9000.00\n$111=9000.0\n$10=3\n"
    step = -(-len(burst) // pieces)
    for start in range(0, len(burst), step):
        piece = burst[start : start + step]
        bench.burst(piece, len(piece) / 11520.0)
    bench.burst(b"", 1.0)
    assert bench("$I")[-1] == "error:2"
    assert len(bench.board.lines[-1]) == 8


def test_settings_go_back_to_what_the_board_came_with() -> None:
    bench = Bench()
    bench("$110=600")
    assert bench("$RST=$") == ["[MSG:Restoring defaults]", "ok", "Grbl 1.1h ['$' for help]"]
    assert "$110=8000.000" in bench("$$")


@pytest.mark.parametrize(
    ("line", "code"), [("$1", 3), ("$1=", 2), ("$1=x", 2), ("$1=-1", 4), ("$1=1x", 3), ("$300=1", 3), ("$1x=1", 3)]
)
def test_settings_that_cannot_be(line: str, code: int) -> None:
    assert Bench()(line) == [f"error:{code}"]


def test_what_may_be_asked_while_it_runs() -> None:
    bench = Bench()
    assert bench("$I") == ["[VER:1.1h.20190830:]", "[OPT:V,15,128]", "ok"]
    assert "$110=8000.000" in bench("$$")
    assert bench("$#")[0] == "[G54:0.000,0.000,0.000]"
    assert bench("$N") == ["$N0=", "$N1=", "ok"]
    assert bench("$")[-1] == "ok"
    bench("G1X10F600")
    assert bench("$I", "$$", "$10=3", "$C") == ["error:8"] * 4
    assert bench("$G")[-1] == "ok"
    assert bench("$Q", "$999=1") == ["error:3", "error:8"]
    bench.run()
    assert bench("$999=1") == ["error:3"]


def test_settings_change_the_motion() -> None:
    bench = Bench()
    assert bench("$110=600", "G0X10", "G4P0") == ["ok"] * 3
    assert bench.board.clock == pytest.approx(10.0 / 10.0 + 10.0 / 500.0)


def test_status_fields_follow_10_and_g92() -> None:
    bench = Bench()
    bench("$10=2", "G0X5", "G4P0", "G92X0")
    status = bench.status()
    assert (status.wpos, status.wco, status.mpos) == ((0.0, 0.0, 0.0), (5.0, 0.0, 0.0), None)
    assert (status.blocks_free, status.rx_free) == (15, 128)
    bench("G92X1")
    assert bench.status().wco == (4.0, 0.0, 0.0)
    assert [bench.status().wco is not None for _ in range(20)].count(True) == 2


def test_check_mode_moves_nothing_and_leaves_with_a_reset() -> None:
    bench = Bench()
    assert bench("$C") == ["[MSG:Enabled]", "ok"]
    assert bench.status().state == "Check"
    assert bench("G1X10F600", "G4P9", "M3S30", "Q1", "M0") == ["ok", "ok", "ok", "error:20", "ok"]
    assert bench("$C") == ["[MSG:Disabled]", "ok", "Grbl 1.1h ['$' for help]"]
    assert bench.board.position[0] == 0.0
    assert bench.board.clock == 0.0
    assert bench("G0X1") == ["ok"]


def test_jog() -> None:
    bench = Bench()
    assert bench("$J=G91X10F3000") == ["ok"]
    assert bench.status().state == "Jog"
    assert bench("G0X1", "$J=G91X10F3000") == ["error:9", "ok"]
    bench.run()
    assert bench.board.position[0] == 20.0
    assert bench("$G")[0].startswith("[GC:G0 G54 G17 G21 G90")
    assert bench("$J=X1", "$J=F100", "$J=G2X1F100") == ["error:22", "error:26", "error:16"]
    assert bench("$22=1", "$20=1", "$J=X900F100") == ["ok", "ok", "error:15"]
    bench("G1X21F600")
    assert bench("$J=X1F100") == ["error:8"]


def test_a_cancelled_jog_stops_and_is_forgotten() -> None:
    bench = Bench()
    bench("$J=X100F3000", "$J=X200F3000")
    bench.run(0.5)
    bench.burst(b"\x85")
    assert bench.status().state == "Idle"
    assert bench.board.position[0] == pytest.approx(25.0, abs=1 / 80)
    assert bench("G91", "G0X1", "G4P0") == ["ok"] * 3
    assert bench.board.position[0] == pytest.approx(26.0, abs=1 / 40)
    bench.burst(b"\x85")  # acts in a jog only
    assert bench.status().state == "Idle"


# ---- the pen ----


def test_a_servo_pen_draws_between_its_s_values() -> None:
    bench = Bench()
    bench("M3S60", "G0X10", "S30", "G1X20F3000", "X20Y5", "S60", "G0X30", "S30", "S60", "G0X0", "G4P0")
    assert bench.board.paper.strokes == [[(10.0, 0.0), (20.0, 0.0), (20.0, 5.0)], [(30.0, 5.0)]]
    assert bench.board.paper.travel == pytest.approx(50.0)


def test_a_z_pen_draws_below_the_middle_of_its_way() -> None:
    bench = Bench(z_pen=True)
    bench("G0X10", "G1Z-3F500", "X20", "G0Z0", "X40", "G1Z-3", "G0Z0", "G4P0")
    assert bench.board.paper.strokes == [[(10.0, 0.0), (20.0, 0.0)], [(40.0, 0.0)]]
    assert bench.board.paper.travel == pytest.approx(30.0)


def test_a_z_pen_that_comes_down_on_the_way_draws_from_where_it_touches() -> None:
    bench = Bench(z_pen=True)
    bench("G1X10Z-3F2000", "X20", "X30Z0", "G4P0")
    assert bench.board.paper.strokes == [[(5.0, 0.0), (10.0, 0.0), (20.0, 0.0), (25.0, 0.0)]]
    assert bench.board.paper.travel == pytest.approx(10.0)
