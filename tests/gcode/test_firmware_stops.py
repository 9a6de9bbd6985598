"""GRBL in software: hold, reset, door, alarms, homing."""

from __future__ import annotations

import math

import pytest

from tests.gcode.bench import Bench


def test_in_a_hold_nothing_is_parsed() -> None:
    bench = Bench()
    bench("G1X100F3000", seconds=0.0)
    bench.run(0.5)
    bench.burst(b"!", 0.05)
    status = bench.status()
    assert (status.state, status.substate) == ("Hold", 1)
    bench.burst(b"")
    status = bench.status()
    assert (status.state, status.substate, status.feed) == ("Hold", 0, 0.0)
    assert bench("G0X0", "G4P1", "$G") == []
    assert bench.burst(b"~")[0] == "ok"
    bench.run()
    assert bench.board.position[0] == 0.0


def test_a_reset_in_hold_keeps_the_position() -> None:
    bench = Bench()
    bench("M3S30", "G1X100F3000", seconds=0.0)
    bench.run(0.5)
    bench.burst(b"!")
    x = bench.board.position[0]
    assert bench.burst(b"\x18") == ["Grbl 1.1h ['$' for help]"]
    assert bench.board.position[0] == pytest.approx(x, abs=1 / 160)
    assert bench.board.paper.strokes == [[(0.0, 0.0), (pytest.approx(x), 0.0)]]
    assert bench("$G")[0] == "[GC:G0 G54 G17 G21 G90 G94 M5 M9 T0 F0 S0]"
    assert bench("G91", "G1X1F100", "G4P0") == ["ok"] * 3
    assert bench.board.position[0] == pytest.approx(x + 1.0, abs=1 / 80)


def test_a_reset_in_motion_is_an_alarm_and_locks() -> None:
    bench = Bench()
    bench("G1X100F3000", seconds=0.0)
    bench.run(0.5)
    assert bench.burst(b"\x18") == ["ALARM:3", "Grbl 1.1h ['$' for help]", "[MSG:'$H'|'$X' to unlock]"]
    assert bench.status().state == "Alarm"
    assert bench("G0X1", "$J=X1F100", "$$")[:2] == ["error:9", "error:8"]
    bench.burst(b"!")
    assert bench.status().state == "Alarm"
    assert bench("$X", "G0X1") == ["[MSG:Caution: Unlocked]", "ok", "ok"]


def test_m0_waits_for_the_operator() -> None:
    bench = Bench()
    assert bench("G1X1F600", "M0", "G1X2") == ["ok"]
    assert bench.status().state == "Hold"
    assert bench.burst(b"~") == ["ok", "ok"]


def test_the_program_end() -> None:
    bench = Bench()
    assert bench("M3S30", "G91", "M30") == ["ok", "ok", "[MSG:Pgm End]", "ok"]
    assert not bench.board.paper.down


def test_soft_limits_stop_before_the_line_and_fall_silent() -> None:
    bench = Bench()
    assert bench("$20=1", "$22=1", "$20=1") == ["error:10", "ok", "ok"]
    assert bench("M3S30", "G1X10F3000", "G1X900") == ["ok", "ok", "ALARM:2", "[MSG:Reset to continue]"]
    assert bench.burst(b"?G0X0\n$X\n") == []
    assert bench.burst(b"\x18") == ["Grbl 1.1h ['$' for help]", "[MSG:'$H'|'$X' to unlock]"]
    assert bench.board.paper.strokes == [[(0.0, 0.0)]]
    assert bench("$22=0", "$$")[1:].count("$20=0") == 1


def test_a_soft_limit_in_motion_slows_down_first() -> None:
    bench = Bench()
    bench("$22=1", "$20=1")
    bench("G1X100F3000", seconds=0.0)
    bench.run(0.5)
    assert bench("G1X900")[0] == "ALARM:2"
    assert 22.0 < bench.board.position[0] < 26.0  # 22.5 mm in 0.5 s, and 2.5 mm to stop


def test_the_reset_button_loses_the_zero_but_not_the_sheet() -> None:
    bench = Bench()
    bench("G0X30Y40", "G4P0")
    bench.board.power_cycle()
    assert bench.said() == ["Grbl 1.1h ['$' for help]"]
    assert bench.board.position == (0.0, 0.0, 0.0)
    bench("M3S30", "G1X10F3000", "G4P0")
    assert bench.board.paper.strokes == [[(30.0, 40.0), (40.0, 40.0)]]


def test_homing_finds_the_zero_again() -> None:
    bench = Bench()
    assert bench("$H") == ["error:5"]
    bench("$22=1", "G0X30Y40", "G4P0")
    bench.board.power_cycle()
    assert bench.said()[-1] == "[MSG:'$H'|'$X' to unlock]"
    assert bench("G0X1", "$H", "G0X1") == ["error:9", "ok", "ok"]
    bench.run()
    assert bench.board.position == (1.0, 0.0, 0.0)
    bench("M3S30")
    assert bench.board.paper.strokes == [[(1.0, 0.0)]]
    assert bench("G1X5F600", "$H") == ["ok", "error:8"]


def test_homing_can_be_cut_short() -> None:
    bench = Bench()
    bench("$22=1", "G0X30Y40", "G4P0")
    assert bench("$H", seconds=0.1) == []
    assert bench.status().state == "Home"
    assert bench.burst(b"\x18")[0] == "ALARM:3"


def test_a_door_takes_the_pen_and_gives_it_back() -> None:
    bench = Bench()
    bench("M3S30", "G1X100F3000", seconds=0.0)
    bench.run(0.5)
    bench.board.open_door()
    assert bench.said() == ["[MSG:Check Door]"]
    assert (bench.status().state, bench.status().substate) == ("Door", 2)
    assert bench.board.paper.down
    assert bench.run() == []
    assert bench.status().substate == 1
    assert not bench.board.paper.down
    assert bench.burst(b"~G0X0\n") == []
    bench.board.close_door()
    assert bench.status().substate == 0
    x, before = bench.board.position[0], bench.board.clock
    assert bench.burst(b"~", seconds=3.0) == []
    assert bench.status().substate == 3
    assert bench.board.paper.down
    assert bench.run(1.01) == ["ok"]
    assert bench.board.position[0] < x + 1.0
    bench.run()
    rest = math.sqrt(50.0**2 + 2 * 0)  # mm/s
    assert bench.board.clock - before == pytest.approx(4.0 + (100.0 - x) / rest + 0.1 + 100.0 / (8000 / 60) + 8 / 30)
    first, second = bench.board.paper.strokes
    assert first == [(0.0, 0.0), (pytest.approx(x), 0.0)]
    assert second[:2] == [(pytest.approx(x), 0.0), (100.0, 0.0)]


def test_the_door_byte_needs_no_door() -> None:
    bench = Bench()
    assert bench.burst(b"\x84") == ["[MSG:Check Door]"]
    assert (bench.status().state, bench.status().substate) == ("Door", 0)
    assert bench("G0X1") == []
    assert bench.burst(b"~") == ["ok"]


def test_a_hard_limit_stops_at_once_and_falls_silent() -> None:
    bench = Bench()
    bench("M3S30", "G1X100F3000", seconds=0.0)
    bench.run(0.5)
    x = bench.board.position[0]
    bench.board.hit_limit()
    assert bench.said() == ["ALARM:1", "[MSG:Reset to continue]"]
    assert bench.burst(b"?G0X0\n~!$X\n") == []
    assert bench.board.position[0] == pytest.approx(x, abs=1 / 160)
    assert not bench.board.paper.down
    assert bench.burst(b"\x18") == ["Grbl 1.1h ['$' for help]", "[MSG:'$H'|'$X' to unlock]"]
    assert bench("G0X1", "$X", "G0X1") == ["error:9", "[MSG:Caution: Unlocked]", "ok", "ok"]


def test_the_spindle_can_be_stopped_in_a_hold() -> None:
    bench = Bench()
    bench("M3S30", "G1X100F3000", seconds=0.0)
    bench.run(0.5)
    bench.burst(b"\x9e")
    assert bench.board.paper.down
    bench.burst(b"!")
    bench.burst(b"\x9e")
    assert not bench.board.paper.down
    assert bench.burst(b"\x9e") == ["[MSG:Restoring spindle]"]
    assert bench.board.paper.down
    bench.burst(b"\x9e")
    assert bench.burst(b"~") == ["[MSG:Restoring spindle]"]
    bench.run()
    assert bench.board.paper.strokes[-1][-1] == (100.0, 0.0)
