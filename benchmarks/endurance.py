"""A day and a night of plotting, as fast as the virtual machine can: does the driver's memory stay flat?

The program is page2000 again and again, as many lines as a plotter (`grbl-servo`) draws of it in so many hours, 24 if
none are given. The machine runs flat out in a process of its own; a journal is kept. Prints a Markdown table
of the driver's memory and speed at ten points. Needs PLOTBOT_DATA, the folder that holds pages/page2000.svg, and
Linux, which tells a process its memory.

    PLOTBOT_DATA=/path/to/data python benchmarks/endurance.py [HOURS]
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
import time
from pathlib import Path

from apart import PlotterApart

from gcode.journal import Journal
from gcode.motion import estimate
from gcode.plotter import Plotter
from gcode.profile import load_profile
from gcode.program import Program
from gcode.session import Progress
from gcode.writing import write_program
from plotbot.page.reading import read_page
from plotbot.page.toolpath import to_toolpath

PROFILE = load_profile("grbl-servo")
POINTS = 10


def memory() -> float:
    """MiB that this process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def day(hours: float) -> Program:
    """The lines of so many hours: the page's, from its first to its last stroke, over and over."""
    page = to_toolpath(read_page(Path(os.environ["PLOTBOT_DATA"]) / "pages" / "page2000.svg"), PROFILE)
    program = write_program(page.lines, PROFILE)
    seconds = estimate(program, PROFILE).seconds
    blocks = program.blocks
    count = round(len(blocks) / seconds * 3600.0 * hours)
    print(f"page2000 is {len(blocks):,} lines in {seconds:,.0f} s; {hours:g} h of it are {count:,} lines.\n")
    first = next(i for i, block in enumerate(blocks) if block.stroke is not None)
    last = max(i for i, block in enumerate(blocks) if block.stroke is not None)
    strokes, times = blocks[first : last + 1], math.ceil(count / (last + 1 - first))
    lines = (blocks[:first] + strokes * times)[:count]
    while lines[-1].stroke == lines[-2].stroke:  # up to the end of a stroke
        lines = lines[:-1]
    return Program(lines[:-1] + blocks[last + 1 :])


def main() -> None:
    """Draw for so many hours, and print the table."""
    before = memory()
    program = day(float(sys.argv[1]) if len(sys.argv) > 1 else 24.0)
    total = len(program.blocks)
    print(f"Memory: {before:.0f} MiB to start with, {memory():.0f} MiB with the program.\n")
    print("| of the job's time | memory | since the last row |\n| ---: | ---: | ---: |")
    start = last = time.monotonic()
    rows: list[float] = []

    def progress(now: Progress) -> None:
        nonlocal last
        if now.share >= (len(rows) + 1) / POINTS:
            rows.append(memory())
            print(f"| {now.share:.0%} | {rows[-1]:.1f} MiB | {time.monotonic() - last:.0f} s |", flush=True)
            last = time.monotonic()

    with PlotterApart(PROFILE, math.inf) as machine, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job"
        with Journal.create(path, program, PROFILE) as journal, Plotter.connect(machine.port, PROFILE) as plotter:
            head = path.stat().st_size
            outcome = plotter.plot(program, progress, journal)
            size = path.stat().st_size - head
        seen = machine.seen()
    hours, rate = seen.seconds / 3600.0, outcome.lines / outcome.seconds
    print(f"\n{outcome.strokes_drawn:,} of {outcome.strokes:,} strokes and {outcome.lines:,} of {total:,} lines drawn;")
    print(f"the machine read {seen.lines:,} lines and left {len(seen.ink):,} strokes, {hours:.1f} h of its time in")
    print(f"{time.monotonic() - start:.0f} s: {rate:,.0f} lines/s. The journal grew by {size / 2**20:.1f} MiB.")
    print(f"Memory grew by {rows[-1] - rows[0]:.1f} MiB between the first row and the last.")


if __name__ == "__main__":
    main()
