"""The order and direction in which strokes are drawn, so that the pen travels little between them.

The tour is a cycle of strokes through home. Every end has one travel edge (to its ``mate``), and a change of
the tour swaps the ends of a few travel edges; strokes themselves are never cut. So a k-opt move here is an
alternating cycle t1 t2 t3 ... t2k of removed travel edges (t1, t2), (t3, t4), ... and added ones (t2, t3),
..., (t2k, t1), as in Lin and Kernighan 1973, searched as in Helsgaun 2000: neighbour lists, positive gain, a
queue of ends to look at.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.spatial import KDTree

from plotbot.lines.joining import link_ends
from plotbot.units import InputError

# Nearest ends tried at each level of a move: a move swaps at most one travel edge more than there are.
_BREADTH = (12, 6, 3, 2)
# Kicks out of the first local optimum: so many at most, and each within so many strokes of the tour.
_KICKS = 100
_KICK_SPAN = 30
# A gain below this is rounding noise, mm.
_LEAST_GAIN = 1e-7


def order_strokes(lines: Sequence[np.ndarray], home: tuple[float, float]) -> list[np.ndarray]:
    """The same polylines (N, 2), in an order and direction that keep the way from and to ``home`` short.

    All in mm. Starts from the greedy-edge tour, improves it until no move of up to five travel edges among near
    ends is left, and kicks it out of that optimum a bounded number of times. The result is a permutation of
    ``lines`` with some of them reversed; nothing is cut or moved. Deterministic. Raises InputError where ``home``
    or a point is not finite.
    """
    if not lines:
        return []
    ends = np.array([point for line in lines for point in (line[0], line[-1])] + [home, home], dtype=float)
    if not np.isfinite(ends).all():
        raise InputError("A stroke or home has a coordinate that is not a finite number: correct the page.")
    tour = _Tour(ends)
    tour.improve(tour.order)
    tour.kick(min(_KICKS, 2 * len(lines)))
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
        # What undoes the moves since it was last emptied: where, the ends there before, and the travel edges.
        self.journal: list[tuple[int, list[int], list[tuple[int, int]]]] = []
        for place in range(1, self.count, 2):
            self._link(self.order[place], self.order[(place + 1) % self.count])

    def improve(self, ends: Iterable[int]) -> float:
        """Apply improving moves, from these ends and from those that a move changes, until none is left.

        Returns the mm gained.
        """
        queue = deque(ends)
        waiting = set(queue)
        gained = 0.0
        while queue:
            end = queue.popleft()
            waiting.remove(end)
            swapped = [end, self.mate[end]]
            while gain := self._search(swapped, self.mate_mm[end], 0):
                gained += gain
                queue.extend(other for other in swapped if other not in waiting)
                waiting.update(swapped)
                swapped = [end, self.mate[end]]
        return gained

    def kick(self, times: int) -> None:
        """Swap neighbouring runs of strokes at random places, improve around, and undo what did not help.

        The double bridge of Martin, Otto and Felten 1991, which no move of ``_search`` makes; kept local as in
        Johnson and McGeoch 1997. The random places are the same every time.
        """
        edges = self.count // 2
        if edges < 5:
            return
        places = random.Random(0)
        for _ in range(times):
            low = places.randrange(max(1, edges - _KICK_SPAN))
            cuts = sorted(places.sample(range(low, min(low + _KICK_SPAN, edges)), 4))
            # Runs b, c, d between the four cuts become d, c, b.
            left = [self.order[2 * cut + 1] for cut in cuts]
            a, b, c, d = left
            to_b, to_c, to_d, on = (self.mate[end] for end in left)
            swap = [on, a, to_d, d, to_c, c, to_b, b]
            self.journal.clear()
            before = sum(self.mate_mm[end] for end in left)
            self._apply(swap)
            gain = before - sum(self.mate_mm[end] for end in left)
            if gain + self.improve(swap) < 0:
                self._undo()

    def _undo(self) -> None:
        for first, ends, edges in reversed(self.journal):
            self._place(first, ends)
            for a, b in edges:
                self._link(a, b)

    def _search(self, t: list[int], gain: float, level: int) -> float:
        """Extend the removed edges ``t`` = [t1, t2, ...] to an improving move and apply it; the mm gained, or 0.

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
            closed = removed - math.hypot(x[other] - x1, y[other] - y1)
            if closed > _LEAST_GAIN and self._apply(t):
                return closed
            if level + 1 < len(_BREADTH) and (found := self._search(t, removed, level + 1)):
                return found
            del t[-2:]
        return 0.0

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
        self.journal.append((first, order[first : last + 1], [(end, self.mate[end]) for end in t]))
        self._place(first, changed)
        for a in t[1::2]:
            self._link(a, link[a])
        return True

    def _place(self, first: int, ends: list[int]) -> None:
        """Put these ends at the positions from ``first`` on."""
        self.order[first : first + len(ends)] = ends
        for place, end in enumerate(ends, start=first):
            self.position[end] = place

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
