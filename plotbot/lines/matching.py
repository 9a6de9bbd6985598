"""Which ends of strokes are linked: as many as meet, over as little way as that takes.

Ends are numbered 2 * stroke for its first point and 2 * stroke + 1 for its last, so that ``end ^ 1`` is the other end
of the same stroke. Links are a matching of the ends that closes no ring: strokes become chains. A largest matching
in a general graph is found along alternating paths (Berge 1957); here the paths are short, and what they gain is
searched for as in Lin and Kernighan 1973, so that rings are refused and the added way is kept short as well.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from scipy.spatial import KDTree

# Ends looked at around each end, its own stroke's among them.
_NEIGHBOURS = 12
# Links that one change may add.
_DEPTH = 3
# A gain below this is rounding noise, mm.
_LEAST_GAIN = 1e-9


def match_ends(ends: np.ndarray, tolerance: float) -> list[int]:
    """The partner of each of the ends (2n, 2) of n strokes, at most ``tolerance`` (finite) away; -1 has none.

    Links as many as changes of a few links find, starting from nearest first, and among equally many those that are
    shorter together. None is left out that could be added. Deterministic.
    """
    links = _Links(ends, tolerance)
    while links.fill():
        links.improve()
    return links.partner


class _Links:
    """Links between the ends (2n, 2): ``partner`` of each, -1 where it is free."""

    def __init__(self, ends: np.ndarray, tolerance: float) -> None:
        self.ends = ends
        self.tolerance = tolerance
        self.partner = [-1] * len(ends)
        # What a link is worth: more than any change of way that one more link could cost, less its length.
        self.reward = 1 + 2 * (_DEPTH + 1) * tolerance
        self.worth = [0.0] * len(ends)

    def fill(self) -> bool:
        """Link free ends until none is near another, those with fewest near first; True if it linked any."""
        filled = False
        far = self._far_ends()
        free = np.arange(len(self.ends))
        while True:
            free = free[[self.partner[end] < 0 for end in free.tolist()]]
            pairs, distances = self._near(free)
            # What has few partners is served while it has them, as in Karp and Sipser 1981.
            partners = np.bincount(pairs.ravel())[pairs].sum(axis=1)
            found = False
            for pair in np.lexsort((distances, partners)).tolist():
                a, b = pairs[pair].tolist()
                if self.partner[a] < 0 and self.partner[b] < 0 and far[a] != b:
                    self._link(a, b, self.reward - float(distances[pair]))
                    head, tail = far[a], far[b]
                    far[head], far[tail] = tail, head
                    found = filled = True
            if not found:
                return filled

    def improve(self) -> None:
        """Change links along alternating paths for as long as that gains."""
        near: dict[int, list[tuple[int, float]]] = {}
        pairs, distances = self._near(np.arange(len(self.ends)))
        nearest = np.argsort(distances, kind="stable")
        for (a, b), distance in zip(pairs[nearest].tolist(), distances[nearest].tolist(), strict=True):
            near.setdefault(a, []).append((b, self.reward - distance))
            near.setdefault(b, []).append((a, self.reward - distance))
        queue = deque(near)
        waiting = set(queue)
        while queue:
            end = queue.popleft()
            waiting.remove(end)
            while changed := self._search(near, [self.partner[end], end], [], -self.worth[end]):
                again = [one for one in dict.fromkeys(changed) if one >= 0 and one not in waiting]
                queue.extend(again)
                waiting.update(again)

    def _near(self, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pairs (P, 2) of ends among these (M,) that belong to different strokes and are near; how far apart (P,)."""
        if len(among) < 2:
            return np.empty((0, 2), int), np.empty(0)
        distances, columns = KDTree(self.ends[among]).query(
            self.ends[among],
            k=min(_NEIGHBOURS, len(among)),
            distance_upper_bound=np.nextafter(self.tolerance, np.inf),
        )
        rows, places = np.nonzero(np.isfinite(distances))
        pairs = np.sort(np.column_stack([among[rows], among[columns[rows, places]]]), axis=1)
        pairs, first = np.unique(pairs, axis=0, return_index=True)
        apart = pairs[:, 0] // 2 != pairs[:, 1] // 2
        return pairs[apart], distances[rows, places][first[apart]]

    def _far_ends(self) -> list[int]:
        """For each free end the other free end of its chain: what keeps a chain from biting its own tail."""
        far = [-1] * len(self.ends)
        for end, partner in enumerate(self.partner):
            if partner < 0 and far[end] < 0:
                other = end ^ 1
                while self.partner[other] >= 0:
                    other = self.partner[other] ^ 1
                far[end], far[other] = other, end
        return far

    def _search(
        self, near: dict[int, list[tuple[int, float]]], path: list[int], worths: list[float], gain: float
    ) -> list[int]:
        """Extend an alternating path to a change that gains, and make it; the ends on it, or none.

        ``path`` is m, s, o1, m1, o2, m2, ...: links (m, s), (o1, m1), ... go, and (s, o1), (m1, o2), ... come, worth
        ``worths``; m is -1 where s was free. ``gain``: worth of what came less that of what went so far.
        """
        for other, worth in near.get(path[-1], ()):
            opened = gain + worth
            if opened < _LEAST_GAIN:
                break
            closing = other == path[0] and len(path) > 2
            if other in path and not closing:
                continue
            mate = -1 if closing else self.partner[other]
            longer, values = [*path, other], [*worths, worth]
            if mate < 0:
                if self._change(longer, values):
                    return longer
                continue
            longer.append(mate)
            left = opened - self.worth[other]
            if left > _LEAST_GAIN and self._change(longer, values):
                return longer
            if len(values) < _DEPTH and (found := self._search(near, longer, values, left)):
                return found
        return []

    def _change(self, path: list[int], worths: list[float]) -> bool:
        """Swap the links along ``path``, as in ``_search``; False, and nothing changed, if that closes a ring."""
        before = [(end, self.partner[end], self.worth[end]) for end in path if end >= 0]
        for end, _, _ in before:
            self.partner[end], self.worth[end] = -1, 0.0
        come = list(zip(path[1::2], path[2::2], worths, strict=False))
        for a, b, worth in come:
            self._link(a, b, worth)
        if not any(self._in_ring(a) for a, _, _ in come):
            return True
        for end, partner, worth in before:
            self.partner[end], self.worth[end] = partner, worth
        return False

    def _link(self, a: int, b: int, worth: float) -> None:
        self.partner[a], self.partner[b] = b, a
        self.worth[a] = self.worth[b] = worth

    def _in_ring(self, end: int) -> bool:
        """Whether the chain that leaves the stroke at the other side comes back to ``end``."""
        other = self.partner[end ^ 1]
        while other >= 0 and other != end:
            other = self.partner[other ^ 1]
        return other == end
