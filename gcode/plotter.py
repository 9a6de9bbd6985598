"""A plotter on a port: connect, plot, pause, adjust, resume, cancel; and what a person may do with it by hand.

No command that writes a board's EEPROM is sent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType

from gcode.actions import Vec3
from gcode.board import Board, Timing
from gcode.grbl.board import GrblBoard
from gcode.journal import Journal
from gcode.marlin.board import MarlinBoard
from gcode.pen import pen_lines
from gcode.profile import Pen, Profile
from gcode.program import Program
from gcode.session import Outcome, Progress, Session
from gcode.transport import PlotterError, open_port

BOARDS: dict[str, type[Board]] = {"grbl": GrblBoard, "marlin": MarlinBoard}


class Plotter:
    """One connected machine; a context manager that closes the port, with the pen up.

    `plot` runs in the thread that calls it; `pause`, `resume`, `cancel` and `adjust` are for other threads (or for the
    progress callback) and return at once. `pen`, `jog` and `home` move the machine by hand: with no job under
    way, or while one is paused or asking, after which it goes back to where it was.
    """

    def __init__(self, board: Board) -> None:
        """Take a board that was greeted; `connect` makes these."""
        self.board, self.profile = board, board.profile
        self._session: Session | None = None
        self._settled = True  # no job was torn away before the pen was lifted
        self._talking = threading.RLock()

    @classmethod
    def connect(cls, port: str, profile: Profile, timing: Timing | None = None) -> Plotter:
        """Open `port` (a device or `socket://host:port`) and greet the controller there.

        Raises PlotterError where there is no port, nothing on it that speaks the profile's language, or a board that
        would move the pen on its own. A locked board stays locked.
        """
        board = BOARDS[profile.controller](open_port(port, profile.baud), profile, timing or Timing())
        try:
            board.greet()
        except BaseException:
            board.port.close()
            raise
        return cls(board)

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
        try:
            if not self._settled and self.board.stop():
                self.pen(down=False)
        except PlotterError:
            pass  # said by the job that failed
        finally:
            self.board.port.close()

    # ---- jobs ----

    def plot(
        self,
        program: Program,
        progress: Callable[[Progress], None] | None = None,
        journal: Journal | None = None,
        start: float = 0.0,
        offset: Vec3 | None = None,
    ) -> Outcome:
        """Draw the program and return when it is drawn and the machine stands still, or was cancelled.

        `progress` is called from here whenever a stroke is complete, the activity changes or a report arrives; what the
        job reaches is written into the `journal`. `start` takes it up at a place (`gcode.course`), and `offset` is what
        its coordinates lack of the machine's, as the machine has it if None: `gcode.recovery` finds both.

        Raises PlotterError, one sentence, on everything that can go wrong; then, and on Ctrl-C and any error of
        `progress`, the machine is stopped and the pen lifted first, as long as it still listens.
        """
        self._session = session = Session(
            self.board, self.board.profile, program, progress, journal, start, offset, self._talking
        )
        session.set_pen(self.profile.pen)  # a person may have changed its heights since the program was written
        try:
            return session.run()
        finally:
            self._settled = session.settled
            self._session = None

    def pause(self, now: bool = False) -> None:
        """Stop at the next pen-up and stay there, pen up, until `resume`; `now`: stop at once and lift the pen."""
        if self._session is not None:
            self._session.pause(now)

    def resume(self) -> None:
        """Go on after `pause`, after a question of the program, or after the hold button or door of the machine."""
        if self._session is not None:
            self._session.resume()

    def cancel(self) -> None:
        """Stop now and for good: slow down, forget what is queued, lift the pen; `plot` then returns."""
        if self._session is not None:
            self._session.cancel()

    def adjust(self, pen: Pen | None = None, feed: int | None = None, rapid: int | None = None) -> None:
        """Change the heights of the `pen`, in a job from the next line on, and in those that follow; and at once, in a
        job, the percentage of the feeds (10 to 200) and of the travel (25, 50 or 100)."""
        if pen is not None:
            self.profile = replace(self.profile, pen=pen)
        if self._session is not None:
            if pen is not None:
                self._session.set_pen(pen)
            if feed is not None or rapid is not None:
                self._session.override(feed, rapid)

    # ---- by hand ----

    def pen(self, down: bool) -> None:
        """Lower or lift the pen, in place. Raises PlotterError where a job is drawing, or the machine refuses."""
        with self._by_hand():
            for line in ("G21", "G90", *pen_lines(self.profile, down)):
                self.board.command(line)

    def jog(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> None:
        """Move the head by so many mm; the pen stays as it is. Raises PlotterError as `pen` does."""
        with self._by_hand():
            here = self.board.where().position
            fastest = self.profile.max_rate[2] if z else min(self.profile.max_rate[:2])
            self.board.jog((here[0] + x, here[1] + y, here[2] + z), fastest)

    def home(self) -> None:
        """Find the machine's zero by its switches. Raises PlotterError as `pen` does."""
        with self._by_hand():
            self.board.home()

    def _by_hand(self) -> threading.RLock:
        """The right to move the machine by hand, for the time of a `with`."""
        if self._session is not None:
            if not self._session.stands:
                raise PlotterError("The plotter is drawing: pause it first.")
            self._session.touched = True
        return self._talking
