"""A Marlin 2 board on a port.

Lines are numbered and have a checksum (`gcode.marlin.lines`); those that the board asks for again are sent again, with
all that came behind them. Marlin executes no number twice, so nothing is drawn twice. The answer to a drain (M400)
counts only once a mark behind it has come back.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Iterator
from typing import ClassVar

from gcode.actions import Vec3
from gcode.board import Board, Broken, Event, Report, State, Taken, Timing
from gcode.marlin.lines import DRAIN, SETTLE, Lines
from gcode.marlin.replies import BUSY_SECONDS, Busy, Damaged, Killed, Mark, Message, Ok, Place, Resend, Start, parse
from gcode.pen import number
from gcode.profile import Profile
from gcode.transport import PlotterError, Port

_TRIES = 6  # for what must come through a bad cable in the end
_EXACT, _NEAR = 0.02, 0.1  # mm: the two digits of M114; a move of less than six steps, which Marlin joins with the next
_WORD = re.compile(r"([A-Z])(-?\d+(?:\.\d+)?)")


class MarlinBoard(Board):
    """The Marlin side of `Board`."""

    DRAIN: ClassVar[str] = DRAIN
    MARK: ClassVar[str] = ""  # its lines have numbers

    def __init__(self, port: Port, profile: Profile, timing: Timing) -> None:
        """Take an open port."""
        super().__init__(port, profile, timing)
        self._patience = min(timing.idle, 1.25 * BUSY_SECONDS)  # s of silence until something counts as lost
        self._lines = Lines(self.write)
        self._heard = time.monotonic()
        self._probes = 0  # in vain, in a row
        self._polled = -math.inf
        self._last: int | None = None  # said by a Damaged just now
        self._steps = profile.steps_per_mm
        self._offset: Vec3 = (0.0, 0.0, 0.0)
        self._counts: tuple[int, int, int] | None = None  # of the last M114
        self._stops = False  # it hears M410 at any time
        self._for_user = False  # in an M0
        self._killed = False
        self._astray = False  # it has restarted, and does not count lines as we do
        self._feed = self._feed_sent = 100

    # ---- connecting ----

    def greet(self) -> None:
        """Wait for `start`; a board that did not restart when its port was opened finishes what it has.

        Raises PlotterError where nobody speaks Marlin.
        """
        said = self._overhear()
        try:
            if "grbl" in said.lower():
                raise PlotterError("That is GRBL.")
            self._synchronise()
            self.command(DRAIN, self.timing.home)
            identity = self._identity()
        except PlotterError as error:
            heard = f"but says {said[:40]!r}" if said else "and says nothing"
            raise PlotterError(
                f"What is on {self.port.name} does not speak Marlin {heard}; check the port and the baud rate."
            ) from error
        self._stops = "Cap:EMERGENCY_PARSER:1" in identity
        found = self.settings()
        x, y, z = (found.get(f"M92 {axis}") or old for axis, old in zip("XYZ", self._steps, strict=True))
        self._steps = (x, y, z)
        self.command("M220S100")
        self._find_offset()
        self.known, self.restarted = True, False

    def _overhear(self) -> str:
        """Wait for `start`, or that no board restarts; the last that was said."""
        said = ""
        end = time.monotonic() + self.timing.banner
        while time.monotonic() < end:
            for line in self.lines():
                said = line
                if parse(line) == Start():
                    return said
        return said

    def _synchronise(self) -> None:
        """Begin to count lines anew; returns when the board has executed all it had, or raises PlotterError."""
        for _ in range(_TRIES):
            self._lines = Lines(self.write)
            self._lines.restart()
            self._heard = time.monotonic()
            refused = False
            while not refused and time.monotonic() - self._heard < self._patience:
                for line in self.lines():
                    list(self._heed(line))
                    refused = refused or isinstance(parse(line), Resend | Start)
                if self._lines.answered:
                    self._astray = False
                    return
            quiet = time.monotonic() + SETTLE
            while time.monotonic() < quiet:
                self.lines()
        raise PlotterError(
            f"The plotter on {self.port.name} does not answer; switch it off and on, then connect again."
        )

    def _identity(self) -> list[str]:
        for _ in range(_TRIES):
            said = self.command("M115")
            if any("FIRMWARE_NAME:" in text and "marlin" in text.lower() for text in said):
                return said
        raise PlotterError("The board does not say that it is Marlin.")

    def settings(self) -> dict[str, float]:
        """What M503 lists, as `M203 X`; asked until it says the same twice, for a digit may be damaged."""
        before: dict[str, float] | None = None
        for _ in range(_TRIES):
            found: dict[str, float] = {}
            for text in self.command("M503"):
                words = text.removeprefix("echo:").split()
                if words and re.fullmatch(r"M\d+", words[0]):
                    for word in words[1:]:
                        if match := _WORD.fullmatch(word):
                            found[f"{words[0]} {match[1]}"] = float(match[2])
            if found == before:
                break
            before = found
        return before or {}

    # ---- lines and answers ----

    @property
    def waiting(self) -> int:
        """How many lines are unanswered."""
        return self._lines.waiting

    def fits(self, line: str) -> bool:
        """Whether the line finds room in the board's buffer beside what it may not have read."""
        return self._lines.fits(line)

    def send(self, line: str) -> None:
        """Send a line that fits."""
        self._lines.send(line)

    def listen(self) -> Iterator[Event]:
        """The meaning of what has arrived."""
        for line in self.lines():
            yield from self._heed(line)
        self._lines.pump()

    def _heed(self, line: str) -> Iterator[Event]:
        reply = parse(line)
        if not isinstance(reply, Message):  # a board may chatter on that does not listen
            self._heard, self._probes = time.monotonic(), 0
        last, self._last = self._last, None
        self._for_user = isinstance(reply, Busy) and reply.for_user
        match reply:
            case Ok():
                yield from [Taken()] * self._lines.ok()
            case Mark():
                yield from [Taken()] * self._lines.proven(reply.tag, reply.number)
            case Damaged():
                self._last, self._lines.doubt = reply.last, True
            case Resend():
                ours = self._lines.again(reply.number)
                if not ours and last == reply.number - 1 < self._lines.answered:
                    yield self._restarted()
            case Place():
                yield self._report(reply)
            case Start():
                yield self._restarted()
            case Killed():
                self.known, self._killed = False, True
                yield Broken("The plotter has stopped itself (kill): switch it off and on")
            case Message() if not reply.text.startswith("echo:") or "Unknown" in reply.text:
                self._lines.doubt = True  # a damaged answer, or the answer to a damaged line

    def _restarted(self) -> Broken:
        self.known, self._killed = False, False
        self.restarted = self._astray = True
        self._offset = (0.0, 0.0, 0.0)
        return Broken("The plotter's board was reset in the middle of the job")

    def _position(self, place: Place) -> Vec3:
        return _vec(count / per_mm for count, per_mm in zip(place.counts, self._steps, strict=True))

    def _report(self, place: Place) -> Report:
        position = self._position(place)
        target = _vec(t + o for t, o in zip(place.target, self._offset, strict=True))
        miss = math.dist(target, position)
        still = miss < _EXACT or (miss < _NEAR and place.counts == self._counts)
        self._counts = place.counts
        state: State = "hold" if self._for_user else "idle" if still else "run"
        return Report(state, position, self._offset, still)

    # ---- watching ----

    def hasten(self) -> None:
        """Ask for a report at the next `tend`."""
        self._polled = -math.inf

    def tend(self, wait: float) -> None:
        """Ask where the head is; and for what is missing, after a silence that no dwell explains, for Marlin says
        `busy:` while a line takes its time."""
        lines, now = self._lines, time.monotonic()
        lines.pump()
        if now - self._polled >= self.timing.poll and lines.mark <= lines.answered and lines.fits("M114"):
            self._polled = now
            if self._feed != self._feed_sent:
                self._feed_sent = self._feed
                lines.send(f"M220S{self._feed}", own=True)
            lines.send("M114", own=True)
            lines.send_mark()
        self._watch()

    def _watch(self) -> None:
        silence = time.monotonic() - self._heard
        if not self._lines.pending or silence < self._patience * (self._probes + 1):
            return
        if self._probes == _TRIES:
            raise PlotterError(f"The plotter has not answered for {silence:.0f} s; check its power and its cable")
        self._probes += 1
        self._lines.probe()

    def where(self) -> Report:
        """Ask where the head is."""
        return self._report(self._agreed())

    def _agreed(self) -> Place:
        """M114: two answers that agree are believed, since a digit may be damaged, and a third one of a moving head."""
        before: Place | None = None
        for _ in range(3):
            place = self._ask()
            if place == before:
                break
            before = place
        return place

    def _ask(self) -> Place:
        for _ in range(_TRIES):
            for text in self.command("M114"):
                if isinstance(place := parse(text), Place):
                    return place
        raise PlotterError(f"The plotter on {self.port.name} does not tell its position; switch it off and on.")

    def _find_offset(self) -> None:
        """Of a head that stands: what Marlin's own coordinates lack of the motors', where that is not what we think."""
        place = self._agreed()
        found = _vec(p - t for p, t in zip(self._position(place), place.target, strict=True))
        if math.dist(found, self._offset) > _NEAR:
            self._offset = found

    def command(self, line: str, patience: float | None = None) -> list[str]:
        """Send a line and wait until it is executed; `patience` is with the board's silence."""
        patience = max(self.timing.answer if patience is None else patience, 2.5 * self._patience)
        if self._astray:
            self._synchronise()
        self._lines.send(line, own=True)
        self._lines.send_mark()
        mark = self._lines.mark
        said: list[str] = []
        self._heard, self._probes = time.monotonic(), 0
        while self._lines.answered < mark:
            for text in self.lines():
                for event in self._heed(text):
                    if isinstance(event, Broken):
                        raise PlotterError(f"{event.why}, when it was sent {line!r}.")
                if not isinstance(parse(text), Ok | Busy | Mark | Damaged | Resend):
                    said.append(text)
            self._lines.pump()
            if time.monotonic() - self._heard > patience:
                raise PlotterError(f"The plotter does not answer {line!r}; switch it off and on, then connect again.")
            self._watch()
        return said

    # ---- stopping and adjusting ----

    def hold(self) -> bool:
        """Marlin knows no feed hold."""
        return False

    def release(self) -> None:
        """M108: out of an M0."""
        self.write(b"M108\n")
        self._lines.doubt = True  # it has an ok of its own

    def stop(self) -> bool:
        """Let the lines that the board has read, five at most, come into the planner, then stop the motors (M410).

        M410 at once would leave those lines to be drawn afterwards, from a wrong place. A board without an emergency
        parser draws what it has planned, too. Motors that are stopped at once may lose steps; the board does not know.
        """
        if self._killed:
            return False
        try:
            if not self._let_plan():
                self._synchronise()
            if self._stops:
                self.write(b"M410\n")
            self._synchronise()
            self.command(DRAIN, self.timing.home)
            self._find_offset()
        except PlotterError:
            return False
        return True

    def _let_plan(self) -> bool:
        """Wait until no move waits for the planner; False where that cannot be told."""
        self._heard = time.monotonic()
        while not self._lines.planned:
            for line in self.lines():
                if any(isinstance(event, Broken) for event in self._heed(line)):
                    return False
            if self._lines.doubt or time.monotonic() - self._heard > self._patience:
                return False
        return True

    def override(self, feed: int, rapid: int) -> None:
        """M220, which holds for all moves that are not planned yet: Marlin's travels are feeds, too."""
        self._feed = feed

    # ---- by hand ----

    def jog(self, target: Vec3, feed: float) -> None:
        """A G1 in absolute mm, which stay in force; an interruption (Ctrl-C) stops it."""
        x, y, z = (t - o for t, o in zip(target, self._offset, strict=True))
        try:
            for line in ("G21", "G90", f"G1X{x:.3f}Y{y:.3f}Z{z:.3f}F{feed:.0f}"):
                self.command(line)
            self.command(DRAIN, self.timing.home)
        except BaseException:
            self.stop()
            raise

    def home(self) -> None:
        """G28 of X and Y: the pen stays as it is."""
        self.command("G28XY", self.timing.home)
        self._offset = (0.0, 0.0, self._offset[2])
        self.known = True

    def unlock(self) -> None:
        """Marlin has no alarm to leave: after a kill it must be reset."""

    def place(self, position: Vec3) -> None:
        """G92 in mm, whatever the units were."""
        here = self.where().position
        self.command("G21")
        self.command("G92" + "".join(f"{axis}{number(value)}" for axis, value in zip("XYZ", position, strict=True)))
        self._offset = _vec(h - p for h, p in zip(here, position, strict=True))


def _vec(values: Iterable[float]) -> Vec3:
    x, y, z = values
    return (x, y, z)
