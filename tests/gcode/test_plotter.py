"""The driver on the virtual machine: what is meant is what is drawn, and every fault ends with the pen up."""

from __future__ import annotations

import _thread
import math
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gcode.motion import estimate
from gcode.plotter import Plotter, Progress, Timing
from gcode.profile import Profile, load_profile
from gcode.program import Block, Program, write_program
from gcode.transport import PlotterError, open_port
from gcode.virtual import VirtualPlotter

PROFILE = load_profile("virtual")
Z_PROFILE = load_profile("grbl-z")
QUICK = Timing(poll=0.02, banner=2.0, answer=2.0, hold=2.0, silence=0.5, idle=0.3)
PEN_UP = "M3S60.000G4P0.150"

Line = NDArray[np.float64]
pty_only = pytest.mark.skipif(not hasattr(os, "openpty"), reason="the system has no pseudo-terminals")


def scribble(strokes: int, points: int = 12, seed: int = 1) -> list[Line]:
    """Random walks about the middle of A3."""
    rng = np.random.default_rng(seed)
    return [150.0 + np.cumsum(rng.normal(0.0, 2.0, (points, 2)), axis=0) for _ in range(strokes)]


LONG = [np.array([[10.0, 10.0], [400.0, 10.0], [400.0, 200.0]]), np.array([[10.0, 100.0], [400.0, 100.0]])]


def deviation(drawn: list[Line], meant: list[Line]) -> float:
    """The largest distance in mm from a point of either to the other, stroke by stroke."""
    assert len(drawn) == len(meant)
    return max(max(_to_line(a, b), _to_line(b, a)) for a, b in zip(drawn, meant, strict=True))


def _to_line(points: Line, line: Line) -> float:
    start, end = (line, line) if len(line) == 1 else (line[:-1], line[1:])
    way = end - start
    square = np.maximum((way**2).sum(axis=1), 1e-18)
    share = np.clip(((points[:, None] - start) * way).sum(axis=2) / square, 0.0, 1.0)
    return float(np.linalg.norm(points[:, None] - (start + share[..., None] * way), axis=2).min(axis=1).max())


@contextmanager
def plotting(profile: Profile = PROFILE, speed: float = math.inf) -> Iterator[tuple[VirtualPlotter, Plotter]]:
    with VirtualPlotter(profile, speed) as machine, Plotter.connect(machine.port, profile, QUICK) as plotter:
        yield machine, plotter


def when(test: Callable[[Progress], bool], act: Callable[[], object]) -> Callable[[Progress], None]:
    """A progress callback that acts once."""
    done: list[Progress] = []

    def progress(now: Progress) -> None:
        if not done and test(now):
            done.append(now)
            act()

    return progress


def drawn(strokes: int) -> Callable[[Progress], bool]:
    return lambda now: now.strokes_drawn >= strokes


def tamper(machine: VirtualPlotter, change: Callable[[bytes], bytes]) -> None:
    """A bad cable: what arrives is not what was sent."""
    receive = machine.firmware.receive
    machine.firmware.receive = lambda data: receive(change(data))  # type: ignore[method-assign]


def one_sentence(error: pytest.ExceptionInfo[PlotterError]) -> str:
    text = str(error.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert ". " not in text
    return text


# ---- what is drawn ----


@pytest.mark.parametrize("name", ["virtual", "grbl-servo", "grbl-z"])
@pytest.mark.parametrize("link", [pytest.param("pty", marks=pty_only), "socket"])
def test_the_ink_is_what_was_meant(name: str, link: str) -> None:
    profile = load_profile(name)
    meant = [*scribble(40), np.array([[50.0, 60.0]]), np.array([[70.0, 80.0], [70.0, 80.0]]), *scribble(5, seed=2)]
    program = write_program(meant, profile)
    machine = VirtualPlotter(profile, link=link)  # type: ignore[arg-type]
    with machine, Plotter.connect(machine.port, profile, QUICK) as plotter:
        report = plotter.plot(program)
    assert deviation(machine.ink, meant) <= 0.03
    assert (report.finished, report.strokes_drawn, report.strokes) == (True, 47, 47)
    assert report.lines == len(program.blocks)
    assert [len(stroke) for stroke in machine.ink][40:42] == [1, 1]
    assert not machine.pen_down
    assert machine.position[:2] == profile.park


inside = st.tuples(st.floats(0.0, 841.0), st.floats(0.0, 594.0))


@settings(max_examples=15)
@given(st.lists(st.lists(inside, min_size=1, max_size=30), max_size=12))
def test_any_toolpath_is_drawn(points: list[list[tuple[float, float]]]) -> None:
    meant = [np.array(stroke) for stroke in points]
    with plotting() as (machine, plotter):
        report = plotter.plot(write_program(meant, PROFILE))
    assert report.strokes_drawn == len(meant)
    assert not meant or deviation(machine.ink, meant) <= 0.03


def test_a_job_of_11000_lines() -> None:
    meant = scribble(500, 20)
    program = write_program(meant, PROFILE)
    assert len(program.blocks) > 11_000
    with plotting() as (machine, plotter):
        plotter.plot(program)
    assert deviation(machine.ink, meant) <= 0.03
    assert machine.seconds == pytest.approx(estimate(program, PROFILE).seconds, rel=0.01)


def test_a_reference_page(page192: list[Line]) -> None:
    program = write_program(page192, PROFILE)
    with plotting() as (machine, plotter):
        plotter.plot(program)
    assert deviation(machine.ink, page192) <= 0.03
    assert machine.seconds == pytest.approx(estimate(program, PROFILE).seconds, rel=0.01)


def test_seconds_do_not_depend_on_the_computer() -> None:
    program = write_program(scribble(25), PROFILE)
    seconds = []

    def spin(stop: threading.Event) -> None:
        while not stop.is_set():
            sum(range(2000))

    for busy in (0, 3, 0):
        stop = threading.Event()
        spinners = [threading.Thread(target=spin, args=(stop,)) for _ in range(busy)]
        for spinner in spinners:
            spinner.start()
        try:
            with VirtualPlotter(PROFILE) as machine, Plotter.connect(machine.port, PROFILE) as plotter:
                plotter.plot(program)
        finally:
            stop.set()
            for spinner in spinners:
                spinner.join()
        seconds.append(machine.seconds)
    assert seconds[0] == seconds[1] == seconds[2]


def test_the_end_of_a_job_is_drawn_not_queued() -> None:
    program = write_program(LONG, PROFILE)
    last = program.blocks[-1].text
    seen: list[bool] = []  # whether it moved, once the last line was with the machine
    with plotting(speed=30.0) as (machine, plotter):

        def watch(_: Progress) -> None:
            if machine.lines_received[-1] == last or last in machine.firmware._rx.decode():
                seen.append(machine.moving)

        plotter.plot(program, watch)
        assert not machine.moving
        ink = machine.ink
        assert machine.position[:2] == PROFILE.park
    assert True in seen
    assert deviation(ink, LONG) <= 0.03


def test_two_jobs_on_one_connection() -> None:
    meant = scribble(4)
    with plotting() as (machine, plotter):
        for half in (meant[:2], meant[2:]):
            plotter.plot(write_program(half, PROFILE))
        assert deviation(machine.ink, meant) <= 0.03


def test_nothing_is_written_to_the_eeprom() -> None:
    with plotting() as (machine, plotter):
        plotter.plot(write_program(scribble(3), PROFILE), when(drawn(1), plotter.cancel))
        lines = machine.lines_received
    assert {line for line in lines if line.startswith("$")} == {"$$", "$I"}
    assert not [line for line in lines if "G10" in line or "G28" in line or "G30" in line]


def test_progress_counts_strokes_on_paper() -> None:
    seen: list[Progress] = []
    with plotting() as (machine, plotter):

        def progress(now: Progress) -> None:
            seen.append(now)
            finished = len(machine.ink) - machine.pen_down
            assert now.strokes_drawn <= finished

        plotter.plot(write_program(scribble(30), PROFILE), progress)
    counts = [now.strokes_drawn for now in seen]
    assert counts == sorted(counts)
    assert counts[-1] == 30
    assert len(set(counts)) > 15
    assert seen[-1].position == pytest.approx((0.0, 0.0, 0.0))


def test_progress_of_a_z_pen_knows_only_what_left_the_ring() -> None:
    with plotting(Z_PROFILE) as (machine, plotter):
        seen: list[int] = []

        def progress(now: Progress) -> None:
            seen.append(now.strokes_drawn)
            assert now.strokes_drawn <= len(machine.ink) - machine.pen_down

        plotter.plot(write_program(scribble(30), Z_PROFILE), progress)
    assert seen[-1] == 30
    assert len(set(seen)) > 10


def test_positions_in_inches_and_work_coordinates() -> None:
    where: list[tuple[float, ...] | None] = []
    with plotting() as (machine, plotter):
        machine.firmware.settings |= {10: 2, 13: 1}
        plotter.close()
        with Plotter.connect(machine.port, PROFILE, QUICK) as second:
            program = Program((Block("G0X100", None), Block("G92X20", None)))
            second.plot(program, lambda now: where.append(now.position))
    assert where[-1] == pytest.approx((100.0, 0.0, 0.0), abs=0.03)


# ---- pause, resume, cancel ----


def test_a_pause_waits_for_the_pen_to_be_up() -> None:
    meant = scribble(20)
    states: list[str] = []
    paused = threading.Event()
    with plotting() as (machine, plotter):

        def progress(now: Progress) -> None:
            states.append(now.activity)
            if now.strokes_drawn == 5 and "pausing" not in states and "paused" not in states:
                plotter.pause()
            if now.activity == "paused":
                paused.set()

        job = threading.Thread(target=plotter.plot, args=(write_program(meant, PROFILE), progress))
        job.start()
        assert paused.wait(30.0)
        assert not machine.pen_down
        assert not machine.moving
        so_far = machine.ink
        assert 5 <= len(so_far) < 20
        assert deviation(so_far, meant[: len(so_far)]) <= 0.03
        lines = machine.lines_received
        assert machine.lines_received == lines
        plotter.resume()
        job.join(30.0)
        assert not job.is_alive()
    assert deviation(machine.ink, meant) <= 0.03
    assert states[-1] == "drawing"


def test_a_paused_z_pen_is_up() -> None:
    meant = scribble(6)
    heights: list[float] = []
    with plotting(Z_PROFILE) as (machine, plotter):

        def progress(now: Progress) -> None:
            if now.activity == "paused":
                heights.append(machine.position[2])
                plotter.resume()
            elif not heights:
                plotter.pause()

        plotter.plot(write_program(meant, Z_PROFILE), progress)
    assert heights[0] == Z_PROFILE.pen.up
    assert deviation(machine.ink, meant) <= 0.03


def test_a_paused_job_can_be_cancelled() -> None:
    with plotting() as (machine, plotter):

        def progress(now: Progress) -> None:
            if now.strokes_drawn == 2:
                plotter.pause()
            if now.activity == "paused":
                plotter.cancel()

        report = plotter.plot(write_program(scribble(9), PROFILE), progress)
        assert not machine.pen_down
    assert not report.finished
    assert 2 <= report.strokes_drawn < 9


def test_m0_holds_until_resumed() -> None:
    text = ["G21G90", "G0X10", "M0", "G0X20"]
    states: list[str] = []
    with plotting() as (machine, plotter):

        def progress(now: Progress) -> None:
            states.append(now.activity)
            if now.activity == "held":
                plotter.resume()

        plotter.plot(Program(tuple(Block(line, None) for line in text)), progress)
        assert machine.position[0] == 20.0
    assert "held" in states


@pytest.mark.parametrize("profile", [PROFILE, Z_PROFILE], ids=["servo", "z"])
def test_cancel_stops_at_once_with_the_pen_up(profile: Profile) -> None:
    lines = [np.array([[10.0, 10.0], [280.0, 10.0], [280.0, 200.0]]), np.array([[10.0, 100.0], [280.0, 100.0]])]
    with plotting(profile, speed=20.0) as (machine, plotter):
        cancel = threading.Thread(target=plotter.cancel)
        amid = when(lambda _: machine.pen_down and machine.moving and machine.position[0] > 20.0, cancel.start)
        report = plotter.plot(write_program(lines, profile), amid)
        cancel.join()
        assert (report.finished, report.strokes_drawn, report.strokes) == (False, 0, 2)
        assert not machine.pen_down
        assert not machine.moving
        (stroke,) = machine.ink
        assert _to_line(stroke, lines[0]) <= 0.03  # it slowed down along its path
        x, y, z = machine.position
        assert [x, y] == pytest.approx(stroke[-1], abs=0.03)  # and stays there
        assert z == (Z_PROFILE.pen.up if profile is Z_PROFILE else 0.0)
        if profile is PROFILE:
            assert machine.lines_received[-1] == PEN_UP
        machine.firmware.paper.strokes.clear()
        plotter.plot(write_program(lines, profile))  # no alarm, no lost position
        assert deviation(machine.ink, lines) <= 0.03


def test_cancel_without_a_job_does_nothing() -> None:
    with plotting() as (machine, plotter):
        plotter.cancel()
        plotter.plot(write_program(scribble(1), PROFILE))
        assert len(machine.ink) == 1


def test_buttons_pressed_while_it_stops_do_not_disturb(monkeypatch: pytest.MonkeyPatch) -> None:
    with plotting() as (machine, plotter):
        lift = plotter._stop_and_lift

        def pressed() -> bool:
            plotter.cancel()
            plotter.resume()
            return lift()

        monkeypatch.setattr(plotter, "_stop_and_lift", pressed)
        plotter.plot(write_program(scribble(9), PROFILE), when(drawn(2), plotter.cancel))
        assert machine.lines_received[-1] == PEN_UP
        assert not machine.pen_down


def test_cancel_at_the_last_moment_leaves_no_hold() -> None:
    with plotting() as (machine, plotter):
        meant = scribble(3)
        over = when(lambda now: now.strokes_drawn == 3 and not machine.moving, plotter.cancel)
        assert plotter.plot(write_program(meant, PROFILE), over).strokes_drawn == 3
        assert machine.firmware.state == "Idle"


def test_ctrl_c_leaves_the_pen_up() -> None:
    with plotting(speed=20.0) as (machine, plotter):
        interrupt = threading.Thread(target=_thread.interrupt_main)
        amid = when(lambda _: machine.pen_down and machine.moving, interrupt.start)
        with pytest.raises(KeyboardInterrupt):
            plotter.plot(write_program(LONG, PROFILE), amid)
        assert not machine.pen_down
        assert not machine.moving
        assert machine.lines_received[-1] == PEN_UP


def test_a_second_ctrl_c_is_made_good_at_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    with VirtualPlotter(PROFILE, 20.0) as machine:
        with pytest.raises(KeyboardInterrupt), Plotter.connect(machine.port, PROFILE, QUICK) as plotter:

            def interrupted() -> bool:
                monkeypatch.undo()
                raise KeyboardInterrupt

            monkeypatch.setattr(plotter, "_stop_and_lift", interrupted)
            interrupt = threading.Thread(target=_thread.interrupt_main)
            amid = when(lambda _: machine.pen_down and machine.moving, interrupt.start)
            plotter.plot(write_program(LONG, PROFILE), amid)
        assert not machine.pen_down
        assert machine.lines_received[-1] == PEN_UP


def test_an_error_of_the_callers_own_leaves_the_pen_up() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with plotting() as (machine, plotter):
        with pytest.raises(ZeroDivisionError):
            plotter.plot(write_program(scribble(9), PROFILE), when(drawn(3), fail))
        assert machine.lines_received[-1] == PEN_UP


# ---- faults ----


def test_a_refused_line_is_named() -> None:
    program = write_program(scribble(9), PROFILE)
    number, bad = next((n, b.text) for n, b in enumerate(program.blocks, 1) if b.stroke == 4 and b.text[0] == "X")
    with plotting() as (machine, plotter):
        tamper(machine, lambda data: data.replace(f"\n{bad}\n".encode(), f"\nQ{bad[1:]}\n".encode()))
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


def test_a_lost_line_is_noticed() -> None:
    program = write_program(scribble(9), PROFILE)
    lost = next(block.text for block in program.blocks if block.stroke == 4 and block.text[0] == "X")
    with plotting() as (machine, plotter):
        tamper(machine, lambda data: data.replace(f"\n{lost}\n".encode(), b"\n"))
        with pytest.raises(PlotterError, match="stands still and has lost part of what was sent") as error:
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
        with pytest.raises(PlotterError, match=r"locked by an alarm; home it \(\$H\) or unlock it") as error:
            plotter.plot(write_program(scribble(1), PROFILE))
        assert "$X" not in machine.lines_received
    one_sentence(error)


def test_a_machine_in_check_mode_is_not_asked_to_draw() -> None:
    with plotting() as (machine, plotter):
        machine.firmware._checking = True
        with pytest.raises(PlotterError, match="not idle, it says Check"):
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
