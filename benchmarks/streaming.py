"""Does a fast machine ever wait for its sender? 5,000 moves of 0.2 mm at 100 mm/s, which is 500 lines a second.

The virtual plotter runs in real time in a process of its own, behind a serial line of 115,200 baud, and looks every
10 ms how full its planner is. The driver, the driver with a journal, and a sender that waits for each `ok` draw the
same path in turn. Prints a Markdown table of medians; takes about three minutes.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import serial
from apart import PlotterApart

from gcode.journal import Journal
from gcode.motion import estimate
from gcode.plotter import Plotter
from gcode.profile import load_profile
from gcode.program import Block, Program

ROUNDS = 3
MOVES, STEP = 5000, 0.2  # mm
MIDDLE, RADIUS, PITCH = 200.0, 30.0, 3.0  # mm, of a spiral
PROFILE = replace(
    load_profile("virtual"), draw_feed=6000.0, max_rate=(12000.0,) * 3, acceleration=(2000.0,) * 3, baud=115200
)


@dataclass(frozen=True)
class Run:
    """One job: seconds by the sender's clock, from its first line to the end of the motion, and as the machine saw it.
    `starved` is the share of the machine's samples with a planner nearly empty."""

    seconds: float
    machine: float
    starved: float


def spiral() -> Program:
    """One stroke of short moves on a gentle curve; written here, because `write_program` would leave most of its points
    out."""
    lines = [f"G21G90F{PROFILE.draw_feed:g}", "M3S60G4P.15"]
    angle = 0.0
    for i in range(MOVES + 1):
        radius = RADIUS + PITCH * angle / math.tau
        place = f"X{MIDDLE + radius * math.cos(angle):.2f}Y{MIDDLE + radius * math.sin(angle):.2f}"
        lines += [f"G1{place}" if i == 1 else place] if i else [f"G0{place}", "M3S30G4P.15"]
        angle += STEP / radius
    return Program(tuple(Block(line, None) for line in [*lines, "M3S60G4P.15", "G0X0Y0"]))


def drive(program: Program, port: str) -> float:
    """The driver."""
    with Plotter.connect(port, PROFILE) as plotter:
        return plotter.plot(program, lambda progress: None).seconds


def drive_with_journal(program: Program, port: str) -> float:
    """The driver, writing down how far it is."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Plotter.connect(port, PROFILE) as plotter,
        Journal.create(Path(folder) / "job", program, PROFILE) as journal,
    ):
        return plotter.plot(program, lambda progress: None, journal).seconds


def send_response(program: Program, port: str) -> float:
    """A line, its answer, the next line; at the end a wait for the motion."""
    with serial.Serial(port, PROFILE.baud, timeout=10.0) as link:
        while not link.readline().startswith(b"Grbl"):
            pass
        start = time.monotonic()
        for line in [*(block.text for block in program.blocks), "G4P.01"]:
            link.write(f"{line}\n".encode("ascii"))
            while link.readline() != b"ok\r\n":
                pass
        return time.monotonic() - start


SENDERS: dict[str, Callable[[Program, str], float]] = {
    "plotbot": drive,
    "plotbot with a journal": drive_with_journal,
    "send-response": send_response,
}


def run(send: Callable[[Program, str], float], program: Program) -> Run:
    """One job on a new machine."""
    with PlotterApart(PROFILE, 1.0) as plotter:
        seconds = send(program, plotter.port)
        seen = plotter.seen()
    return Run(seconds, seen.seconds, seen.nearly_empty / seen.samples)


def main() -> None:
    """Send the path in all ways, in turn, and print the table."""
    program = spiral()
    planned = estimate(program, PROFILE).seconds
    runs: dict[str, list[Run]] = {name: [] for name in SENDERS}
    for turn in range(ROUNDS):
        for name in [*SENDERS][:: -1 if turn % 2 else 1]:
            runs[name].append(run(SENDERS[name], program))
    print(f"The motion alone: {planned:.2f} s.\n")
    print("| sender | lines/s | job | job / motion | machine at work / motion | planner nearly empty |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, results in runs.items():
        seconds, machine = median(r.seconds for r in results), median(r.machine for r in results)
        starved = median(r.starved for r in results)
        print(
            f"| {name} | {len(program.blocks) / seconds:.0f} | {seconds:.2f} s | **{seconds / planned:.3f}** "
            f"| {machine / planned:.3f} | **{starved:.1%}** of samples |"
        )
    print(f"\nMedians of {ROUNDS}, on {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}.")


if __name__ == "__main__":
    main()
