"""One walk along every edge of a graph that goes straight on where it can, as a hand would.

An edge e has two halves, 2 * e at its first node and 2 * e + 1 at its last. At each node halves are paired, in by one
and out by the other: first those that go on most straight. That makes closed trails, which become one by exchanging
partners between two of them where that bends least (Hierholzer 1873, with a choice).
"""

from __future__ import annotations

import heapq
from collections import defaultdict

import numpy as np

from plotbot.lines.disjoint import Disjoint


def straightest_trail(nodes: np.ndarray, directions: np.ndarray) -> list[int]:
    """The halves by which a closed walk enters each of the E edges of a connected graph once, in order.

    ``nodes`` (2E,): the node that each half is at; an even number of halves is at each. ``directions`` (2E, 2): where
    a half leaves to, of length 1, or of length 0 where no bend is better than another. Begins with half 0.
    """
    walk = _Walk(nodes.tolist(), directions.tolist())
    walk.pair()
    walk.join()
    trail = [0]
    while (half := walk.partner[trail[-1] ^ 1]) != 0:
        trail.append(half)
    return trail


class _Walk:
    """How a walk goes on: the ``partner`` of each half, and the ``trails`` of edges that this makes."""

    def __init__(self, nodes: list[int], directions: list[list[float]]) -> None:
        self.nodes, self.directions = nodes, directions
        self.halves: dict[int, list[int]] = defaultdict(list)
        for half, node in enumerate(nodes):
            self.halves[node].append(half)
        self.partner = [-1] * len(nodes)
        self.trails = Disjoint(len(nodes) // 2)

    def pair(self) -> None:
        """Pair the halves at each node, those that go on most straight first."""
        for halves in self.halves.values():
            for _, a, b in sorted((self._bend(a, b), a, b) for i, a in enumerate(halves) for b in halves[:i]):
                if self.partner[a] < 0 and self.partner[b] < 0:
                    self._link(a, b)

    def join(self) -> None:
        """Exchange partners until there is one trail, where that bends least first."""
        queue: list[tuple[float, int, int, int, int]] = []
        for halves in self.halves.values():
            for i, half in enumerate(halves):
                self._offer(queue, half, halves[:i])
        while queue:
            _, a, b, c, d = heapq.heappop(queue)
            if self.partner[a] == b and self.partner[c] == d and self._apart(a, c):
                self._link(a, c)
                self._link(b, d)
                for half in (a, b):
                    self._offer(queue, half, self.halves[self.nodes[half]])

    def _offer(self, queue: list[tuple[float, int, int, int, int]], a: int, others: list[int]) -> None:
        """Queue the exchanges after which half ``a`` goes on by one of ``others``, and their partners by each other."""
        b = self.partner[a]
        for c in others:
            if self._apart(a, c):
                d = self.partner[c]
                more = self._bend(a, c) + self._bend(b, d) - self._bend(a, b) - self._bend(c, d)
                heapq.heappush(queue, (more, a, b, c, d))

    def _bend(self, a: int, b: int) -> float:
        """How much a walk turns from half ``a`` to half ``b``: 0 is straight on, 2 is back."""
        (ax, ay), (bx, by) = self.directions[a], self.directions[b]
        return 1 + ax * bx + ay * by

    def _link(self, a: int, b: int) -> None:
        self.partner[a], self.partner[b] = b, a
        self.trails.unite(a // 2, b // 2)

    def _apart(self, a: int, b: int) -> bool:
        """Whether two halves are on different trails."""
        return self.trails.find(a // 2) != self.trails.find(b // 2)
