"""`plotbot plot` on a port, stopped and gone on with, as a person does it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gcode.profile import load_profile
from gcode.virtual.machine import VirtualPlotter
from gcode.writing import Layer, write_layers, write_program
from tests.end_to_end.conftest import Run
from tests.gcode.driving import pty_only, scribble, started
from tests.gcode.test_recovery import same_ink

PROFILE = load_profile("virtual")


def until_begun(machine: VirtualPlotter, strokes: int, run: subprocess.Popen[Any]) -> None:
    """Wait until the pen has come down for so many strokes; the command must be running all the time."""
    while len(machine.ink) < strokes:
        assert run.poll() is None
        threading.Event().wait(0.005)


def test_a_job_stopped_by_ctrl_c_is_refused_then_finished(plotbot: Run, tmp_path: Path) -> None:
    meant = scribble(20, 30)
    write_program(meant, PROFILE).save(tmp_path / "job.gcode")
    with VirtualPlotter(PROFILE, 20.0) as machine:
        command = [sys.executable, "-m", "plotbot", "plot", "job.gcode", "--port", machine.port]
        with started(command, cwd=tmp_path, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as run:
            until_begun(machine, 6, run)
            run.send_signal(signal.SIGINT)
            assert run.stderr is not None
            said = run.stderr.read()
        assert run.returncode == 130
        assert "Stopped; the pen is up." in said
        assert "plotbot plot --resume job.gcode.journal" in said
        assert not machine.pen_down
        refused = plotbot("plot", "job.gcode", "--port", machine.port, at=tmp_path)
        assert refused.returncode == 2
        assert "of 20 strokes drawn: give --resume to finish it, or --again" in refused.stderr
        done = plotbot("plot", "job.gcode", "--port", machine.port, "--resume", "--json", at=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "Going on: the plotter knows where it stopped." in done.stderr
        assert json.loads(done.stdout)["strokes_drawn"] == 20
        same_ink(machine.ink, meant)
        over = plotbot("plot", "job.gcode", "--port", machine.port, "--resume", at=tmp_path)
        assert (over.returncode, over.stderr.strip()) == (2, "plotbot: This job is finished: nothing is left to draw.")


class Terminal:
    """A command on a pseudo-terminal, and a person who reads and types."""

    def __init__(self, *arguments: object, at: Path) -> None:
        self._master, slave = os.openpty()
        command = [sys.executable, "-m", "plotbot", *map(str, arguments)]
        self.run = subprocess.Popen(command, cwd=at, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        self.said = ""

    def until(self, words: str) -> None:
        """Read until the words have come."""
        while words not in self.said:
            data = self._read()
            assert data, self.said
            self.said += data

    def type(self, words: str) -> None:
        """Type a line, and forget what was said before."""
        self.said = ""
        os.write(self._master, f"{words}\n".encode())

    def leave(self) -> int:
        """Read until the command has ended; its exit code."""
        while data := self._read():
            self.said += data
        os.close(self._master)
        return self.run.wait(30.0)

    def _read(self) -> str:
        """What is said next; nothing where the command has ended. One that says nothing for a minute is killed."""
        if not select.select([self._master], [], [], 60.0)[0]:
            self.run.kill()
            pytest.fail(f"nothing more was said after {self.said!r}")
        try:
            return os.read(self._master, 4096).decode("utf-8", "replace")
        except OSError:  # the other end is closed
            return ""


@pty_only
def test_a_person_pauses_changes_the_pen_moves_the_head_and_goes_on(tmp_path: Path) -> None:
    meant = scribble(12, 30)
    write_program(meant, PROFILE).save(tmp_path / "job.gcode")
    with VirtualPlotter(PROFILE, 10.0) as machine:
        person = Terminal("plot", "job.gcode", "--port", machine.port, at=tmp_path)
        until_begun(machine, 3, person.run)
        person.run.send_signal(signal.SIGINT)
        person.until("paused; the pen is up. Enter goes on, ? helps.")
        assert not machine.pen_down
        stood = machine.position
        for words, answer in (
            ("x40 y-20", "> "),
            ("up 65", "> "),
            ("down 25", "> "),
            ("up", "> "),
            ("feed 150", "> "),
            ("dance", "is none of these"),
        ):
            person.type(words)
            person.until(answer)
        person.type("?")
        person.until("percent of the travel speed")
        x, y, _ = machine.position
        assert (x, y) == pytest.approx((stood[0] + 40.0, stood[1] - 20.0), abs=0.02)
        before = len(machine.lines_received)
        dots = [one for one in machine.ink if len(one) == 1]  # where the height was tried
        person.type("")
        assert person.leave() == 0, person.said
        after = machine.lines_received[before:]
        assert not [line for line in after if "S60" in line or "S30" in line]
        assert [line for line in after if line.startswith("S25")]
        ink = [one for one in machine.ink if not any(np.array_equal(one, dot) for dot in dots)]
        same_ink(ink, meant)


@pty_only
def test_a_plotter_that_has_lost_its_place_is_brought_to_its_mark(tmp_path: Path) -> None:
    """kill -9 of the program, on a board that restarts when its port is opened."""
    meant = scribble(12, 30)
    write_program(meant, PROFILE).save(tmp_path / "job.gcode")
    with VirtualPlotter(PROFILE, 20.0, resets_when_opened=True) as machine:
        killed = Terminal("plot", "job.gcode", "--port", machine.port, at=tmp_path)
        until_begun(machine, 4, killed.run)
        killed.run.kill()
        killed.leave()
        while machine.connected or machine.moving:
            threading.Event().wait(0.005)
        person = Terminal("plot", "job.gcode", "--port", machine.port, "--resume", at=tmp_path)
        person.until("to the mark> ")
        assert not machine.pen_down
        x, y, _ = machine.firmware.paper.true(machine.position)
        person.type(f"x{-x:.4f} y{-y:.4f}")
        person.until("to the mark> ")
        person.type("")
        assert person.leave() == 0, person.said
        assert "Going on: by the way to the mark." in person.said
        same_ink(machine.ink, meant)


@pty_only
def test_a_pause_at_once_cuts_a_stroke_and_joins_it_again(tmp_path: Path) -> None:
    meant = [np.array([[20.0, 20.0], [700.0, 20.0], [700.0, 500.0]])]
    write_program(meant, PROFILE).save(tmp_path / "job.gcode")
    with VirtualPlotter(PROFILE, 10.0) as machine:
        person = Terminal("plot", "job.gcode", "--port", machine.port, at=tmp_path)
        while machine.position[0] < 100.0:
            assert person.run.poll() is None
            threading.Event().wait(0.005)
        person.run.send_signal(signal.SIGQUIT)
        person.until("the pen is up. Enter goes on")
        assert not machine.pen_down
        assert 100.0 < machine.position[0] < 700.0
        person.type("y30")
        person.until("> ")
        person.type("")
        assert person.leave() == 0, person.said
        assert len(machine.ink) == 2
        same_ink(machine.ink, meant)


@pty_only
def test_a_plotter_held_by_its_own_button_is_gone_on_with_from_the_terminal(tmp_path: Path) -> None:
    meant = scribble(8, 20)
    write_program(meant, PROFILE).save(tmp_path / "job.gcode")
    with VirtualPlotter(PROFILE, 10.0) as machine:
        person = Terminal("plot", "job.gcode", "--port", machine.port, at=tmp_path)
        until_begun(machine, 3, person.run)
        machine.hold_button()
        person.until("release it there, or go on here; stop ends the job. Enter goes on")
        person.type("")
        assert person.leave() == 0, person.said
        same_ink(machine.ink, meant)


@pty_only
def test_a_layer_is_a_pen_and_the_plotter_asks_for_it(tmp_path: Path) -> None:
    layers = [Layer("black", scribble(3)), Layer("red", scribble(3, seed=2))]
    write_layers(layers, PROFILE).save(tmp_path / "job.gcode")
    with VirtualPlotter(PROFILE) as machine:
        person = Terminal("plot", "job.gcode", "--port", machine.port, at=tmp_path)
        for name, strokes in (("black", 0), ("red", 3)):
            person.until(f"{name}; the pen is up")
            assert len(machine.ink) == strokes
            assert machine.position[:2] == PROFILE.park
            person.type("")
        assert person.leave() == 0, person.said
        same_ink(machine.ink, [line for layer in layers for line in layer.lines])
