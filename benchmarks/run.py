"""The figures the README quotes, each beside a peer measured in the same run: prints a Markdown table.

Every pair runs in turn, and which goes first alternates, so that other load on the machine meets both alike. Times
and rates are medians of five rounds (three for the order of the largest page). Needs PLOTBOT_DATA, the folder that
holds pages/page192.svg and pages/page2000.svg. docs/benchmarks.md says what each row means.
"""

from __future__ import annotations

import math
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TypeVar

import numpy as np
import torch
import vpype
import vpype_cli
from scipy.spatial import KDTree

from gcode.motion import estimate
from gcode.profile import load_profile
from gcode.writing import write_program
from models import strokes, zoo
from models.checkpoint import CheckpointError, TrainedModel
from models.sampling import pen_temperature_for, sample
from models.sketch_rnn import SketchRNN, SketchRNNConfig
from plotbot.lines.joining import DOT_MM, is_dot, join_strokes
from plotbot.lines.rapids import Rapids
from plotbot.lines.smoothing import smooth
from plotbot.lines.travel import Effort, order_strokes, travel_mm
from plotbot.page.layout import document_lines
from plotbot.page.optimise import Finish, optimise
from plotbot.page.reading import read_page
from plotbot.page.toolpath import to_toolpath
from plotbot.plotting import simulate
from plotbot.units import InputError

ROUNDS = 5
HOME = (0.0, 0.0)
TOLERANCE_MM = 0.5
# The shortest closed tours of the two pages that LKH has found, in 50 s and 420 s.
BEST_KNOWN_MM = {"page192": 4633.8, "page2000": 14480.0}
SMOOTH_MM = 0.15
SKETCHES = 64
# So many are enough to know the rate at which they come one at a time.
SINGLE_SKETCHES = 8
# How long a made-up network's sketches are, where none is trained: the mean of Quick, Draw!'s cats, points.
MEAN_POINTS, MAX_POINTS = 64, 171

T = TypeVar("T")


@dataclass(frozen=True)
class Figure:
    """One row: a value of ours beside a peer's, and which way is better."""

    what: str
    ours: float
    peer: float
    unit: str
    peer_name: str
    better: str

    def row(self) -> str:
        """The row as Markdown; the ratio is ours to the peer's."""
        ours, peer = (f"{_number(value)} {self.unit}" for value in (self.ours, self.peer))
        ratio = f"**{self.ours / self.peer:.3f}**"
        return f"| {self.what} | {ours} | {peer} | {self.peer_name} | {ratio} | {self.better} |"


def _number(value: float) -> str:
    """Counts whole, measures to three digits or 0.1."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.1f}" if value >= 100 else f"{value:.3g}"


def alternate(ours: Callable[[], T], peer: Callable[[], T], rounds: int = ROUNDS) -> tuple[T, float, T, float]:
    """Run both ``rounds`` times in turn: the last result and the median seconds of ours, then of the peer's."""
    results: dict[bool, T] = {}
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(rounds):
        for mine in (True, False) if turn % 2 else (False, True):
            start = perf_counter()
            results[mine] = ours() if mine else peer()
            seconds[mine].append(perf_counter() - start)
    return results[True], median(seconds[True]), results[False], median(seconds[False])


def written(document: vpype.Document) -> list[Figure]:
    """A page as G-code, from Document to file: bytes and time, beside vpype-gcode's `ninja` profile."""
    profile = load_profile("grbl-servo")
    with tempfile.TemporaryDirectory() as folder:
        mine, theirs = Path(folder) / "ours.gcode", Path(folder) / "ninja.gcode"

        def ours() -> None:
            write_program(to_toolpath(document, profile).lines, profile).save(mine)

        def peer() -> None:
            vpype_cli.execute(f"gwrite -p ninja '{theirs}'", document)

        _, seconds, _, peer_seconds = alternate(ours, peer)
        sizes = mine.stat().st_size, theirs.stat().st_size
    return [
        Figure("G-code of page192", *sizes, "bytes", "vpype-gcode `ninja`", "less"),
        Figure("time to write it", seconds, peer_seconds, "s", "vpype-gcode `ninja`", "less"),
    ]


def ordered(name: str, document: vpype.Document, best_known_mm: float, rounds: int = ROUNDS) -> list[Figure]:
    """The closed tour from home through all strokes and back, and the time it takes to find."""
    lines = document_lines(document)[1]

    def ours(effort: Effort) -> list[np.ndarray]:
        return order_strokes(lines, HOME, effort=effort)

    def peer() -> list[np.ndarray]:
        return document_lines(vpype_cli.execute("linesort --two-opt", document))[1]

    ours(0.001)  # compiles, once on a computer
    found, seconds, theirs, peer_seconds = alternate(partial(ours, "fast"), peer, rounds)
    searched, search_seconds, _, _ = alternate(partial(ours, "normal"), partial(ours, "fast"), rounds)
    peer_name = "vpype `linesort --two-opt`"
    return [
        Figure(f"travel of {name}", travel_mm(found, HOME), travel_mm(theirs, HOME), "mm", peer_name, "less"),
        Figure("time to order it", seconds, peer_seconds, "s", peer_name, "less"),
        Figure("its travel by `--effort normal`", travel_mm(searched, HOME), best_known_mm, "mm", "best known", "less"),
        Figure("time to order it so", search_seconds, peer_seconds, "s", peer_name, "less"),
    ]


def joined(name: str, document: vpype.Document) -> list[Figure]:
    """Lines left after joining over a pen's width, and dots with ink where they were, which should be all."""
    lines = document_lines(document)[1]
    dots = np.array([line[0] for line in lines if is_dot(line)])

    def ours() -> list[np.ndarray]:
        return join_strokes(lines, TOLERANCE_MM).lines

    def peer() -> list[np.ndarray]:
        return document_lines(vpype_cli.execute(f"linemerge -t {TOLERANCE_MM}mm", document))[1]

    def in_place(result: list[np.ndarray]) -> int:
        nearest, _ = KDTree(np.concatenate(result)).query(dots)
        return int((nearest < DOT_MM).sum())

    found, seconds, theirs, peer_seconds = alternate(ours, peer)
    peer_name = f"vpype `linemerge -t {TOLERANCE_MM}mm`"
    return [
        Figure(f"lines left of {name}", len(found), len(theirs), "lines", peer_name, "less"),
        Figure(f"its dots in place, of {len(dots)}", in_place(found), in_place(theirs), "dots", peer_name, "all"),
        Figure("time to join it", seconds, peer_seconds, "s", peer_name, "less"),
    ]


def timed(document: vpype.Document) -> list[Figure]:
    """The time a plot is said to take, beside what it takes on the virtual plotter, sent through a port."""
    profile = load_profile("grbl-servo")
    program = write_program(to_toolpath(document, profile).lines, profile)
    plots = [simulate(program, profile) for _ in range(ROUNDS)]
    plan, seconds = plots[0].estimate, median(plot.seconds for plot in plots)
    by_length = plan.drawn_mm / profile.draw_feed + plan.travelled_mm / profile.max_rate[0]
    naive = 60 * by_length + plan.pen_seconds
    name = "virtual plotter"
    return [
        Figure("predicted time of page192", plan.seconds, seconds, "s", name, "1"),
        Figure("the same as length over feed", naive, seconds, "s", name, "1"),
    ]


def plotted(name: str, document: vpype.Document) -> list[Figure]:
    """The time a plot is said to take after what is done to its lines, on a quicker plotter than `grbl-servo`."""
    servo = load_profile("grbl-servo")
    machine = replace(
        servo,
        draw_feed=3000.0,
        max_rate=(8000.0, 8000.0, 600.0),
        acceleration=(500.0, 500.0, 100.0),
        pen=replace(servo.pen, up_delay=0.15, down_delay=0.15),
    )
    lines = join_strokes(to_toolpath(document, machine).lines, TOLERANCE_MM).lines

    def seconds(these: list[np.ndarray]) -> float:
        return estimate(write_program(these, machine), machine).seconds

    def order(these: list[np.ndarray]) -> list[np.ndarray]:
        return order_strokes(these, machine.park, Rapids.of(machine), "normal")

    curves = smooth(lines, SMOOTH_MM, machine.junction_deviation)
    merged = vpype_cli.execute(f"linemerge -t {TOLERANCE_MM}mm linesort --two-opt", document)
    theirs = seconds(to_toolpath(merged, machine).lines)
    peer_name = f"vpype `linemerge -t {TOLERANCE_MM}mm linesort --two-opt`"
    return [
        Figure(f"predicted time of {name}, joined and ordered", seconds(order(lines)), theirs, "s", peer_name, "less"),
        Figure(f"the same, smooth to {SMOOTH_MM} mm", seconds(order(curves)), theirs, "s", peer_name, "less"),
    ]


def carried(name: str, path: Path) -> list[Figure]:
    """The time from an SVG file to a G-code file: read, joined, ordered, written; ours draws doubled lines once."""
    profile = load_profile("grbl-servo")
    with tempfile.TemporaryDirectory() as folder:
        mine, theirs = Path(folder) / "ours.gcode", Path(folder) / "ninja.gcode"

        def ours() -> None:
            page, _ = optimise(read_page(path), profile, Finish(TOLERANCE_MM, effort="fast"))
            write_program(to_toolpath(page, profile).lines, profile).save(mine)

        def peer() -> None:
            steps = f"linemerge -t {TOLERANCE_MM}mm linesort --two-opt gwrite -p ninja '{theirs}'"
            vpype_cli.execute(f"read '{path}' {steps}")

        _, seconds, _, peer_seconds = alternate(ours, peer, rounds=3)
    peer_name = "vpype `read linemerge linesort --two-opt gwrite`"
    return [Figure(f"{name} from SVG to G-code", seconds, peer_seconds, "s", peer_name, "less")]


def started() -> list[Figure]:
    """The wall time of `--help`, each in a process of its own."""
    folder = Path(sys.executable).parent

    def call(program: str) -> None:
        subprocess.run([folder / program, "--help"], check=True, stdout=subprocess.DEVNULL)

    _, seconds, _, peer_seconds = alternate(partial(call, "plotbot"), partial(call, "vpype"))
    return [Figure("`plotbot --help`", seconds, peer_seconds, "s", "`vpype --help`", "less")]


def sampled() -> list[Figure]:
    """Sketches per second, in one batch beside one at a time, with one network."""
    try:
        model, name = zoo.find("cat")
        what = "cats"
    except CheckpointError:
        model, name, what = _made_up(), None, "sketches of a network with random weights"

    def batch() -> None:
        sample(model, SKETCHES, name)

    def singly() -> None:
        for seed in range(SINGLE_SKETCHES):
            sample(model, 1, name, seed=seed)

    _, seconds, _, peer_seconds = alternate(batch, singly)
    rates = SKETCHES / seconds, SINGLE_SKETCHES / peer_seconds
    return [Figure(f"{SKETCHES} {what} in one batch", *rates, "/s", "the same, one at a time", "more")]


def _made_up() -> TrainedModel:
    """A network of the shipped shape whose sketches end after ``MEAN_POINTS`` points on average."""
    torch.manual_seed(0)
    network = SketchRNN(SketchRNNConfig(hidden=512)).eval()
    ending = torch.zeros(3)
    # p(end) = e^x / (2 + e^x) = 1 / MEAN_POINTS, before the temperature divides x.
    ending[strokes.END] = pen_temperature_for(0.25) * math.log(2 / (MEAN_POINTS - 1))
    with torch.no_grad():
        network.head.bias[:3] = ending
    return TrainedModel(network, (), 1.0, MAX_POINTS)


def main() -> None:
    """Measure everything and print the table."""
    if "PLOTBOT_DATA" not in os.environ:
        sys.exit("Where are the pages? Set PLOTBOT_DATA to the folder that holds pages/page192.svg and page2000.svg.")
    folder = Path(os.environ["PLOTBOT_DATA"]) / "pages"
    try:
        small, large = (read_page(folder / f"{name}.svg") for name in ("page192", "page2000"))
    except InputError as error:
        sys.exit(str(error))
    start = perf_counter()
    figures = [
        *written(small),
        *ordered("page192", small, BEST_KNOWN_MM["page192"]),
        *ordered("page2000", large, BEST_KNOWN_MM["page2000"], rounds=3),
        *joined("page192", small),
        *joined("page2000", large),
        *timed(small),
        *plotted("page192", small),
        *plotted("page2000", large),
        *carried("page2000", folder / "page2000.svg"),
        *started(),
        *sampled(),
    ]
    print("| what | plotbot | peer | which peer | plotbot / peer | better |\n| --- | ---: | ---: | --- | ---: | --- |")
    print("\n".join(figure.row() for figure in figures))
    versions = ", ".join(f"{name} {version(name)}" for name in ("vpype", "vpype-gcode", "torch", "numpy"))
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"\nMedians of {ROUNDS}, in {perf_counter() - start:.0f} s, on {os.cpu_count()} cores{load};")
    print(f"Python {platform.python_version()}, {versions}.")


if __name__ == "__main__":
    main()
