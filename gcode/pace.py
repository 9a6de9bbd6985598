"""How much of a job's time is over, and how much is left, by the place that it has reached."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from gcode.course import Course
from gcode.motion import timetable_of


class Pace:
    """The seconds of a course, step by step, under the `overrides` in force (percent of feeds and of rapids)."""

    def __init__(self, course: Course) -> None:
        """Plan the course's motion."""
        self._course = course
        self.overrides = (100, 100)
        self._planned = self._now = self._plan()

    def share(self, place: float) -> float:
        """The share of the job's planned time that is over at a place, 0 to 1."""
        whole = float(self._planned[-1])
        return _at(self._planned, place) / whole if whole else 1.0

    def left(self, place: float) -> float:
        """Seconds from a place to the end, as things stand."""
        return float(self._now[-1]) - _at(self._now, place)

    def override(self, feed: int, rapid: int) -> None:
        """Plan again, in the background, since a large job takes a second: a machine that is drawing cannot wait."""
        self.overrides = (feed, rapid)

        def plan() -> None:
            seconds = self._plan()
            if self.overrides == (feed, rapid):
                self._now = seconds

        threading.Thread(target=plan, daemon=True).start()

    def _plan(self) -> NDArray[np.float64]:
        """Seconds at the places 0, 1, 2, ... (S + 1,)."""
        feed, rapid = self.overrides
        course = self._course
        plan = timetable_of(course.steps, course.profile, course.point(0.0), feed / 100.0, rapid / 100.0)
        return np.concatenate(([0.0], plan.ends))


def _at(seconds: NDArray[np.float64], place: float) -> float:
    """Seconds at a place: within a step, as if it went evenly."""
    i = min(int(place), len(seconds) - 1)
    ahead = min(i + 1, len(seconds) - 1)
    return float(seconds[i] + (place - i) * (seconds[ahead] - seconds[i]))
