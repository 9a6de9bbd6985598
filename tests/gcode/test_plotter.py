"""The driver on the virtual machine: what is meant is what is drawn, also when it is paused or cancelled."""

from __future__ import annotations

import _thread
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcode.motion import estimate
from gcode.plotter import Plotter
from gcode.profile import Profile, load_profile
from gcode.program import Block, Program
from gcode.session import Progress
from gcode.virtual.machine import VirtualPlotter
from gcode.writing import write_program
from tests.gcode.driving import (
    LONG,
    PEN_UP,
    PROFILE,
    QUICK,
    Z_PROFILE,
    Line,
    deviation,
    drawn,
    plotting,
    pty_only,
    scribble,
    to_line,
    when,
)

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


def test_a_job_of_ten_thousand_lines() -> None:
    meant = scribble(500, 20)
    program = write_program(meant, PROFILE)
    assert len(program.blocks) > 10_000
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
            if last in machine.lines_received:
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
    assert {line for line in lines if line.startswith("$")} == {"$$", "$I", "$G"}
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


def test_m0_asks_a_person_and_never_reaches_the_machine() -> None:
    text = [("G21G90", ""), ("G0X10M0", "the red pen"), ("M0", ""), ("G0X20", "")]
    questions: list[str] = []
    with plotting() as (machine, plotter):

        def progress(now: Progress) -> None:
            if now.activity == "asking":
                questions.append(now.why)
                assert machine.position[0] == 10.0
                plotter.resume()

        plotter.plot(Program(tuple(Block(line, None, note) for line, note in text)), progress)
        assert machine.position[0] == 20.0
        assert "M0" not in machine.lines_received
    assert questions == ["the red pen", "the program asks for a pause (M0)"]


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
        assert to_line(stroke, lines[0]) <= 0.03  # it slowed down along its path
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
        stop = plotter.board.stop

        def pressed() -> bool:
            plotter.cancel()
            plotter.resume()
            return stop()

        monkeypatch.setattr(plotter.board, "stop", pressed)
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

            monkeypatch.setattr(plotter.board, "stop", interrupted)
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
