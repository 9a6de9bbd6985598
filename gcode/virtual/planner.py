"""The virtual machine's planner: GRBL's ring of 15 blocks and the motion that runs out of it.

Source: gnea/grbl 1.1h, planner.c (the plan) and stepper.c (its execution). Lengths mm, times s, speeds mm/s.
A block's own figures come from `gcode.motion`; what differs is the plan: it is made anew whenever a block
arrives, and looks no further than the ring, with a full stop after it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from gcode.actions import Move, Vec3
from gcode.grbl.replies import SLOTS
from gcode.motion import (
    PlannerBlock,
    Steps,
    block_time,
    distance_after,
    max_entry2,
    planner_block,
    to_steps,
)
from gcode.profile import Profile

_NOTHING = 1e-9  # mm: what rounding may leave of a block that is done


@dataclass(slots=True)
class Queued:
    """A move in the ring: from `start` to `end`, mm, and what the plan says of it."""

    start: Vec3
    end: Vec3
    move: Move
    block: PlannerBlock
    remaining: float
    entry2: float = 0.0
    max_entry2: float = 0.0


class Planner:
    """The ring and the head that runs through it.

    `finished` is called with every block that has run to its end. `feed_override` and `rapid_override` are
    the factors in force. While `held`, the head stands still amid its path and the ring keeps its blocks.
    """

    def __init__(self, profile: Profile, position: Vec3, finished: Callable[[Queued], None]) -> None:
        self._profile = profile
        self._finished = finished
        self.ring: deque[Queued] = deque()
        self.speed = 0.0
        self.holding = self.held = False
        self.feed_override = self.rapid_override = 1.0
        self._steps: Steps = to_steps(position, profile)  # where the last block in the ring ends

    @property
    def full(self) -> bool:
        """Whether the next block must wait."""
        return len(self.ring) >= SLOTS

    @property
    def position(self) -> Vec3:
        """Where the head is, mm: on the path of the running block, else where the last one ended."""
        if not self.ring:
            return self._mm(self._steps)
        queued = self.ring[0]
        run = queued.block.length - queued.remaining
        x, y, z = (s + run * u for s, u in zip(queued.start, queued.block.unit, strict=True))
        return (x, y, z)

    def add(self, move: Move) -> None:
        """Queue a move; the ring must not be full. One of less than a step vanishes, as in GRBL."""
        steps = to_steps(move.target, self._profile)
        block = self._block(self._steps, steps, move)
        if block is None:
            return
        queued = Queued(self._mm(self._steps), self._mm(steps), move, block, block.length)
        if self.ring:
            queued.max_entry2 = max_entry2(self.ring[-1].block, block, self._profile)
        self.ring.append(queued)
        self._steps = steps
        self._replan()

    def advance(self, seconds: float) -> float:
        """Run for up to `seconds`, no further than the end of one block; returns the seconds it took."""
        if self.held or not self.ring:
            return 0.0
        if self.holding:
            return self._decelerate(0.0, seconds)
        if self.speed > self.ring[0].block.nominal * (1.0 + 1e-9):  # a feed override has just been lowered
            return self._decelerate(self.ring[0].block.nominal, seconds)
        queued = self.ring[0]
        rest = replace(queued.block, length=queued.remaining)
        leave = math.sqrt(self.ring[1].entry2) if len(self.ring) > 1 else 0.0
        # What an override has left too fast to slow down in this block leaves it no slower than it can.
        leave = max(leave, math.sqrt(max(self.speed**2 - 2.0 * rest.acceleration * rest.length, 0.0)))
        duration = block_time(rest, self.speed, leave) if rest.length > _NOTHING else 0.0
        if seconds >= duration:
            self._finish(leave)
            return duration
        run = distance_after(rest, self.speed, leave, seconds)
        two_a = 2.0 * rest.acceleration
        self.speed = min(
            math.sqrt(self.speed**2 + two_a * run),
            rest.nominal,
            math.sqrt(leave**2 + two_a * max(rest.length - run, 0.0)),
        )
        queued.remaining = max(rest.length - run, 0.0)
        return seconds

    def hold(self) -> None:
        """Feed hold: slow down along the path to a stop, then keep still until `resume`."""
        self.holding = True
        self.held = not self.ring or self.speed == 0.0

    def resume(self) -> None:
        """Go on from a hold, from standstill."""
        self.holding = self.held = False
        self._replan()

    def override(self, feed: float, rapid: float) -> None:
        """Set the factors of programmed feeds and of rapids for all that is queued and comes."""
        self.feed_override, self.rapid_override = feed, rapid
        before: PlannerBlock | None = None
        for queued in self.ring:
            block = self._block(to_steps(queued.start, self._profile), to_steps(queued.end, self._profile), queued.move)
            assert block is not None  # it was none when it was queued
            queued.block = block
            queued.max_entry2 = max_entry2(before, block, self._profile) if before else 0.0
            before = block
        self._replan()

    def _block(self, start: Steps, end: Steps, move: Move) -> PlannerBlock | None:
        override = self.rapid_override if move.rapid else self.feed_override
        return planner_block(start, end, move.feed, move.rapid, self._profile, override)

    def _mm(self, steps: Steps) -> Vec3:
        x, y, z = (count / per_mm for count, per_mm in zip(steps, self._profile.steps_per_mm, strict=True))
        return (x, y, z)

    def _replan(self) -> None:
        """GRBL's two passes: slow enough to stop at the ring's end, then no faster than can be reached.

        The running block's entry is what the head does now; only what is behind it can still be changed.
        """
        ring = self.ring
        leave2 = 0.0
        for i in range(len(ring) - 1, 0, -1):
            queued = ring[i]
            leave2 = queued.entry2 = min(queued.max_entry2, leave2 + 2.0 * queued.block.acceleration * queued.remaining)
        reach2 = self.speed * self.speed
        for i in range(1, len(ring)):
            before = ring[i - 1]
            reach2 = min(ring[i].entry2, reach2 + 2.0 * before.block.acceleration * before.remaining)
            ring[i].entry2 = reach2

    def _decelerate(self, speed: float, seconds: float) -> float:
        """Slow down to `speed`, 0 for a hold, at the running block's acceleration."""
        queued = self.ring[0]
        a = queued.block.acceleration
        leave2 = max(self.speed**2 - 2.0 * a * queued.remaining, 0.0)
        target = max(speed, math.sqrt(leave2))
        duration = (self.speed - target) / a
        used = min(seconds, duration)
        queued.remaining -= self.speed * used - 0.5 * a * used * used
        if used < duration:
            self.speed -= a * used
        elif queued.remaining <= _NOTHING:
            self._finish(target)
        else:
            self.speed = target
        if self.holding and (self.speed == 0.0 or not self.ring):
            self.held = True
        elif not self.holding:
            self._replan()
        return used

    def _finish(self, speed: float) -> None:
        """The running block is done and left at `speed`."""
        self.speed = speed
        queued = self.ring.popleft()
        if not self.ring:
            self.speed = 0.0
        self._finished(queued)
