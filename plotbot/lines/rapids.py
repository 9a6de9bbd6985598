"""What a travel costs: the seconds of a rapid from a standstill to a standstill, or its millimetres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from gcode.profile import Profile


@dataclass(frozen=True)
class Rapids:
    """The limits of a machine's rapids: of x, y and along the path; rates in mm/s, accelerations in mm/s2.

    What lifting and lowering the pen takes is not here: every stroke pays it once, in whatever order.
    """

    rate: tuple[float, float] = (math.inf, math.inf)
    acceleration: tuple[float, float] = (math.inf, math.inf)
    path_rate: float = math.inf
    path_acceleration: float = math.inf

    @classmethod
    def of(cls, profile: Profile) -> Rapids:
        """Those of a plotter, as its planner has them (`gcode.motion`)."""
        (vx, vy, _), (ax, ay, _) = profile.max_rate, profile.acceleration
        return cls((vx / 60.0, vy / 60.0), (ax, ay), path_acceleration=profile.path_acceleration)

    def seconds(self, dx: NDArray[np.float64], dy: NDArray[np.float64]) -> NDArray[np.float64]:
        """The time of rapids over ``dx``, ``dy`` mm, of any one shape: a trapezoid, or a triangle where it is short.

        With L the length, v = min |v_i / u_i| and a = min |a_i / u_i|, it is L / v + v / a from L = v^2 / a on and
        2 sqrt(L / a) below. The planner's rounding to whole steps is left out.
        """
        level = _longest(dx, dy, self.rate, self.path_rate)  # L / v
        ramp = _longest(dx, dy, self.acceleration, self.path_acceleration)  # L / a
        peak = np.maximum(level, np.sqrt(ramp))
        # peak is L / v in a trapezoid and sqrt(L / a) in a triangle: in both the time is peak + (L / a) / peak.
        return peak + np.divide(ramp, peak, out=np.zeros_like(peak), where=peak > 0)


def _longest(
    dx: NDArray[np.float64], dy: NDArray[np.float64], axes: tuple[float, float], path: float
) -> NDArray[np.float64]:
    """The largest of |dx|, |dy| and the length, each over its limit."""
    each = [np.abs(mm) / limit for mm, limit in zip((dx, dy), axes, strict=True) if limit < math.inf]
    if path < math.inf:
        each.append(np.hypot(dx, dy) / path)
    return reduce(np.maximum, each, np.zeros_like(dx))


LENGTH = Rapids(path_rate=1.0)
"""Not a machine: its seconds are the millimetres travelled."""


def travel_seconds(lines: Sequence[np.ndarray], home: tuple[float, float], rapids: Rapids) -> float:
    """How long the pen travels in the air from ``home`` through the polylines (N, 2), mm, in order and back, s."""
    leave = np.array([home] + [line[-1] for line in lines], dtype=float)
    reach = np.array([line[0] for line in lines] + [home], dtype=float)
    return float(rapids.seconds(*(reach - leave).T).sum())
