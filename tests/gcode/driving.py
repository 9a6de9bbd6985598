"""What the tests of the driver share: scribbles to draw, a machine to draw them on, and ways to disturb it."""

from __future__ import annotations

import math
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gcode.board import Timing
from gcode.plotter import Plotter
from gcode.profile import Profile, load_profile
from gcode.session import Progress
from gcode.transport import PlotterError
from gcode.virtual.machine import VirtualPlotter

PROFILE = load_profile("virtual")
Z_PROFILE = load_profile("grbl-z")
MARLIN = load_profile("marlin-servo")
QUICK = Timing(poll=0.02, banner=0.5, answer=2.0, hold=2.0, silence=0.5, idle=0.3, stuck=0.5)
PEN_UP = "M3S60G4P.15"

Line = NDArray[np.float64]
pty_only = pytest.mark.skipif(not hasattr(os, "openpty"), reason="the system has no pseudo-terminals")


def scribble(strokes: int, points: int = 12, seed: int = 1) -> list[Line]:
    """Random walks about the middle of A3."""
    rng = np.random.default_rng(seed)
    return [150.0 + np.cumsum(rng.normal(0.0, 2.0, (points, 2)), axis=0) for _ in range(strokes)]


LONG = [np.array([[10.0, 10.0], [400.0, 10.0], [400.0, 200.0]]), np.array([[10.0, 100.0], [400.0, 100.0]])]


def deviation(drawn: list[Line], meant: list[Line]) -> float:
    """The largest distance in mm from a point of either to the other, stroke by stroke."""
    assert len(drawn) == len(meant)
    return max(max(to_line(a, b), to_line(b, a)) for a, b in zip(drawn, meant, strict=True))


def to_line(points: Line, line: Line) -> float:
    start, end = (line, line) if len(line) == 1 else (line[:-1], line[1:])
    way = end - start
    square = np.maximum((way**2).sum(axis=1), 1e-18)
    share = np.clip(((points[:, None] - start) * way).sum(axis=2) / square, 0.0, 1.0)
    return float(np.linalg.norm(points[:, None] - (start + share[..., None] * way), axis=2).min(axis=1).max())


@contextmanager
def started(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that does not outlive its test: `Popen` alone waits for the end of what a failed test left running."""
    with subprocess.Popen(command, text=True, **options) as run:
        try:
            yield run
        finally:
            run.kill()


@contextmanager
def plotting(profile: Profile = PROFILE, speed: float = math.inf) -> Iterator[tuple[VirtualPlotter, Plotter]]:
    with VirtualPlotter(profile, speed) as machine, Plotter.connect(machine.port, profile, QUICK) as plotter:
        yield machine, plotter


def when(test: Callable[[Progress], bool], act: Callable[[], object]) -> Callable[[Progress], None]:
    """A progress callback that acts once."""
    done: list[Progress] = []

    def progress(now: Progress) -> None:
        if not done and test(now):
            done.append(now)
            act()

    return progress


def drawn(strokes: int) -> Callable[[Progress], bool]:
    return lambda now: now.strokes_drawn >= strokes


def tamper(machine: VirtualPlotter, change: Callable[[bytes], bytes]) -> None:
    """A bad cable: what arrives is not what was sent."""
    receive = machine.firmware.receive
    machine.firmware.receive = lambda data: receive(change(data))  # type: ignore[method-assign]


def one_sentence(error: pytest.ExceptionInfo[PlotterError]) -> str:
    text = str(error.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert ". " not in text
    return text
