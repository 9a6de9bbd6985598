"""GRBL's safety door: what opening it does to motion and pen, and what resuming takes (protocol.c, without parking)."""

from __future__ import annotations

from collections.abc import Callable

from gcode.virtual.drive import Drive

_SPINDLE_SECONDS = 4.0  # from the output coming back to the motion (SAFETY_DOOR_SPINDLE_DELAY)


class Door:
    """`ajar` is the door itself; `tripped` lasts until the operator has resumed, `restoring` while that takes."""

    def __init__(self, drive: Drive, say: Callable[[str], None]) -> None:
        """A closed door; `say` prints a line."""
        self._drive = drive
        self._say = say
        self.ajar = False
        self.restart()

    def restart(self) -> None:
        """After a reset only the door itself stays as it is."""
        self.tripped = self.restoring = False
        self._interrupted = 0.0  # what was left of a dwell, s

    @property
    def state(self) -> str:
        """`Door:0` closed and ready, 1 ajar, 2 still slowing down, 3 about to go on."""
        slowing = not self._drive.planner.held
        return f"Door:{3 if self.restoring else 2 if slowing else 1 if self.ajar else 0}"

    def trip(self) -> None:
        """Slow down to a stop; the output goes off there."""
        if not self.tripped:
            self._say("[MSG:Check Door]")
        self.tripped = True
        if self.restoring:
            self.restoring, self._drive.dwell = False, self._interrupted
        self._drive.planner.hold()
        self.at_rest()

    def at_rest(self) -> None:
        """Take the output from a tripped machine that has come to rest."""
        if self.tripped and self._drive.planner.held and not self.restoring and self._drive.lit:
            self._drive.switch(False)

    def resume(self) -> None:
        """`~`: the output comes back, and a spindle that was on gets its time."""
        if self.ajar or self.restoring:
            return
        self._drive.switch(True)
        self._interrupted = self._drive.dwell
        self._drive.dwell = _SPINDLE_SECONDS if self._drive.spinning else 0.0
        self.restoring = True

    def restored(self) -> bool:
        """Whether the machine may go on at this moment, after `resume`; if so, the door is done with."""
        if not self.restoring or self._drive.dwell > 0.0:
            return False
        self._drive.dwell = self._interrupted
        self.tripped = self.restoring = False
        return True
