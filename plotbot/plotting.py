"""A plot without a machine: the program through a real port to the virtual plotter, and what its pen left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gcode.motion import Estimate, estimate
from gcode.plotter import Plotter
from gcode.profile import Profile
from gcode.program import Program
from gcode.virtual import VirtualPlotter
from plotbot.page.ink import distance


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

    Raises GcodeError, InputError or WorkAreaError, each one sentence.
    """
    from gcode.program import read_program, strokes_of, write_program
    from plotbot.page.layout import read_page
    from plotbot.page.toolpath import to_toolpath
    from plotbot.units import InputError

    if path.suffix.lower() == ".svg":
        return write_program(to_toolpath(read_page(path), profile).lines, profile)
    try:
        return strokes_of(read_program(path), profile)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the name") from None
