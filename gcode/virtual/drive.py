"""What a GRBL board drives: the motors behind the planner's ring, and the output on which a servo pen hangs."""

from __future__ import annotations

from gcode.actions import Vec3
from gcode.profile import Profile
from gcode.virtual.paper import Paper
from gcode.virtual.planner import Planner

_FEED_STEPS = {0x91: 10, 0x92: -10, 0x93: 1, 0x94: -1}  # percent points; 0x90 goes back to 100
_RAPIDS = {0x95: 100, 0x96: 50, 0x97: 25}


class Drive:
    """Motion, pen and paper, and the `clock` of the seconds in which they were at work.

    `dwell` is what is left of a wait, s. While the output is off (`lit` is False) a servo has no signal, whatever
    the spindle was told.
    """

    planner: Planner
    _drawn_to: Vec3  # how far the paper knows the way of the head

    def __init__(self, profile: Profile, position: Vec3) -> None:
        """At `position`, mm in machine coordinates, with a clean sheet and the spindle off."""
        self.paper = Paper(profile.pen, position)
        self.clock = 0.0
        self.dwell = 0.0
        self.lit = True
        self.spinning = False
        self._speed = 0.0
        self._feed = self._rapid = 100  # percent of what is programmed
        self._profile = profile
        self._stand(position)

    def advance(self, seconds: float) -> float:
        """Run or wait for up to `seconds`, no further than the end of a block; returns the seconds it took."""
        if self.planner.ring and not self.planner.held:
            used = self.planner.advance(seconds)
        else:
            used = min(self.dwell, seconds)
            self.dwell -= used
        self.clock += used
        return used

    def override(self, byte: int) -> None:
        """One of the realtime bytes that change the speed of feeds, 0x90-0x94, or of rapids; others do nothing."""
        feed = 100 if byte == 0x90 else min(max(self._feed + _FEED_STEPS.get(byte, 0), 10), 200)
        self._feed, self._rapid = feed, _RAPIDS.get(byte, self._rapid)
        self.planner.override(self._feed / 100, self._rapid / 100)

    def spindle(self, on: bool, speed: float) -> None:
        """Tell the spindle to go on with S `speed`, or off."""
        self.spinning, self._speed = on, speed
        self.switch(True)

    def switch(self, lit: bool) -> None:
        """Give the output what the spindle was told, or nothing; where the head is at this moment."""
        self._draw(self.planner.position)
        self.lit = lit
        self.paper.spindle(lit and self.spinning, self._speed)

    def flush(self) -> None:
        """Forget what is queued; the head stays where it is."""
        self._draw(self.planner.position)
        self._stand(self.planner.position)
        self.dwell = 0.0

    def configure(self, profile: Profile) -> None:
        """Move as this profile has it from now on; nothing must be queued."""
        self._profile = profile
        self.flush()

    def lose_zero(self) -> None:
        """Take the place of the head for 0, 0, 0 and go at the programmed speeds, as after power-on."""
        self._feed = self._rapid = 100
        self.flush()
        self.paper.zero_here(self.planner.position)
        self._stand((0.0, 0.0, 0.0))

    def find_zero(self) -> None:
        """Know the true place of the head again, as homing does."""
        self.flush()
        here = self.paper.true(self.planner.position)
        self.paper.found_zero()
        self._stand(here)

    def _stand(self, position: Vec3) -> None:
        self._drawn_to = position
        self.planner = Planner(self._profile, position, lambda done: self._draw(done.end))
        self.planner.override(self._feed / 100, self._rapid / 100)

    def _draw(self, to: Vec3) -> None:
        if to != self._drawn_to:
            self.paper.move(self._drawn_to, to)
        self._drawn_to = to
