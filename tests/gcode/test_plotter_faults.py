"""The driver among faults: each ends in one sentence, and with the pen up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from gcode.board import Timing
from gcode.plotter import Plotter
from gcode.program import Block, Program
from gcode.transport import PlotterError, open_port
from gcode.virtual.machine import VirtualPlotter
from gcode.writing import write_program
from tests.gcode.driving import (
    LONG,
    PEN_UP,
    PROFILE,
    QUICK,
    Z_PROFILE,
    drawn,
    one_sentence,
    plotting,
    scribble,
    tamper,
    when,
)

# ---- faults ----


def test_a_refused_line_is_named() -> None:
    program = write_program(scribble(9), PROFILE)
    number, bad = next((n, b.text) for n, b in enumerate(program.blocks, 1) if b.stroke == 4 and b.text[0] == "X")
    with plotting() as (machine, plotter):
        tamper(machine, lambda data: data.replace(f"{bad}\n".encode(), f"Q{bad[1:]}\n".encode()))
        with pytest.raises(PlotterError) as error:
            plotter.plot(program)
        assert not machine.pen_down
        assert machine.lines_received[-1] == PEN_UP
    text = one_sentence(error)
    assert f"refused line {number} of the program, '{bad}', with error:20 (unsupported word)" in text
    assert "4 of 9 strokes are drawn and the pen is up" in text


def test_a_reset_in_mid_job() -> None:
    with plotting() as (machine, plotter):
        with pytest.raises(PlotterError, match="board was reset in the middle of the job") as error:
            plotter.plot(write_program(scribble(30), PROFILE), when(drawn(3), machine.press_reset))
        assert machine.lines_received[-1] == PEN_UP
        assert not machine.pen_down
    assert one_sentence(error).endswith("of 30 strokes are drawn and the pen is up.")


def test_a_reset_lifts_a_z_pen_from_where_it_is() -> None:
    lines = [np.array([[10.0, 10.0], [280.0, 10.0]])]
    with plotting(Z_PROFILE, speed=20.0) as (machine, plotter):
        amid = when(lambda _: machine.pen_down and machine.moving, machine.press_reset)
        with pytest.raises(PlotterError, match="reset in the middle"):
            plotter.plot(write_program(lines, Z_PROFILE), amid)
        assert not machine.pen_down
        assert machine.position[2] == pytest.approx(Z_PROFILE.pen.up - Z_PROFILE.pen.down)


def test_unplugged_in_mid_job() -> None:
    unplugged = pytest.raises(PlotterError, match="was unplugged; check the cable")
    with plotting() as (machine, plotter), unplugged as error:
        plotter.plot(write_program(scribble(9), PROFILE), when(drawn(3), machine.unplug))
    assert "could not be lifted" in one_sentence(error)


def test_a_machine_that_falls_silent() -> None:
    with plotting() as (machine, plotter):
        cut = when(drawn(3), lambda: tamper(machine, lambda _: b""))
        with pytest.raises(PlotterError, match=r"has not answered for 0\.5 s") as error:
            plotter.plot(write_program(scribble(30), PROFILE), cut)
    assert "could not be lifted" in one_sentence(error)


def test_a_machine_that_says_it_runs_and_does_not() -> None:
    with plotting(speed=20.0) as (machine, plotter):

        def jam() -> None:
            machine.grbl.advance = lambda seconds: None  # type: ignore[method-assign]

        amid = when(lambda _: machine.pen_down and 50.0 < machine.position[0] < 300.0, jam)
        with pytest.raises(PlotterError, match=r"says that it runs, and has not moved for 0\.5 s") as error:
            plotter.plot(write_program(LONG, PROFILE), amid)
    one_sentence(error)


def test_a_lost_line_is_noticed() -> None:
    program = write_program(scribble(9), PROFILE)
    lost = next(block.text for block in program.blocks if block.stroke == 4 and block.text[0] == "X")
    with plotting() as (machine, plotter):
        tamper(machine, lambda data: data.replace(f"{lost}\n".encode(), b""))
        with pytest.raises(PlotterError, match="has lost a line of what was sent; try a better cable") as error:
            plotter.plot(program)
        assert machine.lines_received[-1] == PEN_UP
    one_sentence(error)


def test_a_long_dwell_is_no_stall() -> None:
    with plotting(speed=10.0) as (_, plotter):
        assert plotter.plot(Program((Block("G4P10", None),))).finished


def test_an_alarm_in_mid_job() -> None:
    with plotting() as (machine, plotter):
        machine.firmware.settings |= {20: 1, 22: 1}
        meant = [*scribble(3), np.array([[10.0, 10.0], [800.0, 10.0]])]
        machine.firmware.profile = Z_PROFILE  # A3: the paper in the machine is smaller than the one in the job
        with pytest.raises(PlotterError, match=r"ALARM:2 \(target outside the soft limits\)") as error:
            plotter.plot(write_program(meant, PROFILE))
        assert not machine.pen_down
        assert machine.lines_received[-2:] == ["$X", PEN_UP]
    assert "3 of 4 strokes are drawn and the pen is up" in one_sentence(error)


def test_a_locked_machine_stays_locked() -> None:
    with plotting() as (machine, plotter):
        machine.firmware._alarm = True
        with pytest.raises(PlotterError, match=r"locked by an alarm: plot with --home") as error:
            plotter.plot(write_program(scribble(1), PROFILE))
        assert "$X" not in machine.lines_received
    one_sentence(error)


def test_a_machine_in_check_mode_is_not_asked_to_draw() -> None:
    with plotting() as (machine, plotter):
        machine.firmware._checking = True
        with pytest.raises(PlotterError, match="not idle, it says check"):
            plotter.plot(write_program(scribble(1), PROFILE))


def test_a_program_with_a_mistake_is_not_begun() -> None:
    program = Program((Block("G21", None), Block("G10L2P1X0", None)))
    with plotting() as (machine, plotter):
        with pytest.raises(
            PlotterError, match="Nothing was drawn: line 2 of the program, 'G10L2P1X0', is wrong"
        ) as error:
            plotter.plot(program)
        assert machine.lines_received == ["$$", "$I"]
    one_sentence(error)


def test_a_second_talker_is_noticed() -> None:
    with plotting() as (machine, plotter):

        def chatter() -> None:
            machine.firmware._print("ok\r\n" * 64)

        with pytest.raises(PlotterError, match="answers more than it was asked"):
            plotter.plot(write_program(scribble(9), PROFILE), when(drawn(2), chatter))


# ---- connecting ----


def test_laser_mode_is_refused_with_a_servo_pen() -> None:
    with VirtualPlotter(PROFILE) as machine:
        with open_port(machine.port, PROFILE.baud) as port:
            said = b""
            while b"Grbl" not in said:
                said += port.read()
            port.write(b"$32=1\n")
            while b"ok" not in said:
                said += port.read()
        with pytest.raises(PlotterError, match=r"laser mode \(\$32=1\).*set \$32=0") as error:
            Plotter.connect(machine.port, PROFILE, QUICK)
        one_sentence(error)
        Plotter.connect(machine.port, Z_PROFILE, QUICK).close()


@contextmanager
def stranger(words: bytes) -> Iterator[str]:
    """Something on a socket that says its words once it is spoken to, and nothing else."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        callers: list[socket.socket] = []

        def serve() -> None:
            callers.append(server.accept()[0])
            callers[0].recv(1)
            callers[0].sendall(words)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"socket://127.0.0.1:{server.getsockname()[1]}"
        finally:
            thread.join()
            for caller in callers:
                caller.close()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (b"", "does not speak GRBL and says nothing"),
        (b"start\r\necho:Marlin 2.1\r\n", "does not speak GRBL but says 'echo:Marlin 2.1'"),
        (b"\xf0\x80" * 4000, "is noise; check the baud rate"),
        (b"Grbl 1.1h ['$' for help]\r\n", "does not answer"),
        (b"Grbl 1.1h ['$' for help]\r\nerror:8\r\n", r"refuses '\$\$': error:8 \(only possible while idle\)"),
        (b"Grbl 1.1h ['$' for help]\r\nGrbl 1.1h ['$' for help]\r\n", "was reset when it was sent"),
    ],
)
def test_what_is_no_plotter(words: bytes, told: str) -> None:
    timing = Timing(banner=0.2, answer=0.2)
    with stranger(words) as port, pytest.raises(PlotterError, match=told):
        Plotter.connect(port, PROFILE, timing)


def test_no_port() -> None:
    with pytest.raises(PlotterError, match="There is no port /dev/ttyNOWHERE") as error:
        Plotter.connect("/dev/ttyNOWHERE", PROFILE)
    one_sentence(error)


def test_a_board_that_does_not_restart_when_opened() -> None:
    with VirtualPlotter(PROFILE) as machine:
        reset = machine.firmware.reset
        silent = [True]

        def without_banner() -> None:
            reset()
            if silent:
                silent.clear()
                machine.firmware.take_output()

        machine.firmware.reset = without_banner  # type: ignore[method-assign]
        with Plotter.connect(machine.port, PROFILE, Timing(banner=0.3)) as plotter:
            assert plotter.plot(write_program(scribble(1), PROFILE)).finished
