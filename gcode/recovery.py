"""Finding out, on a machine that comes back, where a job's ink ends and where its zero is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from gcode.actions import Vec3, minus
from gcode.course import Course
from gcode.journal import Stop
from gcode.plotter import Plotter
from gcode.program import parked
from gcode.session import ON_THE_WAY, lift
from gcode.transport import PlotterError

BY_EYE = 1.0  # mm by which a person may miss the mark


@dataclass(frozen=True)
class Recovery:
    """Where to go on: `start` is the place, `offset` what the job's coordinates lack of the machine's; `how` it was
    found, a clause for the person beside the machine."""

    start: float
    offset: Vec3
    how: str


def recover(
    plotter: Plotter, course: Course, stop: Stop, mark: Callable[[Plotter], None] | None, whole: bool = False
) -> Recovery:
    """Find the place at which a job stopped; the pen is lifted first, and a machine with homing switches homed.

    A machine that still knows its position tells by itself where its pen stopped. One that has lost it (a board takes
    for zero where it restarts) is brought by `mark` over the job's mark, where the head stood when the job began, pen
    up: how far it had to be moved tells the same. `whole`: the stroke that was cut is drawn again from its start.
    Raises PlotterError where the job is finished, or a mark is needed and there is nobody to ask.
    """
    if stop.finished:
        raise PlotterError("This job is finished: nothing is left to draw.")
    board = plotter.board
    found = board.still(math.inf)
    if found.state == "alarm":
        board.unlock()
    here = minus(found.position, stop.offset)
    place = _remembered(found.position, here, course, stop)
    known = place is not None
    if known or not stop.lifted or plotter.profile.pen.kind == "servo":  # a Z pen of unknown height is not lifted twice
        lift(board, plotter.profile, here[2] if known else None)
    offset = stop.offset
    if known:
        how = "the plotter knows where it stopped"
    elif board.homes:
        plotter.home()
        how = "the plotter has found its zero again by its switches"
    elif mark is not None:
        before = board.where().position
        mark(plotter)
        after = board.where().position
        offset = minus(after, parked(plotter.profile))
        moved = math.dist(before[:2], after[:2]) > 0.0
        stopped = minus(minus(before, stop.drift), offset)
        place = _place(course, stop, stopped, BY_EYE, flat=True) if moved else None
        how = "by the way to the mark" if place is not None else "by the mark"
    else:
        raise PlotterError(
            "The plotter has lost its place since the job stopped: bring the head over the mark where the job began."
        )
    if place is None:  # a machine whose driver was gone has drawn all it had; another has told where it was
        place = stop.sent if stop.crashed else stop.place
    return Recovery(course.stroke_start(place) if whole else place, offset, how)


def _remembered(position: Vec3, here: Vec3, course: Course, stop: Stop) -> float | None:
    """The place where a machine stands that still counts as when the job stopped; None for one that has lost count. A
    board that restarted says 0, 0, 0."""
    if stop.position is not None:
        remembers = math.dist(position, stop.position) <= ON_THE_WAY
    else:
        restarted = math.dist(position, (0.0, 0.0, 0.0)) == 0.0
        remembers = (stop.crashed or not stop.lifted) and not restarted  # nobody has seen it stop
    return _place(course, stop, here, ON_THE_WAY, flat=False) if remembers else None


def _place(course: Course, stop: Stop, here: Vec3, tolerance: float, flat: bool) -> float | None:
    """The place between the last one known and the last one sent. What had run out stands at the end of what was sent;
    what was cut off stands where it is first met."""
    if stop.position is not None:
        return stop.place  # the head was moved after the stop, to lift the pen
    end = course.point(stop.sent)
    apart = math.dist(here[:2], end[:2]) if flat else math.dist(here, end)
    if apart <= ON_THE_WAY:
        return stop.sent
    return course.locate(here, stop.place, stop.sent, tolerance, flat)
