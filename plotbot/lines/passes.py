"""A tour made shorter without a compiler: every end's best move found at once, in arrays, pass by pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plotbot.lines.tour import LEAST_GAIN, Ints, Tour

# Nearest ends tried for each new travel edge of a move but the one that closes it: so it is 4-opt at most.
_BREADTHS = (24, 16, 3)
# Where a look at all ends finds a move at no more than this share of them, it is the last.
_FEW = 1 / 300


def improve(tour: Tour) -> None:
    """Make improving moves of up to four travel edges among near ends until none, or on a large page few, are left.

    A pass finds the best move that begins at each end (positive gain, neighbour lists: Lin and Kernighan 1973) and
    makes the best of them first, and of the others those that still hold. The next looks only at the ends that this
    one changed (the don't-look bits of Bentley 1992); when that finds nothing more, at all of them again, since a
    stretch turned round elsewhere may allow a move here.
    """
    every = np.arange(len(tour.mate), dtype=np.int32)
    worth_a_pass = True
    while worth_a_pass:
        moves = _best_moves(tour, every)
        worth_a_pass = len(moves) > _FEW * len(every)
        while moves:
            changed: list[int] = []
            for move in moves:
                changed += move if _apply(tour, move) else move[:1]
            moves = _best_moves(tour, np.unique(np.array(changed, np.int32)))


def _best_moves(tour: Tour, look: Ints) -> list[list[int]]:
    """The best improving move from each of these ends, where it has one, best first; as lists of ends."""
    moves = np.stack([look, tour.mate[look]])  # (2k, M)
    gain = tour.mate_cost[look]  # of edges removed, less those added so far
    found: list[tuple[float, list[int]]] = []
    for breadth in _BREADTHS:
        opened = gain[:, None] - tour.near_cost[moves[-1], :breadth]
        row, column = np.nonzero(opened > LEAST_GAIN)
        end = tour.near[moves[-1, row], column]
        new = np.flatnonzero((moves[:, row] != end).all(axis=0))
        row, column, end = row[new], column[new], end[new]
        moves = np.concatenate([moves[:, row], [end, tour.mate[end]]])
        gain = opened[row, column] + tour.mate_cost[end]
        closed = gain - tour.cost(moves[-1], moves[0])
        good = np.flatnonzero(closed > LEAST_GAIN)
        good = good[_one_cycle(tour, moves[:, good].T)]
        found += zip(closed[good].tolist(), moves[:, good].T.tolist(), strict=True)
    best: dict[int, tuple[float, list[int]]] = {}
    for one in found:
        if one[0] > best.get(one[1][0], (0.0,))[0]:
            best[one[1][0]] = one
    return [move for _, move in sorted(best.values(), key=lambda one: -one[0])]


def _one_cycle(tour: Tour, moves: Ints) -> NDArray[np.bool_]:
    """Which of the moves (M, 2k) leave one cycle, (M,)."""
    count, size = moves.shape
    place = 2 * tour.place[moves >> 1]
    place += tour.order[place >> 1] != moves  # entry, then exit
    # Columns of a move in the order of the tour. A stretch between two removed edges joins each to the next.
    column_at = np.argsort(place, axis=1)
    rank = np.empty_like(column_at)
    np.put_along_axis(rank, column_at, np.broadcast_to(np.arange(size), moves.shape), 1)
    # 0 with the last, 1 with 2, 3 with 4: so new edges join the columns, and stretches the ranks, but where the
    # first rank is the entry of the array's first stroke: there 0 with 1, 2 with 3.
    across = (((np.arange(size) + 1) ^ 1) - 1) % size
    split = place.min(axis=1, initial=1) == 0
    every, column = np.arange(count), np.zeros(count, np.int64)
    whole = np.ones(count, np.bool_)
    for _ in range(size // 2 - 1):
        met = rank[every, across[column]]
        column = column_at[every, np.where(split, met ^ 1, across[met])]
        whole &= column != 0
    return whole


def _apply(tour: Tour, move: list[int]) -> bool:
    """Make the move if its edges are still there and one cycle comes out of it; else change nothing: False.

    The longest stretch between two removed edges stays where it is, the others are written anew beside it.
    """
    order, place, mate = tour.order, tour.place, tour.mate
    if any(mate[a] != b for a, b in zip(move[::2], move[1::2], strict=True)):
        return False
    count, edges = len(order), len(move) // 2
    cuts = []  # (place before the cut, exit there, entry behind it)
    for a, b in zip(move[::2], move[1::2], strict=True):
        leave, reach = (b, a) if order[place[a >> 1]] == a else (a, b)
        cuts.append((int(place[leave >> 1]), leave, reach))
    cuts.sort()
    lengths = [(cuts[(i + 1) % edges][0] - cuts[i][0] - 1) % count + 1 for i in range(edges)]
    longest = lengths.index(max(lengths))
    new = dict(zip(move[1::2], [*move[2::2], move[0]], strict=True))
    new.update({b: a for a, b in new.items()})
    # How a stretch can be entered: where it starts, how long it is, whether turned, and by which end it is left.
    ways: dict[int, tuple[int, int, bool, int]] = {}
    for i in range(longest + 1, longest + edges):
        (before, _, reach), (_, leave, _) = cuts[i % edges], cuts[(i + 1) % edges]
        ways[reach] = before + 1, lengths[i % edges], False, leave
        ways[leave] = before + 1, lengths[i % edges], True, reach
    first = cuts[(longest + 1) % edges]
    parts = []
    entered = new[first[1]]
    while entered != cuts[longest][2]:
        start, length, turned, leave = ways[entered]
        part = order[np.arange(start, start + length) % count]
        parts.append(part[::-1] ^ 1 if turned else part)
        entered = new[leave]
    if len(parts) != edges - 1:
        return False
    strokes = np.concatenate(parts)
    places = np.arange(first[0] + 1, first[0] + 1 + len(strokes)) % count
    order[places], place[strokes >> 1] = strokes, places
    ends, mates = np.array(list(new), np.int32), np.array(list(new.values()), np.int32)
    mate[ends], tour.mate_cost[ends] = mates, tour.cost(ends, mates)
    return True
