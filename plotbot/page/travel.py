"""The order and direction in which strokes are drawn, so that the pen travels little between them.

The tour is a cycle of strokes through home. Every end has one travel edge (to its ``mate``), and a change of
the tour swaps the ends of a few travel edges; strokes themselves are never cut. So a k-opt move here is an
alternating cycle t1 t2 t3 ... t2k of removed travel edges (t1, t2), (t3, t4), ... and added ones (t2, t3),
..., (t2k, t1), as in Lin and Kernighan 1973, searched as in Helsgaun 2000: neighbour lists, positive gain, a
queue of ends to look at.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
from scipy.spatial import KDTree  # type: ignore[import-untyped]

from plotbot.page.joining import link_ends
from plotbot.units import InputError

# Nearest ends tried at each level of a move: a move swaps at most one travel edge more than there are.
_BREADTH = (10, 6, 4, 3, 2)
# A gain below this is rounding noise, mm.
_LEAST_GAIN = 1e-7


def order_strokes(lines: Sequence[np.ndarray], home: tuple[float, float]) -> list[np.ndarray]:
    """The same polylines (N, 2), in an order and direction that keep the way from and to ``home`` short.

    All in mm. Starts from the greedy-edge tour and improves it until no move of up to six travel edges
    among near ends is left. The result is a permutation of ``lines`` with some of them reversed; nothing is
    cut or moved. Deterministic. Raises InputError where ``home`` or a point is not finite.
    """
    if not lines:
        return []
    ends = np.array([point for line in lines for point in (line[0], line[-1])] + [home, home], dtype=float)
    if not np.isfinite(ends).all():
        raise InputError("A stroke or home has a coordinate that is not a finite number: correct the page.")
    tour = _Tour(ends)
    tour.improve()
    # The node order starts with home; each stroke follows as (entry, exit).
    entries = tour.order[2::2]
    ordered = [lines[end // 2][:: -1 if end % 2 else 1] for end in entries]
    # A cycle costs the same both ways round; start where the first line of the page comes earlier.
    if entries.index(_entry_of(entries, 0)) > (len(entries) - 1) / 2:
        ordered = [line[::-1] for line in reversed(ordered)]
    return ordered


def travel_mm(lines: Sequence[np.ndarray], home: tuple[float, float]) -> float:
    """How far the pen travels in the air from ``home`` through the polylines (N, 2) in order and back, mm."""
    leave = np.array([home] + [line[-1] for line in lines], dtype=float)
    reach = np.array([line[0] for line in lines] + [home], dtype=float)
    return float(np.hypot(*(reach - leave).T).sum())


def _entry_of(entries: list[int], stroke: int) -> int:
    return 2 * stroke if 2 * stroke in entries else 2 * stroke + 1


class _Tour:
    """A cycle of strokes, the last of which is home; ends (2n, 2) mm, numbered as in ``joining``.

    ``order`` lists the ends along the cycle, home's two first, each stroke as entry then exit.
    """

    def __init__(self, ends: np.ndarray) -> None:
        self.count = len(ends)
        self.x: list[float] = ends[:, 0].tolist()
        self.y: list[float] = ends[:, 1].tolist()
        self.near = _neighbours(ends)
        self.order = _greedy_tour(ends)
        self.position = [0] * self.count
        for place, end in enumerate(self.order):
            self.position[end] = place
        self.mate = [0] * self.count
        self.mate_mm = [0.0] * self.count
        for place in range(1, self.count, 2):
            self._link(self.order[place], self.order[(place + 1) % self.count])

    def improve(self) -> None:
        """Apply improving moves until no end has one."""
        queue = deque(self.order)
        waiting = [True] * self.count
        while queue:
            end = queue.popleft()
            waiting[end] = False
            swapped = [end, self.mate[end]]
            while self._search(swapped, self.mate_mm[end], 0):
                for other in swapped:
                    if not waiting[other]:
                        waiting[other] = True
                        queue.append(other)
                swapped = [end, self.mate[end]]

    def _search(self, t: list[int], gain: float, level: int) -> bool:
        """Extend the removed edges ``t`` = [t1, t2, ...] to an improving move and apply it; False if none is.

        ``gain``: mm removed less mm added so far.
        """
        x, y, mate, mate_mm = self.x, self.y, self.mate, self.mate_mm
        x1, y1 = x[t[0]], y[t[0]]
        for end, distance in self.near[t[-1]][: _BREADTH[level]]:
            opened = gain - distance
            if opened < _LEAST_GAIN:
                break
            if end in t:
                continue
            other = mate[end]
            removed = opened + mate_mm[end]
            t += (end, other)
            if removed - math.hypot(x[other] - x1, y[other] - y1) > _LEAST_GAIN and self._apply(t):
                return True
            if level + 1 < len(_BREADTH) and self._search(t, removed, level + 1):
                return True
            del t[-2:]
        return False

    def _apply(self, t: list[int]) -> bool:
        """Swap the travel edges if one cycle comes out; False, and nothing changed, if several would."""
        position, order = self.position, self.order
        places = sorted(position[end] for end in t)
        # Position 2i+1 leaves by the edge to 2i+2; the last edge leads to position 0.
        if places[0] == 0:
            places = [*places[1:], self.count]
        link = dict(zip(t[1::2], [*t[2::2], t[0]], strict=True))
        link.update({b: a for a, b in link.items()})
        # Segments between the cuts, in their new order; the one through home stays where it is.
        segments = []
        end = order[places[0]]
        goal = order[places[-1] % self.count]
        inner = {}
        for low, high in zip(places[1:-1:2], places[2::2], strict=True):
            inner[order[low]] = (low, high, False)
            inner[order[high]] = (low, high, True)
        while (entered := link[end]) != goal:
            low, high, turned = inner[entered]
            segments.append((low, high, turned))
            end = order[low if turned else high]
        if 2 * len(segments) != len(inner):
            return False
        first, last = places[1], places[-2]
        changed: list[int] = []
        for low, high, turned in segments:
            part = order[low : high + 1]
            changed += reversed(part) if turned else part
        order[first : last + 1] = changed
        for place, node in enumerate(changed, start=first):
            position[node] = place
        for a in t[1::2]:
            self._link(a, link[a])
        return True

    def _link(self, a: int, b: int) -> None:
        self.mate[a], self.mate[b] = b, a
        self.mate_mm[a] = self.mate_mm[b] = math.hypot(self.x[a] - self.x[b], self.y[a] - self.y[b])


def _neighbours(ends: np.ndarray) -> list[list[tuple[int, float]]]:
    """For each end the nearest ends of other strokes, as (end, mm), nearest first."""
    wanted = min(_BREADTH[0] + 2, len(ends))
    distances, others = KDTree(ends).query(ends, k=wanted)
    return [
        [(other, mm) for other, mm in zip(row, far, strict=True) if other not in (end, end ^ 1)]
        for end, (row, far) in enumerate(zip(others.tolist(), distances.tolist(), strict=True))
    ]


def _greedy_tour(ends: np.ndarray) -> list[int]:
    """The greedy-edge cycle as a list of ends: home's two, then entry and exit of each stroke."""
    partner = link_ends(ends, math.inf)
    home = len(ends) - 2
    after: list[int] = []
    end = home + 1
    while (end := partner[end]) >= 0:
        after += (end, end ^ 1)
        end ^= 1
    before: list[int] = []
    end = home
    while (end := partner[end]) >= 0:
        before += (end, end ^ 1)
        end ^= 1
    return [home, home + 1, *after, *reversed(before)]
