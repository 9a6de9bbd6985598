"""What every controller can be asked, whatever it speaks: one face for GRBL and Marlin.

A board takes lines, answers them in the order in which they came, and says other things at any moment. It knows nothing
of jobs: what its answers mean for a drawing is the plotter's business (`gcode.plotter`).
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from gcode.actions import Vec3
from gcode.profile import Profile
from gcode.transport import PlotterError, Port

State = Literal["idle", "run", "hold", "door", "alarm", "jog", "home", "check", "sleep"]
_NOISE = 4096  # bytes without a line end that no controller sends


@dataclass(frozen=True)
class Timing:
    """How long the driver waits, in seconds: longer on slow links."""

    poll: float = 0.2  # between two status queries; GRBL wants no more than 5 a second
    banner: float = 3.0  # for a board to start: 1 to 2 s with a boot loader
    answer: float = 5.0  # for the answer to a line sent alone, and to a status query
    hold: float = 5.0  # for a moving head to come to a stop
    home: float = 120.0  # for homing
    silence: float = 5.0  # of unanswered status queries until the machine counts as gone
    idle: float = 4.0  # of standing still with lines unanswered until these count as lost
    stuck: float = 30.0  # of running without a move or an answer until the board counts as broken


@dataclass(frozen=True, slots=True)
class Taken:
    """The oldest unanswered line has been read and queued; not: executed."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The oldest unanswered line was dropped, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The machine has stopped by itself and forgotten what was queued; `why` is a clause for the person beside it."""

    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """What the machine says of itself: `position` in mm, machine coordinates; `offset` is what work coordinates lack
    of them; `still` says that it stands."""

    state: State
    position: Vec3
    offset: Vec3
    still: bool


Event = Taken | Refused | Broken | Report


class LinesLostError(PlotterError):
    """Lines have not reached the machine; which, since the last mark, is not known."""


class Board(ABC):
    """A controller on an open port. Not thread-safe but for `hold`, `release` and `override`."""

    DRAIN: ClassVar[str]
    """A line whose answer comes only when everything before it has been drawn."""
    MARK: ClassVar[str]
    """A line by whose answer a board proves that it has read all lines before it; empty where it needs no such line."""

    def __init__(self, port: Port, profile: Profile, timing: Timing) -> None:
        """Take an open port; `greet` comes next."""
        self.port, self.profile, self.timing = port, profile, timing
        self.ring = 15  # moves it can hold undrawn
        self.homes = False  # it says that it can find its zero by switches
        self.known = True  # neither a restart nor an alarm has cost the machine its position since `greet`
        self.restarted = False  # since `greet` it has started anew by itself, and taken where it stood for zero
        self._writing = threading.Lock()
        self._received = b""

    @abstractmethod
    def greet(self) -> None:
        """Wait for the board to start, or ask it; read what it tells of itself.

        Raises PlotterError where nothing answers, something else does, or the board is set up in a way that moves
        the pen on its own. A board that is still at work is left to finish.
        """

    @property
    @abstractmethod
    def waiting(self) -> int:
        """How many lines are unanswered."""

    @abstractmethod
    def fits(self, line: str) -> bool:
        """Whether the board's buffer has room for a line."""

    @abstractmethod
    def send(self, line: str) -> None:
        """Send a line that `fits`; its answer comes by `listen`."""

    @abstractmethod
    def listen(self) -> Iterator[Event]:
        """What the board has said meanwhile, after a moment's wait for the first byte."""

    @abstractmethod
    def tend(self, wait: float) -> None:
        """Look after the board: to be called again and again while a job is under way, `wait` being the seconds for
        which its oldest line dwells. Raises PlotterError where the board is gone or has lost lines."""

    @abstractmethod
    def hasten(self) -> None:
        """Ask for a report at the next `tend`."""

    @abstractmethod
    def command(self, line: str, patience: float | None = None) -> list[str]:
        """Send a line with nothing else under way and wait; what was said until its answer.

        `patience` in s, as for any answer if None. Raises PlotterError where it is refused or unanswered.
        """

    @abstractmethod
    def where(self) -> Report:
        """Ask for a report and wait for it. Raises PlotterError where none comes."""

    @abstractmethod
    def hold(self) -> bool:
        """Slow down and stand still, pen as it is; False where the controller knows no such thing."""

    @abstractmethod
    def release(self) -> None:
        """Go on after `hold`, or after the machine's own hold button or door."""

    @abstractmethod
    def stop(self) -> bool:
        """Stop, forget what is queued, and be ready for `command` again; whether the machine obeyed.

        Where it is possible the head slows down first, so that the position survives (`known`).
        """

    @abstractmethod
    def override(self, feed: int, rapid: int) -> None:
        """Percent of programmed feeds (10 to 200) and of rapids (25, 50 or 100), at once."""

    @abstractmethod
    def jog(self, target: Vec3, feed: float) -> None:
        """Go to `target` (mm, machine coordinates) at `feed` mm/min, leaving all modes alone; returns when there."""

    @abstractmethod
    def home(self) -> None:
        """Find the machine's zero by its switches. Raises PlotterError where it has none."""

    @abstractmethod
    def unlock(self) -> None:
        """Leave an alarm; the position counts as it is."""

    @abstractmethod
    def place(self, position: Vec3) -> None:
        """Declare the head's work coordinates to be `position`, mm, until the next reset (G92)."""

    @abstractmethod
    def settings(self) -> dict[str, float]:
        """What the board says of its motion, by its own names: `$110` (GRBL), `M203 X` (Marlin)."""

    def still(self, patience: float) -> Report:
        """Wait until the machine stands still; the report that says so. Raises PlotterError after `patience` s."""
        end = time.monotonic() + patience
        while True:
            report = self.where()
            if report.still:
                return report
            if time.monotonic() > end:
                raise PlotterError(f"The plotter has not come to rest in {patience:g} s; reset it, then try again.")
            time.sleep(self.timing.poll)

    def write(self, data: bytes) -> None:
        """Put bytes on the wire, whole, from any thread."""
        with self._writing:
            self.port.write(data)

    def lines(self) -> list[str]:
        """The whole lines that have arrived, without their ends."""
        self._received += self.port.read()
        if len(self._received) > _NOISE and b"\n" not in self._received:
            raise PlotterError(f"What comes from {self.port.name} is noise; check the baud rate of the profile.")
        *whole, self._received = self._received.split(b"\n")
        return [text for line in whole if (text := line.decode("ascii", "replace").strip())]
