"""A plot without a machine: the program through a real port to the virtual plotter, and what its pen left."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from gcode.motion import Estimate, Timetable, layer_times, stroke_seconds, timetable
from gcode.plotter import Plotter
from gcode.profile import Profile
from gcode.program import Program, WorkAreaError, check_work_area, ink, read_program, strokes_of
from gcode.session import Progress
from gcode.virtual.machine import VirtualPlotter
from gcode.wire import Wire, wire
from gcode.writing import write_layers, write_program
from plotbot.page.ink import distance
from plotbot.page.reading import read_page
from plotbot.page.toolpath import to_toolpath
from plotbot.units import InputError

log = logging.getLogger(__name__)

SLOWER = (0.8, 0.6, 0.4, 0.3, 0.2, 0.15, 0.1, 0.05)
"""Shares of the feed at which a job may need few enough bytes a second."""
TOLERANCES = (0.01, 0.02, 0.05, 0.1, 0.2)
"""mm by which a pen's line may be simplified before it shows."""


@dataclass(frozen=True)
class Simulation:
    """What the virtual plotter did with a program: its ink, polylines (N, 2) mm in machine coordinates, and its
    seconds; beside it what was said beforehand, the plan of its motion and what it asks of the serial line."""

    ink: list[np.ndarray]
    seconds: float
    program: Program
    plan: Timetable
    wire: Wire

    @property
    def estimate(self) -> Estimate:
        """The sums of the plan."""
        return self.plan.estimate

    def facts(self, intent: list[np.ndarray]) -> dict[str, Any]:
        """The report: lifts, mm, seconds, bytes, and how far the ink is from the `intent` (machine coordinates)."""
        apart = distance(intent, self.ink)
        plan = self.estimate
        return {
            "strokes": len(intent),
            "lifts": plan.lifts,
            "drawn_mm": round(plan.drawn_mm, 2),
            "travelled_mm": round(plan.travelled_mm, 2),
            "predicted_seconds": round(plan.seconds, 6),
            "simulated_seconds": round(self.seconds, 3),
            "largest_deviation_mm": round(apart.largest_mm, 4),
            "strokes_lost": apart.strokes_lost,
            "dots_lost": apart.dots_lost,
            "bytes_per_second_on_average": round(self.wire.average, 1),
            "bytes_per_second_at_most": round(self.wire.busiest, 1),
            "bytes_per_second_of_the_line": self.wire.rate,
            "moves_short_of_bytes": round(self.wire.starved, 4),
            "seconds_lost_to_the_line": round(self.wire.lost_seconds, 3),
        }

    def times(self) -> dict[str, Any]:
        """The predicted seconds of each layer, and of each stroke; both add up to the plot's, the strokes' with those
        of what belongs to none: header, footer, reloads."""
        strokes: list[float] = stroke_seconds(self.program, self.plan).tolist()
        return {
            "layers": [
                {"pen": layer.note, "strokes": layer.strokes, "predicted_seconds": round(layer.seconds, 9)}
                for layer in layer_times(self.program, self.plan)
            ],
            "seconds_of_no_stroke": round(self.estimate.seconds - sum(strokes), 9),
            "stroke_seconds": [round(seconds, 9) for seconds in strokes],
        }


def simulate(
    program: Program, profile: Profile, progress: Callable[[float, str], None] = lambda share, remark: None
) -> Simulation:
    """Stream the program to a virtual plotter with this profile, as fast as it can draw.

    `progress` is told the share of the strokes drawn, 0 to 1, and a remark. Warns where the machine's serial line
    would be too slow for the program, which the virtual one is not.
    """
    plan = timetable(program, profile)
    needs = wire(program, profile, plan)
    if needs.bound:
        log.warning("%s", _too_much(needs, program, profile))
    with VirtualPlotter(profile) as machine:
        with Plotter.connect(machine.port, profile) as plotter:

            def watch(one: Progress) -> None:
                progress(one.strokes_drawn / max(1, one.strokes), "strokes")
                if one.activity == "asking":  # nobody has to put in a virtual pen
                    plotter.resume()

            plotter.plot(program, watch)
        return Simulation(machine.ink, machine.seconds, program, plan, needs)


def _too_much(needs: Wire, program: Program, profile: Profile) -> str:
    """What a program asks of a line that is too slow for it, and what helps."""
    remedies = []
    if needs.enough_baud is not None:
        remedies.append(f"set board and profile to {needs.enough_baud} baud")
    plans = ((share, timetable(program, profile, feed_override=share)) for share in SLOWER)
    if share := next((share for share, plan in plans if not wire(program, profile, plan).bound), None):
        remedies.append(f"draw at {100 * share:.0f} % of the feed")
    if tolerance := _simplification(program, profile):
        remedies.append(f"simplify the curves by {tolerance:g} mm")
    return (
        f"The machine will wait {needs.lost_seconds:,.1f} of {needs.seconds:,.1f} s for its serial line: this job "
        f"needs up to {needs.busiest:,.0f} bytes a second, and {profile.baud} baud are {needs.rate:,.0f}"
        f"{'; ' if remedies else ''}{' or '.join(remedies)}."
    )


def _simplification(program: Program, profile: Profile) -> float | None:
    """The least of a few tolerances, mm, with which the same drawing no longer waits for the line; None for none."""
    lines = ink(program, profile)
    for tolerance in TOLERANCES:
        lighter = write_program([_simplified(line, tolerance) for line in lines], profile)
        if not wire(lighter, profile, timetable(lighter, profile)).bound:
            return tolerance
    return None


def _simplified(line: np.ndarray, tolerance: float) -> np.ndarray:
    return np.asarray(shapely.LineString(line).simplify(tolerance).coords) if len(line) > 1 else line


def read_job(path: Path, profile: Profile) -> Program:
    """A G-code file as it is, or a page (.svg) as the program that draws it in its own order.

    Warns where the page is turned to fit. Raises GcodeError, InputError or WorkAreaError, each one sentence.
    """
    if path.suffix.lower() == ".svg":
        toolpath = to_toolpath(read_page(path), profile)
        if toolpath.rotated:
            log.warning("%s is turned by 90 degrees clockwise to fit %s: turn the paper, too.", path, profile.name)
        return write_layers(toolpath.layers, profile)
    try:
        program = read_program(path, profile)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the name") from None
    try:
        check_work_area(program, profile)
    except WorkAreaError as error:
        raise WorkAreaError(f"{path}: {error}") from None
    return strokes_of(program, profile)
