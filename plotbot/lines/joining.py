"""Strokes that meet, joined into one: each join saves a pen lift, the dearest thing on a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plotbot.lines.loops import connect, splice_loops
from plotbot.lines.matching import match_ends
from plotbot.units import InputError

# A stroke that spans less than this is a dot: one step of a usual machine (80 steps/mm).
DOT_MM = 0.0125


@dataclass(frozen=True)
class Joined:
    """What ``join_strokes`` made: polylines (N, 2) in mm, and how.

    There are ``ends`` + ``loops`` fewer lines: so many pairs of ends were linked, and so many closed strokes are drawn
    by another in passing. ``added_mm`` is how much longer the lines are, ``most_mm`` the most that one of these added.
    """

    lines: list[np.ndarray]
    ends: int
    loops: int
    added_mm: float
    most_mm: float


def is_dot(line: np.ndarray) -> bool:
    """Whether the polyline (N, 2), N >= 1, mm, is a dot: all its points within ``DOT_MM`` of each other."""
    return bool(np.hypot(*(line.max(axis=0) - line.min(axis=0))) < DOT_MM)


def join_strokes(lines: Sequence[np.ndarray], tolerance_mm: float) -> Joined:
    """Join strokes that come within ``tolerance_mm`` (the pen's width), turning them as needed.

    ``lines``: polylines (N, 2), N >= 1, in mm. First as many ends as possible are linked to ends near them, over as
    little way as that takes; then closed strokes, dots among them, are drawn in passing by what touches them. No point
    is moved or left out, so a dot is a point of the line that takes it up. Each lift that is saved adds at most
    ``tolerance_mm`` of ink. A joined stroke takes the place and the direction of its first member, or of the open one
    that draws the closed ones. Deterministic. Raises InputError for a tolerance that is negative or not finite, and for
    a point that is not finite.
    """
    if not (tolerance_mm >= 0 and math.isfinite(tolerance_mm)):
        raise InputError(f"{tolerance_mm} mm is no distance to join strokes over: use zero or more.")
    ends = np.array([line[k] for line in lines for k in (0, -1)], dtype=float).reshape(-1, 2)
    if lines and not np.isfinite(np.concatenate(lines)).all():
        raise InputError("A stroke has a coordinate that is not a finite number: correct the page.")
    partner = match_ends(ends, tolerance_mm)
    chains = []
    seen: set[int] = set()
    for stroke in range(len(lines)):
        if stroke not in seen:
            chain = _chain(partner, 2 * stroke)
            seen.update(end // 2 for end in chain)
            chains.append(connect([lines[end // 2][:: -1 if end % 2 else 1] for end in chain]))
    linked = [end for end, other in enumerate(partner) if other > end]
    links = np.hypot(*(ends[linked] - ends[[partner[end] for end in linked]]).T)
    joined, loops = splice_loops(chains, tolerance_mm)
    return Joined(
        joined,
        len(linked),
        len(loops),
        _length(joined) - _length(lines),
        max([*links.tolist(), *loops], default=0.0),
    )


def _chain(partner: list[int], end: int) -> list[int]:
    """The chain through the stroke entered by ``end``, as the ends by which its strokes are entered."""
    before, after = [end], [end]
    while (entry := partner[after[-1] ^ 1]) >= 0:
        after.append(entry)
    while (leave := partner[before[-1]]) >= 0:
        before.append(leave ^ 1)
    return before[:0:-1] + after


def _length(lines: Sequence[np.ndarray]) -> float:
    """How long the lines are together."""
    if not lines:
        return 0.0
    steps = np.hypot(*np.diff(np.concatenate(lines), axis=0).T)
    steps[np.cumsum([len(line) for line in lines[:-1]], dtype=int) - 1] = 0
    return float(steps.sum())
