"""Programs: any G-code file read, what a program makes the machine do, and the ink that it leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gcode.actions import Action, GcodeError, Move, Pause, Spindle, Vec3
from gcode.dialects import interpreter as interpreter_for
from gcode.profile import Profile

Polyline = NDArray[np.float64]

RELOAD = "reload"
"""The note on the blocks that dip a pen or shake it: what they touch is not the drawing."""


class WorkAreaError(ValueError):
    """A toolpath that leaves the machine's work area; the message says where and by how much."""


@dataclass(frozen=True, slots=True)
class Block:
    """One line of G-code; `stroke` is the index of the polyline it belongs to, None in header and footer.

    `note` is for the person beside the machine: what an M0 asks for, such as the next pen.
    """

    text: str
    stroke: int | None
    note: str = ""


@dataclass(frozen=True)
class Program:
    """G-code in the order in which it runs."""

    blocks: tuple[Block, ...]

    @property
    def text(self) -> str:
        """The file: one block per line, a note behind it as a comment."""
        return "".join(f"{block.text} ;{block.note}\n" if block.note else f"{block.text}\n" for block in self.blocks)

    def save(self, path: Path) -> None:
        """Writes the text beside `path`, then renames it, so that `path` is never half a program."""
        part = path.with_name(f"{path.name}.part")
        try:
            part.write_text(self.text, encoding="ascii", newline="\n")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def read_program(path: Path, profile: Profile) -> Program:
    """Reads any G-code file of the profile's dialect; what asks a person for something (M0) keeps its comment as
    note, and so do reloads; other comments and empty lines are left out. For the strokes see strokes_of.

    Raises GcodeError naming file, line and reason where the machine would refuse a line; OSError where the file
    cannot be read.
    """
    interpreter = interpreter_for(profile)
    blocks: list[Block] = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").split("\n"), start=1):
        try:
            actions = interpreter.execute(line)
        except GcodeError as error:
            known = f" (GRBL error:{error.code})" if error.code else ""
            raise GcodeError(error.code, f"{path}, line {number}: {error}{known}") from None
        if text := interpreter.bare(line):
            asks = any(isinstance(action, Pause) for action in actions)
            note = _comment(line)
            blocks.append(Block(text, None, note if asks or note == RELOAD else ""))
    return Program(tuple(blocks))


def _comment(line: str) -> str:
    match = re.search(r"\(([^)]*)\)?|;(.*)", line)
    return (match[1] or match[2] or "").strip() if match else ""


def parked(profile: Profile) -> Vec3:
    """Where the machine stands before and after a plot, mm: over `park`, with a Z pen up."""
    return (*profile.park, profile.pen.up if profile.pen.kind == "z" else 0.0)


class Step(NamedTuple):
    """One action of a program, with the pen before and after it; `block` is the block's index."""

    block: int
    action: Action
    was_down: bool
    down: bool


def trace(program: Program, profile: Profile, start: Vec3 | None = None) -> Iterator[Step]:
    """Runs the program on the profile's machine, which stands at `start` (mm; parked if None), pen up.

    Raises GcodeError on a block that GRBL refuses.
    """
    position = parked(profile) if start is None else start
    interpreter = interpreter_for(profile, position)
    is_down = profile.pen.is_down
    z, on, speed, down = position[2], False, 0.0, False
    for index, block in enumerate(program.blocks):
        for action in interpreter.execute(block.text):
            was_down = down
            if isinstance(action, Move):
                if action.target[2] != z:
                    z = action.target[2]
                    down = is_down(on, speed, z)
            elif isinstance(action, Spindle):
                on, speed = action.on, action.speed
                down = is_down(on, speed, z)
            yield Step(index, action, was_down, down)


def ink(program: Program, profile: Profile) -> list[Polyline]:
    """What the pen draws: polylines (N, 2) float64 in mm, dots as (1, 2), in drawing order.

    A point on the one before it is left out. What a reload touches is ink, too: `owners` tells which line that is.
    Raises GcodeError on a block that GRBL refuses.
    """
    strokes: list[list[tuple[float, float]]] = []
    here = profile.park
    for step in trace(program, profile):
        if isinstance(step.action, Move):
            here = step.action.target[:2]
        if step.down and (not step.was_down or here != strokes[-1][-1]):
            if not step.was_down:
                strokes.append([])
            strokes[-1].append(here)
    return [np.array(stroke, dtype=np.float64) for stroke in strokes]


def owners(program: Program, profile: Profile) -> list[int | None]:
    """The stroke of each line of the program's ink, in order; None for what a reload touched.

    Raises GcodeError on a block that the machine refuses.
    """
    return [program.blocks[step.block].stroke for step in trace(program, profile) if step.down and not step.was_down]


def check_work_area(program: Program, profile: Profile) -> None:
    """Raises WorkAreaError where a program, of whatever origin, moves outside the profile's work area, and by how
    much; GcodeError on a block that GRBL refuses. A step beyond the edge is rounding."""
    worst, where = 1.0 / min(profile.steps_per_mm[:2]), None
    (left, right), (low, high) = profile.x_range, profile.y_range
    for step in trace(program, profile):
        if isinstance(step.action, Move):
            x, y, _ = step.action.target
            beyond = max(left - x, x - right, low - y, y - high)
            if beyond > worst:
                worst, where = beyond, program.blocks[step.block].text
    if where is not None:
        raise WorkAreaError(
            f"block {where!r} leaves the work area of {profile.name}, {profile.width:g} x {profile.height:g} mm, "
            f"by {worst:.4g} mm: scale or move the drawing, or choose another machine"
        )


def strokes_of(program: Program, profile: Profile) -> Program:
    """The same blocks, numbered by the strokes the profile's pen draws.

    A stroke begins with the travel to it and ends where the next travel or a pause (M0) begins. What precedes the
    first travel, a travel that no pen-down follows, and reloads belong to none. Raises GcodeError on a block that
    the machine refuses.
    """
    starts, drawn = [0], [False]
    begun = False
    for step in trace(program, profile):
        text, note = program.blocks[step.block].text, program.blocks[step.block].note
        travels = isinstance(step.action, Move) and ("X" in text or "Y" in text)
        asks = isinstance(step.action, Pause)
        if not step.was_down and (asks or (not begun and (step.down or travels))):
            starts.append(step.block)
            drawn.append(False)
            begun = not asks
        if step.down:
            drawn[-1] = drawn[-1] or note != RELOAD
        elif step.was_down:
            begun = False
    blocks: list[Block] = []
    count = 0
    for start, end, is_stroke in zip(starts, [*starts[1:], len(program.blocks)], drawn, strict=True):
        stroke = count if is_stroke else None
        count += is_stroke
        blocks += [replace(block, stroke=stroke) for block in program.blocks[start:end]]
    return Program(tuple(blocks))
