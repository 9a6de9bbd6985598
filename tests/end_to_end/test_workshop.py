"""A machine found out, set up and moved by hand, each command as a person gives it, on the virtual machine's port."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from gcode.profile import Profile, load_profile
from gcode.virtual.machine import VirtualPlotter
from tests.end_to_end.conftest import Run
from tests.gcode.driving import started

SERVO, Z, MARLIN = load_profile("grbl-servo"), load_profile("grbl-z"), load_profile("marlin-servo")

pytestmark = pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals")


def talk(at: Path, machine: VirtualPlotter, command: str, *options: str, lines: str = "") -> str:
    """The output of `plotbot machine COMMAND` that is typed `lines`."""
    name = machine.firmware.profile.name
    run = [sys.executable, "-m", "plotbot", "machine", command, "--port", machine.port, "--machine", name, *options]
    done = subprocess.run(run, input=lines, capture_output=True, text=True, cwd=at, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def until(reached: Callable[[], bool]) -> None:
    """Wait for what is sure to come."""
    for _ in range(10_000):
        if reached():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never came")


# ---- probe ----


def test_a_probed_board_becomes_a_profile(plotbot: Run, tmp_path: Path) -> None:
    with VirtualPlotter(load_profile("virtual")) as machine:
        machine.grbl.settings |= {120: 10, 1: 25}
        done = plotbot("machine", "probe", "--port", machine.port, "-o", "mine.toml", at=tmp_path)
    assert done.returncode == 0
    assert "GRBL 1.1h" in done.stdout
    assert "warning: The acceleration of x, 10 mm/s2 ($120), is too low to be meant" in done.stdout
    assert "send $1=255" in done.stdout
    mine = load_profile(tmp_path / "mine.toml")
    assert (mine.width, mine.acceleration, mine.pen) == (841.0, (10.0, 500.0, 500.0), SERVO.pen)
    shown = plotbot("machine", "show", "mine.toml", at=tmp_path)
    assert "841 x 594 mm, GRBL 1.1h, servo pen" in shown.stdout


def test_a_board_is_compared_with_a_profile(plotbot: Run, tmp_path: Path) -> None:
    with VirtualPlotter(load_profile("marlin-z")) as machine:
        done = plotbot("machine", "probe", "--port", machine.port, "--machine", "marlin-servo", "--json", at=tmp_path)
    facts = json.loads(done.stdout)
    assert facts["firmware"] == "Marlin 2.1.2.4"
    assert facts["differences"] == {"acceleration of x": [500.0, 1000.0], "acceleration of y": [500.0, 1000.0]}
    with VirtualPlotter(Z) as machine:
        text = plotbot("machine", "probe", "--port", machine.port, "--machine", "grbl-servo", at=tmp_path).stdout
    assert "differs: max_rate of x is 5000 on the board and 6000 in grbl-servo" in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--port", "/dev/nowhere"), "There is no port /dev/nowhere"),
        (("--port", "/dev/nowhere", "-o", "mine.txt"), "write mine.toml"),
        (("--port", "/dev/nowhere", "--machine", "grbl-servi"), "did you mean grbl-servo"),
    ],
)
def test_what_cannot_be_probed(plotbot: Run, tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    done = plotbot("machine", "probe", *options, at=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


# ---- by hand ----


@pytest.mark.parametrize("profile", [SERVO, MARLIN], ids=lambda profile: profile.name)
def test_jog_and_pen(tmp_path: Path, profile: Profile) -> None:
    with VirtualPlotter(profile) as machine:
        assert talk(tmp_path, machine, "jog", "--x", "1cm", "--y", "5mm") == "idle at X10.000 Y5.000 Z0.000 mm\n"
        talk(tmp_path, machine, "jog", "--y", "-2.5mm")
        assert machine.position == pytest.approx((10.0, 2.5, 0.0), abs=0.01)
        talk(tmp_path, machine, "pen", "down")
        until(lambda: machine.pen_down)
        talk(tmp_path, machine, "pen", "up")
        until(lambda: not machine.pen_down)


def test_heights_are_tried_until_they_fit(tmp_path: Path) -> None:
    with VirtualPlotter(Z) as machine:
        said = talk(tmp_path, machine, "pen", lines="-1\nten\n-2.5\n\n")
        until(lambda: machine.position[2] == -2.5)
        assert "'ten' is no height" in said
        talk(tmp_path, machine, "pen", "--at", "-0.5")
        until(lambda: machine.position[2] == -0.5)


def test_a_locked_board_is_homed_or_unlocked(plotbot: Run, tmp_path: Path) -> None:
    with VirtualPlotter(SERVO) as machine:
        machine.grbl.settings[22] = 1
        machine.press_reset()
        options = ("--port", machine.port, "--machine", "grbl-servo")
        refused = plotbot("machine", "jog", *options, "--x", "5mm", at=tmp_path)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
        assert "`machine home` finds its zero" in refused.stderr
        assert talk(tmp_path, machine, "unlock").startswith("idle")
        talk(tmp_path, machine, "jog", "--x", "5mm")
        assert talk(tmp_path, machine, "home") == "idle at X0.000 Y0.000 Z0.000 mm\n"


@pytest.mark.parametrize(
    ("command", "options", "words"),
    [
        ("home", (), "does not home"),
        ("jog", (), "Say how far"),
        ("jog", ("--x", "5"), "has no unit"),
        ("pen", ("--at", "-3"), "error:4"),
    ],
)
def test_what_cannot_be_done_by_hand(
    plotbot: Run, tmp_path: Path, command: str, options: tuple[str, ...], words: str
) -> None:
    with VirtualPlotter(SERVO) as machine:
        given = ("--port", machine.port, "--machine", "grbl-servo", *options)
        done = plotbot("machine", command, *given, at=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("profile", [SERVO, MARLIN], ids=lambda profile: profile.name)
def test_ctrl_c_leaves_a_jogging_machine_standing(tmp_path: Path, profile: Profile) -> None:
    with VirtualPlotter(profile, speed=1.0) as machine:
        command = [sys.executable, "-m", "plotbot", "machine", "jog", "--port", machine.port]
        command += ["--machine", profile.name, "--y", "400mm"]  # four seconds
        with started(command, stderr=subprocess.PIPE, cwd=tmp_path) as running:
            until(lambda: machine.position[1] > 1.0)
            running.send_signal(signal.SIGINT)
            _, said = running.communicate(timeout=60)
        assert running.returncode == 130
        assert "Stopped; the plotter stands" in said
        assert not machine.moving
        assert 1.0 < machine.position[1] < 399.0


# ---- console ----


def test_a_console_in_a_pipe(tmp_path: Path) -> None:
    lines = "?\n$I\n$32=0\nG0X10\nG99\n\n  :hold \n~\n:what\né\n:reset\n?\n:quit\nG0X99\n"
    with VirtualPlotter(SERVO) as machine:
        machine.grbl.settings[32] = 1  # what the console is needed for
        said = talk(tmp_path, machine, "console", lines=lines)
        received = machine.lines_received
    first, *rest = said.split("> ")
    assert ":quit ends" in first
    assert "\n".join(rest).splitlines()[:2] == ["?", "idle at X0.000 Y0.000 Z0.000 mm"]
    assert "[OPT:V,15,128]\nok\n" in said
    assert "error:20 (unsupported word)" in said
    assert ":resume goes on" in said
    assert "plain ASCII" in said
    assert said.count(":quit ends") == 2
    assert "G0X99" not in received
    assert machine.grbl.settings[32] == 0
    assert machine.position[0] <= 10.0


def test_a_console_to_marlin(tmp_path: Path) -> None:
    with VirtualPlotter(MARLIN) as machine:
        said = talk(tmp_path, machine, "console", lines="M115\n:hold\nG1X5F3000\nM400\n:reset\n?\n")
    assert "FIRMWARE_NAME:Marlin" in said
    assert "cannot be held" in said
    assert "idle at X5.000" in said


def test_a_console_sees_an_alarm_and_resets(tmp_path: Path) -> None:
    with VirtualPlotter(SERVO) as machine:
        machine.grbl.settings |= {20: 1, 22: 1}
        said = talk(tmp_path, machine, "console", lines="$X\nG0X900\n:reset\n?\n")
    assert "ALARM:2 (target outside the soft limits)" in said
    assert said.rstrip().endswith("idle at X0.000 Y0.000 Z0.000 mm")


def test_a_console_whose_cable_is_pulled(tmp_path: Path) -> None:
    with VirtualPlotter(SERVO) as machine:
        command = [sys.executable, "-m", "plotbot", "machine", "console", "--port", machine.port]
        pipe = subprocess.PIPE
        command += ["--machine", "grbl-servo"]
        with started(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=tmp_path) as running:
            until(lambda: "$I" in machine.lines_received)
            machine.unplug()
            _, said = running.communicate("G0X1\n?\n", timeout=60)
    assert running.returncode == 2
    assert "was unplugged" in said
    assert said.count("\n") == 1
