"""Every fault that a plotter is known for, in mid-job: a sentence names it, the pen is up, the job can be finished."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gcode.journal import Journal
from gcode.plotter import Plotter
from gcode.profile import Profile
from gcode.session import Progress
from gcode.transport import PlotterError
from gcode.virtual.faults import parse_fault
from gcode.virtual.machine import VirtualPlotter
from gcode.writing import write_program
from tests.gcode.driving import PROFILE, QUICK, Z_PROFILE, one_sentence, scribble
from tests.gcode.test_recovery import STRAY_MM, along, go_on, ink_of, same_ink

MEANT = [*scribble(3, 25), np.array([[50.0, 60.0]]), *scribble(3, 25, seed=2)]

ENDS = {
    "overrun": "has lost 3 lines of what was sent; try a better cable",
    "lost-ok": "has lost a line of what was sent; try a better cable",
    "settings-burst": "has lost|refused line",  # whichever is noticed first
    "badline": r"refused line \d+ of the program, '.*', with error:20 \(unsupported word\)",
    "brownout": "board was reset in the middle of the job",
    "reset": "board was reset in the middle of the job",
    "soft-reset": "stopped itself with ALARM:3|board was reset",  # in motion, or while it waits
    "unplug": "was unplugged; check the cable, then connect again",
    "unplug-powered": "was unplugged; check the cable, then connect again",
    "power-cut": r"has not answered for 0\.5 s; check its power and its cable",
    "silence": r"has not answered for 0\.5 s; check its power and its cable",
    "limit": r"stopped itself with ALARM:1 \(hard limit hit, position lost\)",
    "softlimit": r"stopped itself with ALARM:2 \(target outside the soft limits\)",
}
DAMAGED = ("overrun", "lost-ok", "settings-burst", "badline", "softlimit")
"""Faults of the wire: the lines behind a lost one draw from the wrong place until it is noticed, which is at the next
pen-up; that stroke is then drawn again."""
GONE = ("unplug", "unplug-powered", "power-cut", "silence")


@pytest.mark.parametrize("fault", ENDS)
@pytest.mark.parametrize("profile", [PROFILE, Z_PROFILE], ids=["servo", "z"])
def test_a_fault_is_named_and_the_job_finished(fault: str, profile: Profile, tmp_path: Path) -> None:
    program, path = write_program(MEANT, profile), tmp_path / "job.journal"
    with VirtualPlotter(profile, 20.0) as machine:
        with (
            Journal.create(path, program, profile) as journal,
            Plotter.connect(machine.port, profile, QUICK) as plotter,
        ):
            machine.inject(parse_fault(f"{fault}@stroke3"))
            with pytest.raises(PlotterError, match=ENDS[fault]) as error:
                plotter.plot(program, None, journal)
        text = one_sentence(error)
        if fault in GONE:
            assert text.endswith("the pen could not be lifted: lift it by hand.")
            machine.plug_in() if fault.startswith("unplug") else machine.power_on()
        else:
            assert text.endswith("of 7 strokes are drawn and the pen is up.")
            assert not machine.pen_down
        machine.grbl.settings |= {20: 0, 22: 0}
        assert go_on(machine, path).finished
        assert not machine.pen_down
        if fault in DAMAGED:
            drawn = ink_of(machine.ink)
            assert all(ink_of([np.vstack([p, p + 1e-9])]).distance(drawn) <= 0.05 for one in MEANT for p in along(one))
            longest = max(ink_of([one]).length for one in MEANT)
            assert ink_of(MEANT).length - 0.2 <= drawn.length <= ink_of(MEANT).length + 1.5 * longest
        else:
            # A board that was reset takes what was on its way to it, and the motor of a Z pen still holds that down.
            same_ink(machine.ink, MEANT, stray=STRAY_MM if profile is Z_PROFILE and "reset" in text else 0.0)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("hold", "held by the plotter's own hold button: release it there, or go on here"),
        ("m0", "held by the plotter's own hold button: release it there, or go on here"),
        ("door", "the plotter's door is open: close it, then go on"),
    ],
)
def test_a_machine_that_is_held_says_why_and_goes_on(fault: str, why: str) -> None:
    said: set[str] = set()
    with VirtualPlotter(PROFILE, 20.0) as machine, Plotter.connect(machine.port, PROFILE, QUICK) as plotter:

        def watch(now: Progress) -> None:
            if now.activity == "held":
                said.add(now.why)
                plotter.resume()

        machine.inject(parse_fault(f"{fault}@stroke3"))
        assert plotter.plot(write_program(MEANT, PROFILE), watch).finished
        same_ink(machine.ink, MEANT)
    assert said == {why}


def test_a_held_machine_can_be_left_and_the_job_finished(tmp_path: Path) -> None:
    program, path = write_program(MEANT, PROFILE), tmp_path / "job.journal"
    with VirtualPlotter(PROFILE, 20.0) as machine:
        with (
            Journal.create(path, program, PROFILE) as journal,
            Plotter.connect(machine.port, PROFILE, QUICK) as plotter,
        ):
            machine.inject(parse_fault("hold@stroke3"))
            outcome = plotter.plot(program, lambda now: plotter.cancel() if now.activity == "held" else None, journal)
            assert not outcome.finished
            assert not machine.pen_down
        assert go_on(machine, path).finished
        same_ink(machine.ink, MEANT)
