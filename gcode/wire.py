"""Whether the serial line keeps up with the head: bytes a second that a program needs, and what it loses without them.

A model of character counting: a line is on the wire for ten bits a byte, and is sent once the bytes of those that are
unanswered leave it room; it is answered once its moves have found room in the planner's ring and its stops are over.
A move starts when its line has been read and the one before it has ended, and ends no faster than it can stop within
what the planner has by then: that is how a planner short of blocks is slow. Not modelled: the time in which the board
reads a line, and the sender's own. Sources: gnea/grbl 1.1h doc/markdown/interface.md, planner.c; Marlin 2.1
queue.cpp.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gcode.grbl import replies as grbl
from gcode.marlin import replies as marlin
from gcode.motion import FIRST_MOVE_SECONDS, KINDS, PlannerBlock, Timetable, block_time
from gcode.profile import Profile
from gcode.program import Program

BITS = 10
"""Bits on the wire for a byte: a start bit, eight, a stop bit."""
BAUDS = (115200, 230400, 250000, 460800, 500000, 921600, 1000000)
"""Rates that boards are built with, bits/s."""
WAITING = 0.01
"""The share of a plot's time that it may wait for bytes before it counts as bound by the wire."""
_ANSWER = 4  # bytes of an answer, "ok\r\n"
_FEW = 3  # blocks: fewer in the ring and the planner looks no further than its nose


@dataclass(frozen=True)
class Wire:
    """What a program asks of the serial line, bytes/s: on `average`, in the `busiest` second, and the line's `rate`.

    `starved` is the share of moves that began with fewer than three blocks in the planner because the next had not
    come; `lost_seconds` is what the plot takes longer than over a line without end, `seconds` what it takes at all.
    """

    average: float
    busiest: float
    rate: float
    starved: float
    lost_seconds: float
    seconds: float

    @property
    def bound(self) -> bool:
        """Whether the plot waits for the wire."""
        return self.lost_seconds > WAITING * self.seconds

    @property
    def enough_baud(self) -> int | None:
        """The slowest usual baud rate that carries the busiest second and is above the line's; None where none does."""
        return next((baud for baud in BAUDS if baud > BITS * self.rate and baud >= BITS * self.busiest), None)


def wire(program: Program, profile: Profile, plan: Timetable) -> Wire:
    """What the program with this `plan` asks of the profile's serial line."""
    sizes = line_bytes(program, profile)
    byte = BITS / profile.baud
    seconds, starved = _stream(sizes, plan, profile, byte)
    at_once, _ = _stream(sizes, plan, profile, 0.0)
    total = float(plan.seconds.sum())
    return Wire(
        average=float(sizes.sum()) / total if total else 0.0,
        busiest=_busiest(sizes, plan),
        rate=profile.baud / BITS,
        starved=starved,
        lost_seconds=seconds - at_once,
        seconds=seconds,
    )


def line_bytes(program: Program, profile: Profile) -> NDArray[np.int64]:
    """The bytes of each line on the wire, (B,): with its end, and for Marlin with its number and checksum."""
    bare = np.array([len(block.text) + 1 for block in program.blocks], np.int64)
    if profile.controller == "grbl":
        return bare
    numbers = np.arange(1, len(bare) + 1)
    return bare + len("N*255") + np.floor(np.log10(np.maximum(numbers, 1))).astype(np.int64) + 1


def _busiest(sizes: NDArray[np.int64], plan: Timetable) -> float:
    """The most bytes whose lines end within any one second of the plan."""
    # A line without a step is needed with the next that has one.
    last = np.searchsorted(plan.blocks, np.arange(len(sizes)), side="right")
    ends = plan.ends[np.minimum(last, len(plan.seconds)) - 1]
    sums = np.concatenate([[0], np.cumsum(sizes)])
    since = np.searchsorted(ends, ends - 1.0, side="right")
    return float(np.max(sums[1:] - sums[since], initial=0))


def _stream(sizes: NDArray[np.int64], plan: Timetable, profile: Profile, byte: float) -> tuple[float, float]:
    """The plot's seconds over a line with `byte` seconds a byte, and the share of its moves that starved."""
    room, ahead, patience = float(grbl.RX_BUFFER), math.inf, 0.0
    if profile.controller == "marlin":
        room, ahead, patience = marlin.RX_BUFFER, marlin.QUEUE, FIRST_MOVE_SECONDS
    stops = np.isin(plan.kinds, [KINDS.index("stop"), KINDS.index("pause")]).tolist()
    exits, seconds = plan.exits.tolist(), plan.seconds.tolist()
    firsts = np.searchsorted(plan.blocks, np.arange(len(sizes) + 1)).tolist()
    head = _Head(patience)
    sent = taken = 0.0  # when the wire is free again, and when the last line was taken
    unanswered: deque[tuple[float, int]] = deque()  # when the answer is back, and the line's bytes
    inside = 0
    for index, size in enumerate(sizes.tolist()):
        while unanswered and (inside + size > room or len(unanswered) >= ahead):
            answered, left = unanswered.popleft()
            inside -= left
            sent = max(sent, answered)
        sent += size * byte
        taken = max(taken, sent)
        for step in range(firsts[index], firsts[index + 1]):
            if stops[step]:
                taken = max(taken, head.drained()) + seconds[step]
            elif (move := plan.moves[step]) is not None:
                taken = max(taken, head.room())
                head.add(move, exits[step], taken)
        unanswered.append((taken + _ANSWER * byte, size))
        inside += size
    return max(taken, head.drained()), head.starved / max(1, head.started)


class _Head:
    """The head, and the planner's ring before it: moves are run late, when somebody asks when one is over.

    At a standstill it waits `patience` seconds for a third move before it starts.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self.started = self.starved = 0
        self._now = self._speed = 0.0
        self._moves: list[PlannerBlock] = []
        self._exits: list[float] = []  # mm/s, where nothing is missing
        self._came: list[float] = []
        self._reach = [0.0]  # the squared speed that all moves up to here can take up

    def add(self, move: PlannerBlock, exit: float, now: float) -> None:
        self._moves.append(move)
        self._exits.append(exit)
        self._came.append(now)
        self._reach.append(self._reach[-1] + 2.0 * move.acceleration * move.length)

    def room(self) -> float:
        """When the ring has room."""
        if len(self._moves) - self.started < grbl.SLOTS:
            return 0.0
        self._run()
        return self._now

    def drained(self) -> float:
        """When all has been run."""
        while self.started < len(self._moves):
            self._run()
        return self._now

    def _run(self) -> None:
        i = self.started
        move = self._moves[i]
        start = max(self._now, self._came[i])
        if start == self._came[i]:  # the ring was empty when it came
            third = self._came[i + 2] if i + 2 < len(self._came) else math.inf
            start = min(max(start, third), start + self._patience)
        known = bisect_right(self._came, start, i)
        self.starved += known - i < min(_FEW, len(self._moves) - i)
        entry2, gain = self._speed**2, self._reach[i + 1] - self._reach[i]
        leave2 = min(self._exits[i] ** 2, self._reach[known] - self._reach[i + 1], entry2 + gain)
        leave = math.sqrt(max(leave2, entry2 - gain, 0.0))
        self._now = start + block_time(move, self._speed, leave)
        self._speed = leave
        self.started += 1
