"""A GRBL plotter on a port: connect, plot, pause, resume, cancel.

The rules are those of GRBL's interface.md and of what its users report: count the bytes that are written, take
only `ok` and `error:N` for answers, call a job done when it is drawn and not when it is queued, never hold with
the pen on the paper, and leave the pen up whatever happens. No command that writes the board's EEPROM is sent.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from gcode.grbl.replies import (
    HOLD,
    RESET,
    RESUME,
    RX_BUFFER,
    SLOTS,
    STATUS,
    Alarm,
    Banner,
    Error,
    Message,
    Ok,
    Reply,
    Setting,
    Status,
    parse,
)
from gcode.profile import Profile
from gcode.program import Program
from gcode.streaming import DRAIN, Job
from gcode.transport import PlotterError, Port, open_port

Activity = Literal["drawing", "pausing", "paused", "held"]
_BUFFERS = re.compile(r"\[OPT:[^,]*,(\d+),(\d{2,})")  # what $I tells: moves in the ring, bytes of RX buffer
_NOISE = 4096  # bytes without a line end that no GRBL sends


@dataclass(frozen=True)
class Timing:
    """How long the driver waits, in seconds: longer on slow links."""

    poll: float = 0.2  # between two status queries; GRBL wants no more than 5 a second
    banner: float = 3.0  # for a board to start: 1 to 2 s with a boot loader
    answer: float = 5.0  # for the answer to a line sent alone, and to a status query
    hold: float = 5.0  # for a moving head to come to a stop
    silence: float = 5.0  # of unanswered status queries until the machine counts as gone
    idle: float = 4.0  # of standing still with lines unanswered until these count as lost


@dataclass(frozen=True)
class Progress:
    """Where a job is: complete strokes, and what the machine does.

    `paused`: the pen is up and nothing moves, `resume` goes on. `held`: the machine was stopped at its own
    buttons or by an M0 in the program, with the pen where it was; `resume` goes on here, too. `position` is the
    last one reported, mm in machine coordinates.
    """

    activity: Activity
    strokes_drawn: int
    strokes: int
    position: tuple[float, ...] | None


@dataclass(frozen=True)
class Report:
    """How a job ended: `finished`, or cancelled after `strokes_drawn` of `strokes`; `seconds` by the clock."""

    finished: bool
    strokes_drawn: int
    strokes: int
    lines: int
    seconds: float


class _CancelledError(Exception):
    """`cancel` was called."""


class Plotter:
    """One connected machine; a context manager that closes the port, with the pen up.

    `plot` runs in the thread that calls it; `pause`, `resume` and `cancel` are for other threads (or for the
    progress callback) and return at once.
    """

    def __init__(self, port: Port, profile: Profile, timing: Timing) -> None:
        """Take an open port; `connect` makes these."""
        self._port, self._profile, self._timing = port, profile, timing
        self._writing = threading.Lock()
        self._received = b""
        self._status = Status("")
        self._message = ""
        self._wco: tuple[float, ...] = (0.0, 0.0, 0.0)
        self._position_known = True  # no reset and no alarm since the job began
        self._unsafe = False  # the pen may be on the paper
        self._streaming = False  # resume and cancel may send their bytes; changed by whoever may write
        self._paused, self._cancelled = threading.Event(), threading.Event()
        self._unit = 1.0  # mm of a reported length
        self._rx, self._ring = RX_BUFFER, SLOTS
        self._unanswered = self._idle = 0  # status queries in a row
        self._polled = 0.0

    @classmethod
    def connect(cls, port: str, profile: Profile, timing: Timing | None = None) -> Plotter:
        """Open `port` (a device or `socket://host:port`) and greet the GRBL board there.

        Raises PlotterError where there is no port or no GRBL, and where the board is in laser mode ($32=1) while
        the profile's pen is a servo, which would then move on its own. A locked board stays locked.
        """
        plotter = cls(open_port(port, profile.baud), profile, timing or Timing())
        try:
            plotter._greet()
        except BaseException:
            plotter.close()
            raise
        return plotter

    def __enter__(self) -> Plotter:
        """The plotter itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the port."""
        self.close()

    def close(self) -> None:
        """Lift the pen where an interrupted job has left it down, and close the port."""
        if self._unsafe:
            self._abort()
        self._port.close()

    def _greet(self) -> None:
        """Wait for the banner; a board that did not restart when the port was opened is asked to."""
        banner = self._wait_for(Banner, self._timing.banner)
        if banner is None:
            self._write(RESET)
            banner = self._wait_for(Banner, self._timing.banner)
        if banner is None:
            heard = f"but says {self._message[:40]!r}" if self._message else "and says nothing"
            raise PlotterError(
                f"What is on {self._port.name} does not speak GRBL {heard}; check the port and the baud rate."
            )
        settings = {said.number: said.value for said in self._command("$$") if isinstance(said, Setting)}
        if self._profile.pen.kind == "servo" and settings.get(32):
            raise PlotterError(
                "The plotter is in laser mode ($32=1), where a servo pen moves on its own; set $32=0, then connect."
            )
        self._unit = 25.4 if settings.get(13) else 1.0
        for said in self._command("$I"):
            if isinstance(said, Message) and (match := _BUFFERS.match(said.text)):
                self._ring = int(match[1])
                self._rx = min(int(match[2]), RX_BUFFER)

    def _require_idle(self) -> None:
        state = self._query().state
        if state == "Alarm":
            raise PlotterError("The plotter is locked by an alarm; home it ($H) or unlock it ($X), then plot.")
        if state != "Idle":
            raise PlotterError(f"The plotter is not idle, it says {state}; let it finish or reset it, then plot.")

    # ---- jobs ----

    def plot(self, program: Program, progress: Callable[[Progress], None] | None = None) -> Report:
        """Draw the program and return when it is drawn and the machine stands still, or was cancelled.

        `progress` is called from here whenever a stroke is complete, the activity changes or a status arrives.
        Raises PlotterError, one sentence, on everything that can go wrong; then, and on Ctrl-C and any error
        of `progress`, the machine is stopped and the pen lifted first, as long as it still listens.
        """
        job = Job(program, self._profile, self._rx, self._ring)
        self._require_idle()
        self._paused.clear()
        self._cancelled.clear()
        self._position_known = self._unsafe = self._streaming = True
        start = time.monotonic()
        finished = False
        try:
            self._stream(job, progress)
            finished = True
        except _CancelledError:
            if not self._abort():
                raise PlotterError(f"Cancelled, but {_pen_left(job, lifted=False)}.") from None
        except PlotterError as error:
            lifted = self._abort()
            raise PlotterError(f"{str(error).rstrip('.')}; {_pen_left(job, lifted)}.") from error
        except BaseException:
            self._abort()
            raise
        self._unsafe = False
        seconds = time.monotonic() - start
        return Report(finished, job.drawn, job.strokes, job.acknowledged, seconds)

    def pause(self) -> None:
        """Stop at the next pen-up and stay there, pen up, until `resume`."""
        self._paused.set()

    def resume(self) -> None:
        """Go on after `pause`, after an M0 or after the hold button of the machine."""
        self._paused.clear()
        with self._writing:
            if self._streaming and self._status.state in ("Hold", "Door") and not self._cancelled.is_set():
                self._port.write(RESUME)

    def cancel(self) -> None:
        """Stop now and for good: slow down, forget what is queued, lift the pen; `plot` then returns."""
        with self._writing:
            if self._streaming:
                self._cancelled.set()
                self._port.write(HOLD)

    def _stream(self, job: Job, progress: Callable[[Progress], None] | None) -> None:
        """The streaming loop: feed the machine's buffer, count its answers, watch it, until it stands still."""
        shown: tuple[Activity, int, Status] | None = None
        self._unanswered = self._idle = 0
        still = False
        while not (job.done and still):
            if self._cancelled.is_set():
                raise _CancelledError
            if data := job.feed(self._paused.is_set()):
                self._write(data)
            for reply in self._replies():
                if isinstance(reply, Ok):
                    job.acknowledge()
                    self._idle = 0
                    if job.done:
                        self._polled = -math.inf
                elif isinstance(reply, Error):
                    raise PlotterError(_refusal(job, reply))
                elif isinstance(reply, Alarm):
                    raise PlotterError(f"The plotter stopped itself with {reply}")
                elif isinstance(reply, Banner):
                    raise PlotterError("The plotter's board was reset in the middle of the job")
                elif isinstance(reply, Status):
                    self._idle = self._idle + 1 if reply.state == "Idle" and job.waiting else 0
                    still = job.done and reply.state == "Idle"
            self._watch(job)
            now = (self._activity(job), job.drawn, self._status)
            if progress is not None and now != shown:
                place = self._status.machine(self._wco)
                here = tuple(value * self._unit for value in place) if place else None
                progress(Progress(now[0], job.drawn, job.strokes, here))
                shown = now
        with self._writing:
            self._streaming = False
        if self._cancelled.is_set():  # too late to stop anything, but the machine is in hold now
            raise _CancelledError

    def _watch(self, job: Job) -> None:
        """Ask for the status, and tell a machine that is gone or has lost lines from one that is at work.

        A line lost on the wire has no other symptom than a machine that stands idle and owes an answer.
        """
        if time.monotonic() - self._polled < self._timing.poll:
            return
        self._write(STATUS)
        self._polled = time.monotonic()
        self._unanswered += 1
        if self._unanswered > self._timing.silence / self._timing.poll:
            raise PlotterError(
                f"The plotter has not answered for {self._timing.silence:g} s; check its power and its cable"
            )
        patience = self._timing.idle + (job.oldest.wait if job.oldest else 0.0)
        if self._idle > patience / self._timing.poll:
            raise PlotterError("The plotter stands still and has lost part of what was sent; try a better cable")

    def _activity(self, job: Job) -> Activity:
        if self._status.state in ("Hold", "Door"):
            return "held"
        if not self._paused.is_set():
            return "drawing"
        return "paused" if job.drained and not job.waiting else "pausing"

    # ---- stopping ----

    def _abort(self) -> bool:
        """Stop, forget what is queued, lift the pen; False where the machine did not follow."""
        with self._writing:
            self._streaming = False
        try:
            lifted = self._stop_and_lift()
        except PlotterError:
            lifted = False
        self._unsafe = False  # stays set where Ctrl-C came in between: `close` tries again
        return lifted

    def _stop_and_lift(self) -> bool:
        if self._position_known:
            self._hold()
        self._write(RESET)
        if self._wait_for(Banner, self._timing.banner) is None:
            return False
        if self._query().state == "Alarm":
            self._command("$X")  # a locked board would not lift the pen
        pen = self._profile.pen
        if pen.kind == "servo":
            self._command(f"M3S{pen.up:.3f}G4P{pen.up_delay:.3f}")
        else:  # relative, since the reset has cleared offsets and perhaps the zero, too
            self._command("G21G91")
            self._command(f"G0Z{self._way_up():.3f}")
            self._command(DRAIN.decode().strip())
            self._command("G90")
        return True

    def _hold(self) -> None:
        """Slow down to a stop, which a reset may then follow without the position being lost."""
        self._write(HOLD)
        end = time.monotonic() + self._timing.hold
        while time.monotonic() < end:
            status = self._query()
            if status.state == "Alarm" or (status.state, status.substate) == ("Hold", 0):
                return

    def _way_up(self) -> float:
        """mm from a Z pen's height to `up`, in work coordinates; from the paper where the height is not known."""
        pen = self._profile.pen
        place = self._status.work(self._wco) if self._position_known else None
        return pen.up - (place[2] * self._unit if place else pen.down)

    # ---- talking ----

    def _write(self, data: bytes) -> None:
        with self._writing:
            self._port.write(data)

    def _replies(self) -> Iterator[Reply]:
        """What the board has said meanwhile."""
        self._received += self._port.read()
        if len(self._received) > _NOISE and b"\n" not in self._received:
            raise PlotterError(f"What comes from {self._port.name} is noise; check the baud rate of the profile")
        while b"\n" in self._received:
            line, _, self._received = self._received.partition(b"\n")
            if not line.strip():
                continue
            reply = parse(line.decode("ascii", "replace"))
            self._unanswered = 0
            if isinstance(reply, Status):
                self._status = reply
                self._wco = reply.wco or self._wco
            elif isinstance(reply, Alarm | Banner):
                self._position_known = False
            elif isinstance(reply, Message):
                self._message = reply.text
            yield reply

    def _wait_for(self, kind: type[Reply], seconds: float) -> Reply | None:
        """The next reply of a kind, past all others; None where it does not come in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for reply in self._replies():
                if isinstance(reply, kind):
                    return reply
        return None

    def _query(self) -> Status:
        """Ask for the status and wait for it."""
        self._write(STATUS)
        if self._wait_for(Status, self._timing.answer) is None:
            raise PlotterError(f"The plotter on {self._port.name} does not tell its status; switch it off and on")
        return self._status

    def _command(self, line: str) -> list[Reply]:
        """Send a line with nothing else under way; what was said until its ok. Raises PlotterError on error:N."""
        self._write(f"{line}\n".encode("ascii"))
        said: list[Reply] = []
        end = time.monotonic() + self._timing.answer
        while time.monotonic() < end:
            for reply in self._replies():
                if isinstance(reply, Ok):
                    return said
                if isinstance(reply, Error | Alarm):
                    raise PlotterError(f"The plotter refuses {line!r}: {reply}.")
                if isinstance(reply, Banner):
                    raise PlotterError(f"The plotter's board was reset when it was sent {line!r}.")
                said.append(reply)
        raise PlotterError(f"The plotter does not answer {line!r}; switch it off and on, then connect again.")


def _refusal(job: Job, error: Error) -> str:
    line = job.oldest
    if line is None:
        return f"The plotter refused to wait for its own motion with {error}"
    return f"The plotter refused line {line.block} of the program, {line.data.decode().strip()!r}, with {error}"


def _pen_left(job: Job, lifted: bool) -> str:
    pen = "the pen is up" if lifted else "the pen could not be lifted: lift it by hand"
    return f"{job.drawn} of {job.strokes} strokes are drawn and {pen}"
