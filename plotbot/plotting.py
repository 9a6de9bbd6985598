"""A plot without a machine: the program through a real port to the virtual plotter, and what its pen left."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gcode.motion import Estimate, estimate
from gcode.plotter import Plotter
from gcode.profile import Profile
from gcode.program import Program, WorkAreaError, check_work_area, read_program, strokes_of
from gcode.virtual.machine import VirtualPlotter
from gcode.writing import write_program
from plotbot.page.ink import distance
from plotbot.page.layout import read_page
from plotbot.page.toolpath import to_toolpath
from plotbot.units import InputError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Simulation:
    """What the virtual plotter did: its ink, polylines (N, 2) mm in machine coordinates, and its seconds, beside
    the estimate made beforehand."""

    ink: list[np.ndarray]
    seconds: float
    estimate: Estimate

    def facts(self, intent: list[np.ndarray]) -> dict[str, Any]:
        """The report: lifts, mm, seconds, and how far the ink is from the `intent` (machine coordinates)."""
        apart = distance(intent, self.ink)
        return {
            "strokes": len(intent),
            "lifts": self.estimate.lifts,
            "drawn_mm": round(self.estimate.drawn_mm, 2),
            "travelled_mm": round(self.estimate.travelled_mm, 2),
            "predicted_seconds": round(self.estimate.seconds, 3),
            "simulated_seconds": round(self.seconds, 3),
            "largest_deviation_mm": round(apart.largest_mm, 4),
            "strokes_lost": apart.strokes_lost,
            "dots_lost": apart.dots_lost,
        }


def simulate(
    program: Program, profile: Profile, progress: Callable[[float, str], None] = lambda share, remark: None
) -> Simulation:
    """Stream the program to a virtual plotter with this profile, as fast as it can draw.

    `progress` is told the share of the strokes drawn, 0 to 1, and a remark.
    """
    with VirtualPlotter(profile) as machine:
        with Plotter.connect(machine.port, profile) as plotter:
            plotter.plot(program, lambda one: progress(one.strokes_drawn / max(1, one.strokes), "strokes"))
        return Simulation(machine.ink, machine.seconds, estimate(program, profile))


def read_job(path: Path, profile: Profile) -> Program:
    """A G-code file as it is, or a page (.svg) as the program that draws it in its own order.

    Warns where the page is turned to fit. Raises GcodeError, InputError or WorkAreaError, each one sentence.
    """
    if path.suffix.lower() == ".svg":
        toolpath = to_toolpath(read_page(path), profile)
        if toolpath.rotated:
            log.warning("%s is turned by 90 degrees clockwise to fit %s: turn the paper, too.", path, profile.name)
        return write_program(toolpath.lines, profile)
    try:
        program = read_program(path, profile)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the name") from None
    try:
        check_work_area(program, profile)
    except WorkAreaError as error:
        raise WorkAreaError(f"{path}: {error}") from None
    return strokes_of(program, profile)
