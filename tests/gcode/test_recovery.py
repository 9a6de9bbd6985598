"""Jobs that were cut off, by whatever, and finished later: all that was meant is on the paper, and nothing twice."""

from __future__ import annotations

import random
import select
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import shapely

from gcode.course import Course
from gcode.journal import Journal, read_journal
from gcode.plotter import Plotter
from gcode.profile import Profile
from gcode.recovery import recover
from gcode.session import Outcome, Progress
from gcode.transport import PlotterError
from gcode.virtual.machine import VirtualPlotter
from gcode.writing import write_program
from tests.gcode.driving import MARLIN, PROFILE, QUICK, Z_PROFILE, Line, scribble, started, when

MEANT = [*scribble(3, 25), np.array([[50.0, 60.0]]), *scribble(2, 25, seed=2)]


def ink_of(strokes: list[Line]) -> shapely.GeometryCollection:
    """Strokes as geometry: lines, and dots."""
    return shapely.GeometryCollection(
        [shapely.LineString(one) if len(one) > 1 else shapely.Point(one[0]) for one in strokes]
    )


def along(stroke: Line) -> Line:
    """Points of a stroke no further than 0.25 mm apart."""
    if len(stroke) == 1:
        return stroke
    return shapely.get_coordinates(shapely.segmentize(shapely.LineString(stroke), 0.25))


# What a Z pen may leave where its board restarts: it stays down, and draws from a zero of its own what was on its way
# until the driver hears of it. At the machine's own speed that is up to 3 mm; here time runs faster.
STRAY_MM = 20.0


def same_ink(ink: list[Line], meant: list[Line], slack: float = 0.0, stray: float = 0.0) -> None:
    """The ink is where it was meant, all of it, and none of it twice, to `slack` mm on the length; but for `stray` mm
    that were not meant. A stroke may be in pieces."""
    drawn, wanted = ink_of(ink), ink_of(meant)
    for strokes, other, most in ((ink, wanted, stray), (meant, drawn, 0.0)):
        points = shapely.points(np.concatenate([along(stroke) for stroke in strokes]))
        assert shapely.distance(points, other).max() <= 0.05 + slack + most
    assert wanted.length - 0.3 - slack <= drawn.length <= wanted.length + 0.3 + slack + stray


def length(strokes: list[Line]) -> float:
    return float(ink_of(strokes).length)


def to_the_mark(machine: VirtualPlotter, profile: Profile) -> Callable[[Plotter], None]:
    """A person who brings the head over the corner of the paper, by looking at it."""

    def jog(plotter: Plotter) -> None:
        x, y, z = machine.firmware.paper.true(machine.position)
        plotter.jog(profile.park[0] - x, profile.park[1] - y)
        if profile.pen.kind == "z":
            plotter.jog(z=profile.pen.up - z)

    return jog


def go_on(machine: VirtualPlotter, path: Path, whole: bool = False) -> Outcome:
    with Journal.reopen(path) as journal, Plotter.connect(machine.port, journal.profile, QUICK) as plotter:
        assert journal.stop is not None
        course = Course(journal.program, journal.profile)
        found = recover(plotter, course, journal.stop, to_the_mark(machine, journal.profile), whole)
        return plotter.plot(journal.program, None, journal, found.start, found.offset)


def amid(machine: VirtualPlotter, strokes: int) -> Callable[[Progress], bool]:
    """In the middle of a line, when so many strokes are drawn."""
    return lambda now: now.strokes_drawn >= strokes and machine.pen_down and machine.moving


CUTS: dict[str, Callable[[VirtualPlotter, Plotter], object]] = {
    "cancel": lambda machine, plotter: threading.Thread(target=plotter.cancel).start(),
    "reset": lambda machine, plotter: machine.press_reset(),
    "limit": lambda machine, plotter: machine.hit_limit(),
    "unplugged": lambda machine, plotter: machine.unplug(),
    "unplugged, with a supply of its own": lambda machine, plotter: machine.unplug(powered=True),
    "power cut": lambda machine, plotter: machine.power_cut(),
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("resets", [True, False], ids=["resets when opened", "does not"])
@pytest.mark.parametrize("profile", [PROFILE, Z_PROFILE], ids=["servo", "z"])
def test_a_job_that_was_cut_off_is_finished(cut: str, resets: bool, profile: Profile, tmp_path: Path) -> None:
    program = write_program(MEANT, profile)
    path = tmp_path / "job.journal"
    with VirtualPlotter(profile, 20.0, resets_when_opened=resets) as machine:
        with (
            Journal.create(path, program, profile) as journal,
            Plotter.connect(machine.port, profile, QUICK) as plotter,
        ):
            act = when(amid(machine, 1), lambda: CUTS[cut](machine, plotter))
            if cut == "cancel":
                assert not plotter.plot(program, act, journal).finished
            else:
                with pytest.raises(PlotterError):
                    plotter.plot(program, act, journal)
        if cut.startswith("unplugged"):
            machine.plug_in()
        elif cut == "power cut":
            machine.power_on()
        assert go_on(machine, path).finished
        assert not machine.pen_down
        # A board that was reset takes what was on its way to it, and the motor of a Z pen still holds that down.
        same_ink(machine.ink, MEANT, stray=STRAY_MM if (cut, profile) == ("reset", Z_PROFILE) else 0.0)
        with pytest.raises(PlotterError, match="finished: nothing is left"):
            go_on(machine, path)


def test_a_stroke_that_was_cut_can_be_drawn_again_whole(tmp_path: Path) -> None:
    program, path = write_program(MEANT, PROFILE), tmp_path / "job.journal"
    with VirtualPlotter(PROFILE, 20.0) as machine:
        with (
            Journal.create(path, program, PROFILE) as journal,
            Plotter.connect(machine.port, PROFILE, QUICK) as plotter,
        ):
            plotter.plot(program, when(amid(machine, 1), lambda: CUTS["cancel"](machine, plotter)), journal)
        part = machine.ink
        assert go_on(machine, path, whole=True).finished
        again = machine.ink[len(part) :]
        same_ink(again, MEANT[len(part) - 1 :])
        same_ink(part[:-1], MEANT[: len(part) - 1])


@pytest.mark.parametrize("cut", ["cancel", "reset", "unplugged"])
def test_marlin_finishes_its_jobs_too(cut: str, tmp_path: Path) -> None:
    program, path = write_program(MEANT, MARLIN), tmp_path / "job.journal"
    with VirtualPlotter(MARLIN, 20.0, resets_when_opened=True) as machine:
        with Journal.create(path, program, MARLIN) as journal, Plotter.connect(machine.port, MARLIN, QUICK) as plotter:
            act = when(amid(machine, 1), lambda: CUTS[cut](machine, plotter))
            try:
                assert not plotter.plot(program, act, journal).finished
            except PlotterError:
                assert cut != "cancel"
        if cut == "unplugged":
            machine.plug_in()
        assert go_on(machine, path).finished
        assert not machine.pen_down
        same_ink(machine.ink, MEANT)


ALONE = """
import sys
from pathlib import Path
from gcode.course import Course
from gcode.journal import Journal
from gcode.plotter import Plotter
from gcode.recovery import recover
from tests.gcode.driving import QUICK

def mark(plotter):
    print("where is the head?", flush=True)
    x, y, z = map(float, input().split())
    park, up = plotter.profile.park, plotter.profile.pen.up if plotter.profile.pen.kind == "z" else z
    plotter.jog(park[0] - x, park[1] - y)
    plotter.jog(z=up - z)

port, path = sys.argv[1:]
with Journal.reopen(Path(path)) as journal, Plotter.connect(port, journal.profile, QUICK) as plotter:
    if journal.stop.crashed:
        found = recover(plotter, Course(journal.program, journal.profile), journal.stop, mark)
        plotter.plot(journal.program, None, journal, found.start, found.offset)
    else:
        plotter.plot(journal.program, None, journal)
"""


@pytest.mark.parametrize("resets", [False, True], ids=["does not reset when opened", "resets"])
@pytest.mark.parametrize("profile", [PROFILE, Z_PROFILE], ids=["servo", "z"])
def test_a_program_that_is_killed_again_and_again(resets: bool, profile: Profile, tmp_path: Path) -> None:
    """kill -9 at random moments of one job, of which the machine draws what it has; the next one goes on."""
    meant = scribble(20, 25, seed=5)
    path = tmp_path / "job.journal"
    program = write_program(meant, profile)
    Journal.create(path, program, profile).__exit__(None, None, None)
    chance = random.Random(7)
    whole = length(meant)
    with VirtualPlotter(profile, 25.0, resets_when_opened=resets) as machine:
        kills = 0
        while True:
            drawn = length(machine.ink) if machine.ink else 0.0
            enough = drawn + chance.uniform(0.05, 0.16) * whole
            command = [sys.executable, "-c", ALONE, machine.port, str(path)]
            with started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
                assert run.stdin is not None
                assert run.stdout is not None
                while run.poll() is None and (not machine.ink or length(machine.ink) < enough):
                    asked, _, _ = select.select([run.stdout], [], [], 0.002)
                    # A board that restarts, and one that stands parked at 0, 0, 0: it may have restarted.
                    if asked and run.stdout.readline():
                        x, y, z = machine.firmware.paper.true(machine.position)
                        run.stdin.write(f"{x} {y} {z}\n")
                        run.stdin.flush()
                over = run.poll() is not None
            if over:
                break
            kills += 1
            while machine.connected or machine.moving:  # a sender that comes at once would cut it off: another test
                threading.Event().wait(0.002)
        assert run.returncode == 0
        assert kills >= 5  # 20 of the four together
        same_ink(machine.ink, meant, 0.05 * kills)
        assert read_journal(path)[2].finished
