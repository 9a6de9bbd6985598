"""A job as the person beside the machine sees it: time left, pauses, and what may be changed on the way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gcode.motion import estimate
from gcode.profile import Profile
from gcode.session import Progress
from gcode.transport import PlotterError
from gcode.writing import write_program
from tests.gcode.driving import MARLIN, PROFILE, Z_PROFILE, Line, plotting, scribble, when
from tests.gcode.test_recovery import same_ink


@pytest.mark.parametrize("profile", [PROFILE, MARLIN], ids=["grbl", "marlin"])
def test_the_time_left_is_the_time_it_takes(profile: Profile) -> None:
    """At half-way, within 2 % of the whole; the share goes by time."""
    meant = scribble(12, 40)
    program = write_program(meant, profile)
    whole = estimate(program, profile).seconds
    seen: list[tuple[float, float, float]] = []
    with plotting(profile, speed=10.0) as (machine, plotter):
        plotter.plot(program, lambda now: seen.append((machine.seconds, now.seconds_left, now.share)))
        over = machine.seconds
    assert over == pytest.approx(whole, rel=0.01)
    shares = [share for _, _, share in seen]
    assert shares == sorted(shares)
    middle = [(at, left) for at, left, share in seen if 0.4 < share < 0.6]
    assert middle
    # A report is up to a poll old, and the machine ten times quicker than the clock.
    assert min(abs(over - at - left) for at, left in middle) <= 0.02 * whole
    assert seen[-1][1] == pytest.approx(0.0, abs=0.2)


def test_overrides_change_the_time_left_and_not_the_drawing() -> None:
    meant: list[Line] = [np.array([[10.0, 10.0], [800.0, 10.0]]), np.array([[10.0, 20.0], [800.0, 20.0]])]
    lefts: list[float] = []
    with plotting(speed=20.0) as (machine, plotter):

        def watch(now: Progress) -> None:
            if machine.pen_down and machine.position[0] > 50.0 and not lefts:
                lefts.append(now.seconds_left)
                plotter.adjust(feed=200)
            elif lefts and len(lefts) < 50:
                lefts.append(now.seconds_left)

        plotter.plot(write_program(meant, PROFILE), watch)
        assert machine.grbl.state == "Idle"
        same_ink(machine.ink, meant)
        assert machine.seconds < 0.75 * estimate(write_program(meant, PROFILE), PROFILE).seconds
    assert min(lefts[1:20]) < 0.8 * lefts[0]


def test_an_override_beyond_what_machines_take_is_refused() -> None:
    with plotting() as (_, plotter):
        refuse = when(lambda _: True, lambda: plotter.adjust(feed=300))
        with pytest.raises(PlotterError, match="A feed is changed to 10 to 200 percent"):
            plotter.plot(write_program(scribble(3), PROFILE), refuse)


@pytest.mark.parametrize("profile", [PROFILE, Z_PROFILE, MARLIN], ids=["servo", "z", "marlin"])
def test_a_pause_at_once_lifts_the_pen_in_mid_stroke_and_the_stroke_goes_on(profile: Profile) -> None:
    meant: list[Line] = [np.array([[10.0, 10.0], [250.0, 10.0], [250.0, 200.0]]), *scribble(3)]
    stood: list[tuple[float, ...]] = []
    with plotting(profile, speed=10.0) as (machine, plotter):

        def watch(now: Progress) -> None:
            if now.activity == "paused":
                assert not machine.pen_down
                stood.append(machine.position)
                plotter.jog(20.0, 30.0)
                plotter.resume()
            elif not stood and machine.pen_down and machine.position[0] > 60.0:
                plotter.pause(now=True)

        assert plotter.plot(write_program(meant, profile), watch).finished
        ink = machine.ink
    assert len(stood) == 1
    assert 60.0 < stood[0][0] < 250.1
    same_ink(ink, meant)
    assert len(ink) == len(meant) + 1


def test_new_heights_hold_for_the_rest_of_a_job_and_for_the_next() -> None:
    meant = scribble(6)
    with plotting() as (machine, plotter):

        def watch(now: Progress) -> None:
            if now.strokes_drawn == 2:
                plotter.pause()
            if now.activity == "paused":
                plotter.adjust(pen=replace(plotter.profile.pen, up=70.0, down=20.0))
                plotter.pen(down=False)
                plotter.resume()

        plotter.plot(write_program(meant, PROFILE), watch)
        same_ink(machine.ink, meant)
        plotter.plot(write_program(meant, PROFILE))
        lines = machine.lines_received
        same_ink(machine.ink, meant * 2)
    changed = next(i for i, line in enumerate(lines) if "S70" in line)
    assert not [line for line in lines[changed:] if "S60" in line or "S30" in line]
    assert len([line for line in lines[changed:] if "S20" in line]) >= 2 + len(meant)


def test_the_machine_is_not_moved_by_hand_while_it_draws() -> None:
    with plotting() as (_, plotter), pytest.raises(PlotterError, match="is drawing: pause it first"):
        plotter.plot(write_program(scribble(3), PROFILE), when(lambda _: True, lambda: plotter.jog(10.0)))
