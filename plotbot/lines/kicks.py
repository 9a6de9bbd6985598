"""A tour made shorter by iterated local search, in compiled loops: importing this module needs numba.

A kick swaps runs of strokes at one place, improving moves follow from the ends that it changed, and all of it is
undone where the tour came out no better (Martin, Otto and Felten 1991; kicks kept local as in Johnson and McGeoch
1997). Tours and moves are those of `tour`. numba compiles at the first use and keeps the result beside this file, or
in the user's cache where that cannot be written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from plotbot.lines.tour import LEAST_GAIN, Floats, Ints, Tour

F = TypeVar("F", bound=Callable[..., object])
Arrays = tuple[Any, ...]
Longs = NDArray[np.int64]

# Nearest ends tried for each new travel edge of a move: of three edges at most.
_BREADTHS = (16, 12)
# Each of the three runs that a kick swaps has so many strokes at most.
_RUN = 50
# Moves for each kick at most, itself included, so that all can be undone; usual are twenty.
_MOVES = 1000
# Travel edges that a kick swaps; a move swaps fewer.
_EDGES = 4


def _compiled(function: F) -> F:
    try:
        return cast(F, numba.njit(cache=True)(function))
    except RuntimeError:  # there is no folder to keep it in
        return cast(F, numba.njit(function))


class Kicks:
    """An iterated local search of a tour, which changes it in place. Deterministic by ``seed``."""

    def __init__(self, tour: Tour, seed: int) -> None:
        rapids = tour.rapids
        slowness = [1 / one for one in (*rapids.rate, rapids.path_rate, *rapids.acceleration, rapids.path_acceleration)]
        # xorshift64 never leaves zero; the odd factor spreads the seed over all bits.
        self._chance = np.array([(seed * 0x9E3779B97F4A7C15 + 0x2545F4914F6CDD1D) % 2**64 or 1], np.uint64)
        self._tour = (tour.order, tour.place, tour.mate, tour.mate_cost)
        self._page = (tour.ends, tour.near, tour.near_cost, np.array(slowness), np.array(_BREADTHS))
        self._enough = len(tour.order) > _EDGES

    def __call__(self, times: int) -> None:
        """Kick so many times; a kick takes about a ten-thousandth of a second."""
        if self._enough:
            _kick(times, self._chance, self._tour, self._page)


@_compiled
def _seconds(dx: float, dy: float, slowness: Floats) -> float:
    """`Rapids.seconds` of one travel; ``slowness`` holds the limits inverted."""
    dx, dy = abs(dx), abs(dy)
    length = np.sqrt(dx * dx + dy * dy)
    level = max(dx * slowness[0], dy * slowness[1], length * slowness[2])
    ramp = max(dx * slowness[3], dy * slowness[4], length * slowness[5])
    peak = max(level, np.sqrt(ramp))
    return peak + ramp / peak if peak > 0.0 else 0.0


@_compiled
def _below(limit: int, chance: NDArray[np.uint64]) -> np.int64:
    """A whole number from 0 to below ``limit`` by chance (xorshift64: Marsaglia 2003)."""
    bits = chance[0]
    bits ^= bits << np.uint64(13)
    bits ^= bits >> np.uint64(7)
    bits ^= bits << np.uint64(17)
    chance[0] = bits
    return np.int64((bits >> np.uint64(11)) % np.uint64(limit))


@_compiled
def _cut(move: Ints, edges: int, tour: Arrays, cuts: Longs) -> int:
    """Write the cuts that ``_apply`` makes, along the tour: the place before it, the exit there, the entry behind it,
    and how many strokes follow up to the next. Returns the one that most follow."""
    order, place, mate, _ = tour
    for i in range(edges):
        leave = move[2 * i + 1]
        reach = mate[leave]
        if order[place[leave >> 1]] == leave:
            leave, reach = reach, leave
        at, j = place[leave >> 1], i
        while j > 0 and cuts[j - 1, 0] > at:
            cuts[j] = cuts[j - 1]
            j -= 1
        cuts[j, 0], cuts[j, 1], cuts[j, 2] = at, leave, reach
    longest = 0
    for i in range(edges):
        length = cuts[(i + 1) % edges, 0] - cuts[i, 0]
        cuts[i, 3] = length if length > 0 else length + len(order)
        if cuts[i, 3] > cuts[longest, 3]:
            longest = i
    return longest


@_compiled
def _apply(move: Ints, edges: int, tour: Arrays, page: Arrays, spare: Ints, cuts: Longs) -> bool:
    """Link each odd end of ``move`` to the even one after it, cyclically, if one cycle comes out of that.

    The mates of the odd ends are its even ends, in any order. The longest stretch between two removed edges stays,
    the others are written anew beside it. ``spare`` (N,) and ``cuts`` (EDGES, 4) are room to work in.
    """
    order, place, mate, mate_cost = tour
    ends, slowness = page[0], page[3]
    count, size = len(order), 2 * edges
    longest = _cut(move, edges, tour, cuts)
    leave, goal = cuts[(longest + 1) % edges, 1], cuts[longest, 2]
    filled = 0
    for stretches in range(edges):
        j = 0
        while move[j] != leave:
            j += 1
        entered = move[(j + 1) % size] if j % 2 else move[(j - 1) % size]
        if entered == goal:
            if stretches < edges - 1:
                return False
            break
        i = longest
        while cuts[i, 2] != entered and cuts[(i + 1) % edges, 1] != entered:
            i = (i + 1) % edges
        turned = cuts[i, 2] != entered
        leave = cuts[i, 2] if turned else cuts[(i + 1) % edges, 1]
        at = cuts[i, 0] + (cuts[i, 3] if turned else 1)
        for _ in range(cuts[i, 3]):
            spare[filled] = order[at if at < count else at - count] ^ turned
            filled, at = filled + 1, at - 1 if turned else at + 1
    at = cuts[(longest + 1) % edges, 0]
    for i in range(filled):
        at = at + 1 if at + 1 < count else 0
        order[at], place[spare[i] >> 1] = spare[i], at
    for i in range(edges):
        a, b = move[2 * i + 1], move[(2 * i + 2) % size]
        mate[a], mate[b] = b, a
        mate_cost[a] = mate_cost[b] = _seconds(ends[a, 0] - ends[b, 0], ends[a, 1] - ends[b, 1], slowness)
    return True


@_compiled
def _improve(
    first: int, move: Ints, tour: Arrays, page: Arrays, spare: Ints, cuts: Longs, levels: Arrays
) -> tuple[int, float]:
    """Find and make an improving move that begins at the end ``first``: its edges, or 0, and the gain.

    ``levels``: room for the neighbours tried at each level, and for the gain before them.
    """
    _, _, mate, mate_cost = tour
    ends, near, near_cost, slowness, breadths = page
    tried, gain = levels
    move[0], move[1] = first, mate[first]
    gain[0], tried[0] = mate_cost[first], 0
    level = 0
    while level >= 0:
        last, nth = move[2 * level + 1], tried[level]
        tried[level] += 1
        if nth >= min(breadths[level], near.shape[1]) or gain[level] - near_cost[last, nth] < LEAST_GAIN:
            level -= 1
            continue
        end = near[last, nth]
        met = False
        for i in range(2 * level + 2):
            met |= move[i] == end
        if met:
            continue
        other = mate[end]
        move[2 * level + 2], move[2 * level + 3] = end, other
        opened = gain[level] - near_cost[last, nth] + mate_cost[end]
        closed = opened - _seconds(ends[other, 0] - ends[first, 0], ends[other, 1] - ends[first, 1], slowness)
        if closed > LEAST_GAIN and _apply(move, level + 2, tour, page, spare, cuts):
            return level + 2, closed
        if level + 1 < len(breadths):
            level += 1
            gain[level], tried[level] = opened, 0
    return 0, 0.0


@_compiled
def _kick(times: int, chance: NDArray[np.uint64], tour: Arrays, page: Arrays) -> None:
    """So many kicks, each improved around and undone where that did not make up for it."""
    order, _, mate, mate_cost = tour
    count = len(order)
    levels = (np.empty(_EDGES, np.int64), np.empty(_EDGES))
    spare, cuts = np.empty(count, np.int32), np.empty((_EDGES, 4), np.int64)
    move, leave = np.empty(2 * _EDGES, np.int32), np.empty(_EDGES, np.int32)
    made, edges_made = np.empty((_MOVES, 2 * _EDGES), np.int32), np.empty(_MOVES, np.int64)
    queue, waiting = np.empty(2 * count, np.int32), np.zeros(2 * count, np.bool_)
    longest_run = min(_RUN, (count - 2) // 3)
    for _ in range(times):
        # Cut behind four strokes, and runs B, C and D between the cuts become D, C, B.
        at = _below(count, chance)
        for i in range(_EDGES):
            leave[i] = order[at % count] ^ 1
            at += 1 + _below(longest_run, chance)
        gain = mate_cost[leave].sum()
        for i in range(_EDGES):
            move[2 * i], move[2 * i + 1] = mate[leave[_EDGES - 1 - i]], leave[-i % _EDGES]
            made[0, 2 * i], made[0, 2 * i + 1] = leave[i], mate[leave[i]]
        edges_made[0], moves = _EDGES, 1
        _apply(move, _EDGES, tour, page, spare, cuts)
        gain -= mate_cost[leave].sum()
        head, length = 0, 2 * _EDGES
        queue[:length] = move
        waiting[move] = True
        while length:
            end = queue[head]
            head, length = (head + 1) % len(queue), length - 1
            waiting[end] = False
            while moves < _MOVES:
                edges, gained = _improve(end, move, tour, page, spare, cuts, levels)
                if not edges:
                    break
                gain += gained
                made[moves], edges_made[moves] = move, edges
                moves += 1
                for other in move[: 2 * edges]:
                    if not waiting[other] and other != end:
                        queue[(head + length) % len(queue)] = other
                        waiting[other] = True
                        length += 1
        if gain < 0.0:
            for i in range(moves - 1, -1, -1):
                # Its removed edges (1, 2), (3, 4), ... come back.
                edges = edges_made[i]
                for j in range(2 * edges):
                    move[j] = made[i, (j + 1) % (2 * edges)]
                _apply(move, edges, tour, page, spare, cuts)
