"""Strokes whose ends meet, joined into one: each join saves a pen lift, the dearest thing on a page.

Ends are numbered 2 * stroke for its first point and 2 * stroke + 1 for its last, here and in ``travel``.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence

import numpy as np
from scipy.spatial import KDTree

from plotbot.units import InputError

# A stroke that spans less than this is a dot: one step of a usual machine (80 steps/mm).
DOT_MM = 0.0125
# Ends looked at around each end in one round; more rounds follow for as long as they find something.
_NEIGHBOURS = 8


def is_dot(line: np.ndarray) -> bool:
    """Whether the polyline (N, 2), N >= 1, mm, is a dot: all its points within ``DOT_MM`` of each other."""
    return bool(np.hypot(*(line.max(axis=0) - line.min(axis=0))) < DOT_MM)


def join_strokes(lines: Sequence[np.ndarray], tolerance_mm: float) -> list[np.ndarray]:
    """Join strokes whose ends lie within ``tolerance_mm`` (the pen's width), turning them as needed.

    ``lines``: polylines (N, 2) in mm. No point is moved or left out: a join draws the short way between the
    two ends. Dots never take part, so each is still there. A joined stroke takes the place and the direction
    of its first member in ``lines``. Ends with a single partner are served first (Karp and Sipser 1981),
    nearest first among equals, which joins more than nearest-first alone. Raises InputError for a tolerance
    that is negative or not finite.
    """
    if not (tolerance_mm >= 0 and math.isfinite(tolerance_mm)):
        raise InputError(f"{tolerance_mm} mm is no distance to join strokes over: use zero or more.")
    movable = [i for i, line in enumerate(lines) if not is_dot(line)]
    ends = np.array([lines[i][k] for i in movable for k in (0, -1)]).reshape(-1, 2)
    partner = link_ends(ends, tolerance_mm)
    joined: dict[int, np.ndarray] = {i: line for i, line in enumerate(lines) if is_dot(line)}
    seen: set[int] = set()
    for stroke in range(len(movable)):
        if stroke in seen:
            continue
        chain = _chain(partner, 2 * stroke)
        seen.update(end // 2 for end in chain)
        joined[movable[stroke]] = _concatenate([lines[movable[end // 2]][:: -1 if end % 2 else 1] for end in chain])
    return [joined[i] for i in sorted(joined)]


def link_ends(ends: np.ndarray, tolerance: float) -> list[int]:
    """Pair the ends (2n, 2) of n strokes over at most ``tolerance``, never into a ring; -1 marks a free end.

    With an infinite tolerance all strokes become one chain: the greedy-edge tour. Deterministic.
    """
    partner = [-1] * len(ends)
    # The far end of the chain that a free end belongs to: what keeps a chain from biting its own tail.
    far = [end ^ 1 for end in range(len(ends))]
    free = np.arange(len(ends))
    while len(free) > 2:
        found = _link_round(ends, free, tolerance, partner, far)
        if not found:
            break
        free = np.array([end for end in free.tolist() if partner[end] < 0])
    return partner


def _link_round(ends: np.ndarray, free: np.ndarray, tolerance: float, partner: list[int], far: list[int]) -> bool:
    """One round of linking among the nearest free ends; True if it linked any."""
    near: dict[int, dict[int, float]] = {end: {} for end in free.tolist()}
    distances, others = KDTree(ends[free]).query(
        ends[free], k=min(_NEIGHBOURS, len(free)), distance_upper_bound=np.nextafter(tolerance, np.inf)
    )
    for end, row, columns in zip(free.tolist(), distances.tolist(), others.tolist(), strict=True):
        for distance, column in zip(row, columns, strict=True):
            if column < len(free):
                other = int(free[column])
                if other not in (end, far[end]):
                    near[end][other] = near[other][end] = distance
    heap = [
        (len(near[a]) > 1 and len(near[b]) > 1, distance, a, b)
        for a in near
        for b, distance in near[a].items()
        if a < b
    ]
    heapq.heapify(heap)
    linked = bool(heap)

    def forget(a: int, b: int) -> None:
        if near[a].pop(b, None) is not None:
            del near[b][a]
            for end in (a, b):
                if len(near[end]) == 1:
                    ((other, distance),) = near[end].items()
                    heapq.heappush(heap, (False, distance, min(end, other), max(end, other)))

    while heap:
        _, _, a, b = heapq.heappop(heap)
        if b not in near[a]:
            continue
        partner[a], partner[b] = b, a
        head, tail = far[a], far[b]
        far[head], far[tail] = tail, head
        for end in (a, b):
            for other in list(near[end]):
                forget(end, other)
        forget(head, tail)
    return linked


def _chain(partner: list[int], end: int) -> list[int]:
    """The chain through the stroke entered by ``end``, as the ends by which its strokes are entered."""
    before, after = [end], [end]
    while (entry := partner[after[-1] ^ 1]) >= 0:
        after.append(entry)
    while (leave := partner[before[-1]]) >= 0:
        before.append(leave ^ 1)
    return before[:0:-1] + after


def _concatenate(parts: list[np.ndarray]) -> np.ndarray:
    kept = [parts[0]]
    for part in parts[1:]:
        same = bool((part[0] == kept[-1][-1]).all())
        kept.append(part[1:] if same else part)
    return np.concatenate(kept)
