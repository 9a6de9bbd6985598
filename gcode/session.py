"""One job on one machine, from its first line until the pen is up again: streamed, watched, paused, stopped.

A job is done when it is drawn and not when it is queued, a pause comes with the pen up, and whatever happens the pen is
left up and the place where the ink ends is in the journal.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from gcode.actions import Vec3, minus
from gcode.board import Board, Broken, Event, LinesLostError, Refused, Report, Taken
from gcode.course import Course
from gcode.journal import Journal, Stop
from gcode.pace import Pace
from gcode.pen import pen_lines
from gcode.profile import Pen, Profile
from gcode.program import Program
from gcode.streaming import Job
from gcode.transport import PlotterError

Activity = Literal["drawing", "pausing", "paused", "asking", "held"]
ON_THE_WAY = 0.05  # mm by which a position may miss the program's way: rounding to steps
GOING_ON = 1.0  # s in which a machine may still say that it is held, after it was told to go on


@dataclass(frozen=True)
class Progress:
    """Where a job is: complete strokes, and what the machine does, `why` where it stands.

    `paused`: the pen is up and nothing moves, `resume` goes on. `asking`: likewise, because the program wants something
    of a person, such as another pen. `held`: the machine was stopped at its own buttons or door, with the pen where it
    was; `resume` goes on here, too. `position` is the last one reported, mm as the program counts. `share` of the job's
    time, 0 to 1, and `seconds_left` go by that position, so that what the machine has queued is still to come.
    """

    activity: Activity
    why: str
    strokes_drawn: int
    strokes: int
    position: Vec3
    share: float
    seconds_left: float


@dataclass(frozen=True)
class Outcome:
    """How a job ended: `finished`, or cancelled after `strokes_drawn` of `strokes`; `seconds` by the clock."""

    finished: bool
    strokes_drawn: int
    strokes: int
    lines: int
    seconds: float


class _CancelledError(Exception):
    """`cancel` was called."""


class Session:
    """A program on its way to paper. `run` does it all; the rest may be called from other threads, or from `progress`.

    `settled`: the pen is up, or could not be lifted; it is not where a second Ctrl-C cut the attempt short.
    """

    def __init__(
        self,
        board: Board,
        profile: Profile,
        program: Program,
        progress: Callable[[Progress], None] | None,
        journal: Journal | None,
        start: float,
        offset: Vec3 | None,
        talking: threading.RLock,
    ) -> None:
        """Plan the program; nothing is sent. `start` and `offset` are as `Plotter.plot` has them; `talking` is held by
        whoever sends lines or reads answers."""
        self._board = board
        self._tell = progress
        self._journal = journal
        self._course = Course(program, profile)
        self._job = Job(self._course, board.ring, board.DRAIN, board.MARK, start)
        self._pace = Pace(self._course)
        self._report = _idle(board)
        self._offset = self._report.offset if offset is None else offset
        self._activity: Activity = "drawing"
        self._still = False  # the machine has said that it stands, and the job is at a stop
        self._doubtful: float | None = None  # a place behind which not all that was meant is drawn
        self._shown: tuple[object, ...] = ()
        self._pausing, self._at_once, self._cancelled = threading.Event(), threading.Event(), threading.Event()
        self._answered = threading.Event()
        self._released = -math.inf  # when the machine was last told to go on after a hold
        self._live = False  # resume and cancel may press the machine's buttons; changed by whoever may press them
        self._buttons = threading.Lock()
        self._talking = talking
        self.touched = start > 0.0 or offset is not None  # the head is not where the job left it, or counts otherwise
        self.settled = True

    # ---- what a person may do ----

    @property
    def stands(self) -> bool:
        """Whether the machine may be moved by hand now."""
        return self._activity in ("paused", "asking")

    def pause(self, now: bool) -> None:
        """As `Plotter.pause`."""
        if now:
            self._at_once.set()
        self._pausing.set()

    def resume(self) -> None:
        """As `Plotter.resume`."""
        self._at_once.clear()
        self._pausing.clear()
        self._answered.set()
        with self._buttons:
            if self._live and self._activity == "held" and not self._cancelled.is_set():
                self._board.release()
                self._released = time.monotonic()
                self._report = replace(self._report, state="run", still=False)

    def cancel(self) -> None:
        """As `Plotter.cancel`."""
        with self._buttons:
            if self._live:
                self._cancelled.set()
                self._board.hold()

    def set_pen(self, pen: Pen) -> None:
        """The heights of the pen from the next line on."""
        self._job.pen = pen

    def override(self, feed: int | None, rapid: int | None) -> None:
        """The percentages of feeds and of rapids, each as it was if None."""
        was_feed, was_rapid = self._pace.overrides
        feed, rapid = feed or was_feed, rapid or was_rapid
        if not 10 <= feed <= 200 or rapid not in (25, 50, 100):
            raise PlotterError("A feed is changed to 10 to 200 percent, the travel to 25, 50 or 100.")
        self._board.override(feed, rapid)
        self._pace.override(feed, rapid)

    # ---- the job ----

    def run(self) -> Outcome:
        """Draw until the end, a cancel, or an error, which is raised when the machine stands and the pen is up."""
        began = time.monotonic()
        self.settled = False
        if self._journal is not None:
            self._journal.begin(self._job.place, self._offset)
        try:
            self._draw()
        except _CancelledError:
            lifted, left = self._leave("cancelled")
            if not lifted:
                raise PlotterError(f"Cancelled, but {left}.") from None
            return self._outcome(False, began)
        except PlotterError as error:
            if isinstance(error, LinesLostError):
                self._doubtful = self._job.marked
            why = str(error).rstrip(".")
            raise PlotterError(f"{why}; {self._leave(why)[1]}.") from error
        except BaseException as error:
            lifted, left = self._leave("interrupted" if isinstance(error, KeyboardInterrupt) else repr(error))
            if isinstance(error, KeyboardInterrupt) and not lifted:
                raise PlotterError(f"Stopped, but {left}.") from None
            raise
        self.settled = True
        if self._journal is not None:
            self._journal.end(self._stood(True, finished=True), "finished")
        return self._outcome(True, began)

    def _outcome(self, finished: bool, began: float) -> Outcome:
        strokes = len(self._course.strokes)
        seconds = time.monotonic() - began
        return Outcome(finished, self._drawn, strokes, self._job.acknowledged, seconds)

    @property
    def _drawn(self) -> int:
        return self._course.drawn(self._job.place)

    def _draw(self) -> None:
        """Stream and stand by turns, until the job is done."""
        while True:
            if self.touched:
                self._take_up()
            self._let_press(True)
            self._stream()
            if self._job.done and not self.touched:
                self._let_press(False)
                if self._cancelled.is_set():  # too late to stop anything, but the machine is in hold now
                    raise _CancelledError
                return
            self._stand()

    def _let_press(self, live: bool) -> None:
        with self._buttons:
            self._live = live

    def _take_up(self) -> None:
        """Make the machine count as the job does, and begin again at the job's place."""
        report = self._board.where()
        if math.dist(report.offset, self._offset) > 1e-3:
            self._board.place(self._work(report.position))
        self._job.take_up()
        self.touched = False

    def _stream(self) -> None:
        """Feed the machine's buffer, count its answers and watch it; returns with the machine at rest and the pen up:
        at the end, at a question, at a pause."""
        job, board = self._job, self._board
        self._still = False
        while not self._still:
            if self._cancelled.is_set():
                raise _CancelledError
            if self._at_once.is_set():
                if not self._stop_and_lift():
                    raise PlotterError("The plotter does not stop")
                self.touched = True
                return
            while (line := job.take(board.fits, self._pausing.is_set())) is not None:
                if self._journal is not None:
                    self._journal.sent(job.sent)
                board.send(line)
            before = self._drawn, self._report
            for event in board.listen():
                self._heed(event)
            board.tend(job.oldest.wait if job.oldest else 0.0)
            if self._journal is not None and before != (self._drawn, self._report):
                self._journal.at(job.place)
            self._activity, why = self._doing()
            self._show(why)

    def _heed(self, event: Event) -> None:
        job = self._job
        match event:
            case Taken():
                job.acknowledge()
                if job.at_rest:
                    self._board.hasten()
            case Refused():
                if job.oldest is not None and job.oldest.block:
                    self._doubtful = float(self._course.firsts[job.oldest.block - 1])
                raise PlotterError(_refusal(job, event.why))
            case Broken():
                raise PlotterError(event.why)
            case Report():
                # A report that was on its way when the machine was told to go on would ask the person twice.
                if event.state in ("hold", "door") and time.monotonic() < self._released + GOING_ON:
                    event = replace(event, state="run", still=False)
                self._report = event
                self._still = job.at_rest and event.state == "idle"
                job.seen_at(self._work(event.position), ON_THE_WAY)

    def _stand(self) -> None:
        """Wait, pen up, for a person to go on."""
        question = None if self.touched else self._job.question
        self._answered.clear()
        asking = question is not None
        self._activity = "asking" if asking else "paused"
        self._show((question or "the program asks for a pause (M0)") if asking else "paused")
        while (asking or self._pausing.is_set()) and not self._answered.is_set():
            if self._cancelled.is_set():
                raise _CancelledError
            with self._talking:
                for event in self._board.listen():
                    if isinstance(event, Broken):
                        raise PlotterError(event.why)
                self._board.tend(0.0)
        with self._talking:
            self._activity = "drawing"
        if asking:
            self._job.answer_question()

    def _doing(self) -> tuple[Activity, str]:
        if self._report.state == "hold" and self._report.still:
            return "held", "held by the plotter's own hold button: release it there, or go on here"
        if self._report.state == "door":
            return "held", "the plotter's door is open: close it, then go on"
        return ("pausing", "pausing at the next pen-up") if self._pausing.is_set() else ("drawing", "")

    def _show(self, why: str) -> None:
        now = (self._activity, self._drawn, self._report)
        if self._tell is None or now == self._shown:
            return
        self._shown = now
        place, position = self._job.place, self._work(self._report.position)
        strokes = len(self._course.strokes)
        share, left = self._pace.share(place), self._pace.left(place)
        self._tell(Progress(self._activity, why, self._drawn, strokes, position, share, left))

    def _work(self, position: Vec3) -> Vec3:
        """A place in machine coordinates as the job counts."""
        return minus(position, self._offset)

    # ---- stopping ----

    def _leave(self, why: str) -> tuple[bool, str]:
        """Stop, lift the pen and close the journal; whether it was lifted, and a clause that says so."""
        lifted = self._stop_and_lift()
        self.settled = True
        if self._doubtful is not None:
            self._job.place = min(self._job.place, self._doubtful)
        if self._journal is not None:
            self._journal.end(self._stood(lifted, finished=False), why)
        pen = "the pen is up" if lifted else "the pen could not be lifted: lift it by hand"
        return lifted, f"{self._drawn} of {len(self._course.strokes)} strokes are drawn and {pen}"

    def _stood(self, lifted: bool, finished: bool) -> Stop:
        """How the job is left, for its journal."""
        board, job, position = self._board, self._job, self._report.position
        known = position if lifted and board.known else None
        drift = position if board.restarted else (0.0, 0.0, 0.0)
        return Stop(job.place, job.sent, self._offset, known, drift, lifted, finished, crashed=False)

    def _stop_and_lift(self) -> bool:
        """Stop, forget what is queued, lift the pen; False where the machine did not follow."""
        self._let_press(False)
        try:
            if not self._board.stop():
                return False
            position = self._board.where().position
            height: float | None = None
            if self._board.known:
                self._job.seen_at(self._work(position), ON_THE_WAY)
                height = self._work(position)[2]
            lift(self._board, replace(self._course.profile, pen=self._job.pen), height)
            self._report = self._board.where()
        except PlotterError:
            return False
        return True


def lift(board: Board, profile: Profile, height: float | None) -> None:
    """Lift the pen of a machine whose offsets are gone; `height` is that of a Z pen, mm, None where it is not known:
    then it is taken to be on the paper. Raises PlotterError."""
    if profile.pen.kind == "servo":
        lines = pen_lines(profile, down=False)
    else:
        way = profile.pen.up - (profile.pen.down if height is None else height)
        lines = ["G21", "G91", f"G0Z{way:.3f}", board.DRAIN, "G90"]
    for line in lines:
        board.command(line)


def _idle(board: Board) -> Report:
    report = board.where()
    if report.state == "alarm":
        raise PlotterError("The plotter is locked by an alarm: plot with --home, or `plotbot machine unlock` it.")
    if report.state != "idle":
        raise PlotterError(f"The plotter is not idle, it says {report.state}; let it finish or reset it, then plot.")
    return report


def _refusal(job: Job, why: str) -> str:
    line = job.oldest
    if line is None or not line.block:
        return f"The plotter refused a line of the driver's own with {why}"
    return f"The plotter refused line {line.block} of the program, {line.text!r}, with {why}"
