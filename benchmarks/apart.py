"""The virtual plotter in a process of its own: it takes no time and no memory from whoever drives it."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import TYPE_CHECKING

from gcode.profile import Profile
from gcode.virtual.firmware import Firmware
from gcode.virtual.machine import VirtualPlotter

if TYPE_CHECKING:
    import numpy as np

SAMPLE_SECONDS = 0.01
NEARLY_EMPTY = 5  # of 15 moves queued: with fewer, short ones, the head has to slow down, for it must be able to stop


@dataclass(frozen=True)
class Seen:
    """What the plotter saw of a job: its own `seconds` at work; how often it looked while its pen was down and not
    waited for, and how often its planner was nearly empty; how many lines it read; what its pen drew."""

    seconds: float
    samples: int
    nearly_empty: int
    lines: int
    ink: list[np.ndarray]


class Forgetful(list[str]):
    """Counts the lines that a machine has read instead of keeping them, for jobs of millions."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0

    def append(self, line: str) -> None:
        self.read += 1


class PlotterApart:
    """A context manager; `port` is what a sender opens, and `seen` tells once the machine has come to rest."""

    def __init__(self, profile: Profile, speed: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(profile, speed, theirs), daemon=True)

    def __enter__(self) -> PlotterApart:
        self._process.start()
        self.port: str = self._ours.recv()
        return self

    def seen(self) -> Seen:
        self._ours.send("seen?")
        seen: Seen = self._ours.recv()
        return seen

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ours.close()
        self._process.join()


def _run(profile: Profile, speed: float, pipe: Connection) -> None:
    counts = [0, 0]
    with VirtualPlotter(profile, speed) as machine:
        board = machine.firmware
        board.lines = lines = Forgetful()
        if isinstance(board, Firmware):
            _look_on(board, counts)
        pipe.send(machine.port)
        try:
            while pipe.recv():
                while machine.moving:
                    time.sleep(0.01)
                pipe.send(Seen(machine.seconds, counts[0], counts[1], lines.read, machine.ink))
        except EOFError:  # the other side has seen enough
            return


def _look_on(board: Firmware, counts: list[int]) -> None:
    """Has the machine's own thread count, after a step of time, how full the planner is."""
    advance = board.advance
    due = 0.0

    def looking(seconds: float) -> None:
        nonlocal due
        advance(seconds)
        now = time.monotonic()
        if now >= due and board.paper.down and board._drive.dwell <= 0.0:
            due = now + SAMPLE_SECONDS
            counts[0] += 1
            counts[1] += len(board._drive.planner.ring) < NEARLY_EMPTY

    board.advance = looking  # type: ignore[method-assign]
