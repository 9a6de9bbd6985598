"""A closed tour of strokes as arrays, for the searches that shorten it (`passes`, `kicks`).

Ends are numbered 2 * stroke for a stroke's first point and 2 * stroke + 1 for its last; home is one more stroke, the
last. A travel edge joins every end to its mate, the one end next to it across the air, and strokes themselves are
never cut. So a move is a list of ends t1 t2 t3 ... t2k: the travel edges (t1, t2), (t3, t4), ... go and
(t2, t3), ..., (t2k, t1) come (Lin and Kernighan 1973); it holds if one cycle comes out of it, and not several.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from plotbot.lines.rapids import Rapids

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]

NEIGHBOURS = 24
"""Nearest ends that a move looks at from an end: strokes come in clumps, sketches, and fewer do not lead out of one."""
LEAST_GAIN = 1e-7
"""What a move must save, mm or s: less is rounding noise."""
# Free ends looked at around each in one round of the greedy tour; more rounds follow until one chain is left.
_FREE_NEIGHBOURS = 8


class Tour:
    """A cycle of N strokes with 2N ends.

    ``ends`` (2N, 2) mm; ``order`` (N,) holds the ends by which the strokes are entered, in order. ``place`` (N,) is
    where each stroke stands in it, ``mate`` (2N,) what each end travels to or from, ``mate_cost`` (2N,) what that
    costs. ``near`` and ``near_cost`` (2N, K): the nearest ends of other strokes, cheapest first.
    """

    def __init__(self, ends: Floats, rapids: Rapids, order: Ints) -> None:
        self.ends, self.rapids = ends, rapids
        every = np.arange(len(ends))
        self.near, self.near_cost = _nearest(ends, rapids, every, every ^ 1, NEIGHBOURS)
        self.follow(order)

    def follow(self, order: Ints) -> None:
        """Take the strokes in this order."""
        count = len(order)
        self.order = order.copy()
        self.place = np.empty(count, np.int32)
        self.place[order >> 1] = np.arange(count)
        leave, reach = order ^ 1, np.roll(order, -1)
        self.mate = np.empty(2 * count, np.int32)
        self.mate[leave], self.mate[reach] = reach, leave
        self.mate_cost = self.cost(np.arange(2 * count, dtype=np.int32), self.mate)

    def cost(self, a: Ints, b: Ints) -> Floats:
        """What the travels between the ends ``a`` and ``b``, of one shape, cost."""
        return self.rapids.seconds(*(self.ends[a] - self.ends[b]).T)

    @property
    def total(self) -> float:
        """What all travels of the tour cost."""
        return float(self.mate_cost.sum() / 2)


def _nearest(
    ends: Floats, rapids: Rapids, of: NDArray[np.int64], never: NDArray[np.int64], count: int
) -> tuple[Ints, Floats]:
    """For each end in ``of`` (M,) about ``count`` ends of ``of`` near it, cheapest first, and what they cost, (M, K).

    Itself and the one in ``never`` (M,) come last and cost infinity.
    """
    # Where thousands of ends share a place, a tree would look at them all for each: nearly is as good as the same.
    points = ends[of] + np.random.default_rng(0).uniform(-1e-7, 1e-7, (len(of), 2))
    near = of[KDTree(points).query(points, k=min(count + 2, len(of)))[1].reshape(len(of), -1)]
    away = ends[near] - ends[of][:, None]
    cost = rapids.seconds(away[..., 0], away[..., 1])
    cost[(near == of[:, None]) | (near == never[:, None])] = np.inf
    cheapest = np.argsort(cost, axis=1, kind="stable")
    return np.take_along_axis(near, cheapest, 1).astype(np.int32), np.take_along_axis(cost, cheapest, 1)


def greedy(tour: Tour) -> Ints:
    """Another order of its strokes, which comes of taking the cheapest travel edge that still fits, again and again."""
    ends, near, near_cost = tour.ends, tour.near, tour.near_cost
    mate = [-1] * len(ends)
    # The other end of the chain that a free end belongs to: what keeps a chain from biting its own tail.
    far = [end ^ 1 for end in range(len(ends))]
    free = np.arange(len(ends))
    while True:
        at, column = np.nonzero(np.isfinite(near_cost))
        cheapest = np.argsort(near_cost[at, column], kind="stable")
        pairs = zip(free[at[cheapest]].tolist(), near[at, column][cheapest].tolist(), strict=True)
        for a, b in pairs:
            if mate[a] < 0 and mate[b] < 0 and far[a] != b:
                mate[a], mate[b] = b, a
                head, tail = far[a], far[b]
                far[head], far[tail] = tail, head
        free = np.flatnonzero(np.array(mate) < 0)
        if len(free) == 2:
            break
        near, near_cost = _nearest(ends, tour.rapids, free, np.array(far)[free], _FREE_NEIGHBOURS)
    first, last = free.tolist()
    mate[first], mate[last] = last, first
    order = [len(ends) - 2]
    while (entry := mate[order[-1] ^ 1]) != order[0]:
        order.append(entry)
    return np.array(order, np.int32)
