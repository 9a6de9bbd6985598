"""A GRBL 1.1 board, or one that speaks its language (grblHAL, FluidNC), on a port.

The rules are those of gnea/grbl's interface.md: the bytes of unanswered lines never exceed the board's buffer; only
`ok` and `error:N` answer a line; settings are written one at a time with nothing in flight. Nothing here writes
the EEPROM but `command`, on request.
"""

from __future__ import annotations

import math
import re
import time
from collections import deque
from collections.abc import Iterator
from types import UnionType
from typing import ClassVar

from gcode.actions import MM_PER_INCH, Vec3
from gcode.board import Board, Broken, Event, LinesLostError, Refused, Report, State, Taken, Timing
from gcode.grbl.replies import (
    HOLD,
    JOG_CANCEL,
    RESET,
    RESUME,
    RX_BUFFER,
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
from gcode.transport import PlotterError, Port

_BUFFERS = re.compile(r"\[OPT:[^,]*,(\d{1,4}),(\d{2,5})(?!\d)")  # what $I tells: moves in the ring, bytes of RX buffer
_STATES: dict[str, State] = {
    "Idle": "idle",
    "Run": "run",
    "Hold": "hold",
    "Door": "door",
    "Alarm": "alarm",
    "Jog": "jog",
    "Home": "home",
    "Check": "check",
    "Sleep": "sleep",
}
_RAPIDS = {100: b"\x95", 50: b"\x96", 25: b"\x97"}


class GrblBoard(Board):
    """The GRBL side of `Board`."""

    DRAIN: ClassVar[str] = "G4P.01"
    MARK: ClassVar[str] = "$G"  # answered in any state but an alarm, and by more than an ok

    def __init__(self, port: Port, profile: Profile, timing: Timing) -> None:
        """Take an open port."""
        super().__init__(port, profile, timing)
        self._rx = RX_BUFFER
        self._unanswered: deque[str] = deque()
        self._bytes = 0  # of them, with their ends
        self._wco: Vec3 = (0.0, 0.0, 0.0)
        self._unit = 1.0  # mm of a reported length
        self._said = ""
        self._deaf = False  # an alarm may leave the board deaf to all but a reset
        self._polled = -math.inf
        # In a row: queries unanswered; reports of standing idle with lines unanswered; of running and staying in place.
        self._queries = self._idle = self._stuck = 0
        self._seen: Vec3 | None = None

    # ---- connecting ----

    def greet(self) -> None:
        """Wait for the banner; a board that did not restart when the port was opened finishes what it has, then is
        reset. Raises PlotterError where nobody speaks GRBL, and in laser mode ($32=1) with a servo pen."""
        if self._wait_for(Banner, self.timing.banner) is None and not self._finishes():
            self.write(RESET)
            if self._wait_for(Banner, self.timing.banner) is None:
                heard = f"but says {self._said[:40]!r}" if self._said else "and says nothing"
                raise PlotterError(
                    f"What is on {self.port.name} does not speak GRBL {heard}; check the port and the baud rate."
                )
        self.known, self.restarted = True, False
        settings = self.settings()
        if self.profile.pen.kind == "servo" and settings.get("$32"):
            raise PlotterError(
                "The plotter is in laser mode ($32=1), where a servo pen moves on its own; set $32=0, then connect."
            )
        self.homes = bool(settings.get("$22"))
        self._unit = MM_PER_INCH if settings.get("$13") else 1.0
        for text in self.command("$I"):
            if match := _BUFFERS.match(text):
                self.ring, self._rx = int(match[1]), int(match[2])

    def _finishes(self) -> bool:
        """Wait for a board that is still drawing for a sender that is gone: a reset in motion would cost its position.
        Whether it has restarted meanwhile."""
        self.write(STATUS)
        said = self._wait_for(Status | Banner, self.timing.poll * 2)
        while isinstance(said, Status) and said.state in ("Run", "Jog", "Home"):
            self.write(STATUS)
            said = self._wait_for(Status | Banner, self.timing.answer)
        return isinstance(said, Banner)

    def settings(self) -> dict[str, float]:
        """The `$$` listing."""
        found: dict[str, float] = {}
        for text in self.command("$$"):
            if isinstance(said := parse(text), Setting):
                found[f"${said.number}"] = said.value
        return found

    # ---- lines and answers ----

    @property
    def waiting(self) -> int:
        """How many lines are unanswered."""
        return len(self._unanswered)

    def fits(self, line: str) -> bool:
        """Whether the line's bytes, its end counted, find room beside those unanswered; alone any line does, for the
        board reads it as it comes, whatever size of buffer it has told."""
        return not self._unanswered or self._bytes + len(line) + 1 <= self._rx

    def send(self, line: str) -> None:
        """Send a line that fits."""
        self._unanswered.append(line)
        self._bytes += len(line) + 1
        self.write(f"{line}\n".encode("ascii"))

    def listen(self) -> Iterator[Event]:
        """The meaning of what has arrived."""
        for reply in self._replies():
            if (event := self._event(reply)) is not None:
                yield event

    def _event(self, reply: Reply) -> Event | None:
        match reply:
            case Ok() | Error():
                if not self._unanswered:
                    raise PlotterError("The plotter answers more than it was asked: another program talks to it, too")
                self._bytes -= len(self._unanswered.popleft()) + 1
                self._idle = self._stuck = 0
                return Taken() if isinstance(reply, Ok) else Refused(str(reply))
            case Alarm():
                return Broken(f"The plotter stopped itself with {reply}")
            case Banner():
                return Broken("The plotter's board was reset in the middle of the job")
            case Message() if reply.text.startswith("[GC:"):
                self._check_mark()
            case Status():
                if (report := self._report(reply)) is None:
                    return None
                self._idle = self._idle + 1 if report.state == "idle" and self._unanswered else 0
                self._stuck = self._stuck + 1 if (report.state, report.position) == ("run", self._seen) else 0
                self._seen = report.position
                return report
        return None

    def _check_mark(self) -> None:
        """A mark is answered: it must be the oldest line without an answer, or lines before it were lost."""
        lost = self._unanswered.index(self.MARK) if self.MARK in self._unanswered else 0
        if lost:
            lines = "a line" if lost == 1 else f"{lost} lines"
            raise LinesLostError(f"The plotter has lost {lines} of what was sent; try a better cable")

    def _replies(self) -> list[Reply]:
        replies = [parse(line) for line in self.lines()]
        for reply in replies:
            if isinstance(reply, Ok | Error | Status):  # a board may chatter on that does not listen
                self._queries = 0
            if isinstance(reply, Status) and reply.wco is not None:
                x, y, z = reply.wco[:3]
                self._wco = (x, y, z)
            elif isinstance(reply, Banner | Alarm):
                if isinstance(reply, Banner) and not self._deaf:  # after an alarm it goes on counting where it was
                    self.restarted = True
                self._deaf = isinstance(reply, Alarm)
                # ALARM:2 comes before the move that it forbids.
                self.known = self.known and isinstance(reply, Alarm) and reply.code == 2
            elif isinstance(reply, Message):
                self._said = reply.text
        return replies

    def _report(self, status: Status) -> Report | None:
        place = status.machine(self._wco)
        if place is None:
            return None
        x, y, z = (value * self._unit for value in place[:3])
        wx, wy, wz = (value * self._unit for value in self._wco)
        state = _STATES[status.state]
        still = state in ("idle", "alarm", "sleep", "check") or (state in ("hold", "door") and not status.substate)
        return Report(state, (x, y, z), (wx, wy, wz), still)

    # ---- watching ----

    def hasten(self) -> None:
        """Ask for a report at the next `tend`."""
        self._polled = -math.inf

    def tend(self, wait: float) -> None:
        """Ask for the status, and tell a machine that is gone or has lost lines from one that is at work.

        A line lost on the wire has no other symptom than a machine that stands idle and owes an answer.
        """
        if time.monotonic() - self._polled < self.timing.poll:
            return
        self.write(STATUS)
        self._polled = time.monotonic()
        self._queries += 1
        if self._queries > self.timing.silence / self.timing.poll:
            raise PlotterError(
                f"The plotter has not answered for {self.timing.silence:g} s; check its power and its cable"
            )
        if self._stuck > (self.timing.stuck + wait) / self.timing.poll:
            raise PlotterError(
                f"The plotter says that it runs, and has not moved for {self.timing.stuck:g} s; switch it off and on"
            )
        if self._idle > (self.timing.idle + wait) / self.timing.poll:
            raise LinesLostError("The plotter stands still and has lost part of what was sent; try a better cable")

    def where(self) -> Report:
        """Ask for the status and wait for it; what else is said meanwhile counts for `known` only."""
        self.write(STATUS)
        end = time.monotonic() + self.timing.answer
        while time.monotonic() < end:
            for reply in self._replies():
                if isinstance(reply, Status) and (report := self._report(reply)) is not None:
                    return report
        raise PlotterError(f"The plotter on {self.port.name} does not tell its status; switch it off and on.")

    def command(self, line: str, patience: float | None = None) -> list[str]:
        """Send a line alone and wait for its ok."""
        self.write(f"{line}\n".encode("ascii"))
        said: list[str] = []
        end = time.monotonic() + (self.timing.answer if patience is None else patience)
        while time.monotonic() < end:
            for text in self.lines():
                reply = parse(text)
                if isinstance(reply, Ok):
                    return said
                if isinstance(reply, Error | Alarm):
                    raise PlotterError(f"The plotter refuses {line!r}: {reply}.")
                if isinstance(reply, Banner):
                    raise PlotterError(f"The plotter's board was reset when it was sent {line!r}.")
                said.append(text)
        raise PlotterError(f"The plotter does not answer {line!r}; switch it off and on, then connect again.")

    def _wait_for(self, kind: type[Reply] | UnionType, seconds: float) -> Reply | None:
        """The next reply of a kind, past all others; None where it does not come in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for reply in self._replies():
                if isinstance(reply, kind):
                    return reply
        return None

    # ---- stopping and adjusting ----

    def hold(self) -> bool:
        """Feed hold (`!`)."""
        self.write(HOLD)
        return True

    def release(self) -> None:
        """Cycle start (`~`)."""
        self.write(RESUME)

    def stop(self) -> bool:
        """`!`, wait for Hold:0, then 0x18: no alarm, the position survives, and what is queued is gone."""
        self._unanswered.clear()
        self._bytes = 0
        self._idle = self._queries = self._stuck = 0
        restarted = self.restarted
        known = self.known and (self._deaf or self._come_to_rest())
        self.write(RESET)
        if self._wait_for(Banner, self.timing.banner) is None:
            return False
        if self.where().state == "alarm":
            self.unlock()  # a locked board would not lift the pen
        self.known, self.restarted = known, restarted
        return True

    def _come_to_rest(self) -> bool:
        self.write(HOLD)
        end = time.monotonic() + self.timing.hold
        try:
            while self.known and not self._deaf and time.monotonic() < end:
                if (report := self.where()).still:
                    return report.state != "alarm"
        except PlotterError:
            pass  # it is deaf to all but a reset
        return False

    def override(self, feed: int, rapid: int) -> None:
        """By GRBL's real-time bytes: back to 100 %, then in tens and ones."""
        tens, ones = divmod(abs(feed - 100), 10)
        up = feed >= 100
        steps = (b"\x91" if up else b"\x92") * tens + (b"\x93" if up else b"\x94") * ones
        self.write(b"\x90" + steps + _RAPIDS[rapid])

    # ---- by hand ----

    def jog(self, target: Vec3, feed: float) -> None:
        """`$J=` in machine coordinates; an interruption (Ctrl-C) cancels it."""
        x, y, z = target
        try:
            self.command(f"$J=G90G21G53X{x:.3f}Y{y:.3f}Z{z:.3f}F{feed:.0f}")
            self.still(math.inf)
        except BaseException:
            self.write(JOG_CANCEL)
            raise

    def home(self) -> None:
        """`$H`."""
        self.known = False
        self.command("$H", self.timing.home)
        self.known = True

    def unlock(self) -> None:
        """`$X`."""
        self.command("$X")

    def place(self, position: Vec3) -> None:
        """G92 in mm, whatever the units were."""
        x, y, z = position
        self.command("G21")
        self.command(f"G92X{x:.4f}Y{y:.4f}Z{z:.4f}")
