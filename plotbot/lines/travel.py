"""The order, direction and starting points in which strokes are drawn, so that the pen travels little between them."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Literal

import numpy as np

from plotbot.lines.passes import improve
from plotbot.lines.rapids import LENGTH, Rapids, travel_seconds
from plotbot.lines.tour import Ints, Tour, greedy
from plotbot.units import InputError

log = logging.getLogger(__name__)

Effort = Literal["fast", "normal", "best"] | float
"""How hard to search: by name, which is the same for the same page, or for so many seconds, by the clock."""
Progress = Callable[[float, str], None]
"""Is told the share done, 0 to 1, and a remark."""

# Kicks by effort: for each stroke, and at most.
_KICKS = {"fast": (0, 0), "normal": (10, 10_000), "best": (120, 120_000)}
_KICKS_AT_ONCE = 200  # a few hundredths of a second, in which no Ctrl-C is heard
# Rough seconds on a computer of 2024: for each stroke before the first kick, and for each kick.
_STROKE_SECONDS, _KICK_SECONDS = 2e-4, 1.3e-4


def order_strokes(
    lines: Sequence[np.ndarray],
    home: tuple[float, float],
    rapids: Rapids = LENGTH,
    effort: Effort = "fast",
    seed: int = 0,
    progress: Progress | None = None,
) -> list[np.ndarray]:
    """The same polylines (N, 2), N >= 1, mm, in an order in which the travel from ``home`` and back costs little.

    Some are reversed; a closed one (its first and last point are the same) may begin at another of its vertices. The
    ink is the same, and the travel never costs more than it did. What it costs is the time of the ``rapids``, or by
    default its length.

    ``fast`` starts from a greedy tour, or from the order given, and makes moves of up to four travel edges until none
    is left (`passes`). The other efforts go on from there by kicks at places of chance (``seed``), in loops that
    numba compiles at their first use on a computer (`kicks`); where it cannot be imported, that is logged as a
    warning and the order is that of ``fast``. ``progress`` is told of the kicks. Raises InputError where ``home`` or
    a point is not finite, and for an effort that is none.
    """
    times, seconds = _budget(effort, len(lines))
    if not lines:
        return []
    points = np.concatenate(lines)
    if not (np.isfinite(points).all() and np.isfinite(home).all()):
        raise InputError("A stroke or home has a coordinate that is not a finite number: correct the page.")
    after = np.cumsum([len(line) for line in lines])
    ends = np.empty((2 * len(lines) + 2, 2))
    ends[:-2:2], ends[1:-2:2], ends[-2:] = points[np.append(0, after[:-1])], points[after - 1], home
    closed = {i: 0 for i, line in enumerate(lines) if len(line) > 2 and (line[0] == line[-1]).all()}

    given = np.arange(0, len(ends), 2, dtype=np.int32)
    tour = Tour(ends, rapids, given)
    cost = tour.total
    tour.follow(greedy(tour))
    if cost < tour.total:
        tour.follow(given)
    improve(tour)
    if closed:
        _begin_nearer(tour, lines, closed)
        tour = Tour(ends, rapids, tour.order)
        improve(tour)
    if times:
        _kick(tour, times, seconds, seed, progress)
    if closed:
        _begin_nearer(tour, lines, closed)
    return [_drawn(lines[end >> 1], end & 1, closed.get(end >> 1)) for end in _from_home(tour).tolist()]


def predicted_seconds(strokes: int, effort: Effort) -> float:
    """Roughly how long ``order_strokes`` takes, s: within a factor of three, a few seconds of imports aside."""
    times, seconds = _budget(effort, strokes)
    return _STROKE_SECONDS * strokes + min(_KICK_SECONDS * times, seconds)


def travel_mm(lines: Sequence[np.ndarray], home: tuple[float, float]) -> float:
    """How far the pen travels in the air from ``home`` through the polylines (N, 2) in order and back, mm."""
    return travel_seconds(lines, home, LENGTH)


def _budget(effort: Effort, strokes: int) -> tuple[float, float]:
    """The kicks and the seconds that an effort allows: the first of them to run out ends the search."""
    if isinstance(effort, str) and effort in _KICKS:
        each, most = _KICKS[effort]
        return min(each * strokes, most), math.inf
    if isinstance(effort, str) or not 0 < effort < math.inf:
        raise InputError(f"{effort!r} is no effort: use {', '.join(_KICKS)}, or a number of seconds above 0.")
    return math.inf, effort


def _kick(tour: Tour, times: float, seconds: float, seed: int, progress: Progress | None) -> None:
    """Shorten the tour by so many kicks, or for so many seconds."""
    tell = progress or (lambda share, remark: None)
    tell(0.0, "preparing the search, which is compiled once on each computer")
    try:
        from plotbot.lines.kicks import Kicks
    except ImportError as error:
        log.warning("numba cannot be imported (%s): the order is that of the effort `fast`.", error)
        return
    kicks = Kicks(tour, seed)
    kicks(0)
    before, start = tour.total, perf_counter()
    done, passed = 0, 0.0
    while done < times and passed < seconds:
        now = int(min(_KICKS_AT_ONCE, times - done))
        kicks(now)
        done, passed = done + now, perf_counter() - start
        saved = 1.0 - tour.total / before if before else 0.0
        tell(min(max(done / times, passed / seconds), 1.0), f"travel {saved:.1%} less")


def _begin_nearer(tour: Tour, lines: Sequence[np.ndarray], closed: dict[int, int]) -> None:
    """Let each closed stroke begin at the vertex that suits the strokes before and after it best.

    ``closed`` maps it to the number of that vertex. Its ends move with it, and the tour must be made anew.
    """
    for stroke in closed:
        ends = np.array([2 * stroke, 2 * stroke + 1])
        away = lines[stroke][:-1, None] - tour.ends[tour.mate[ends]]  # from each vertex to the two mates
        closed[stroke] = int(np.argmin(tour.rapids.seconds(away[..., 0], away[..., 1]).sum(axis=1)))
        tour.ends[ends] = lines[stroke][closed[stroke]]


def _from_home(tour: Tour) -> Ints:
    """The ends by which the strokes are entered, from home on, without it (N - 1,).

    A cycle costs the same both ways round: the one in which the page's first stroke comes earlier.
    """
    order, home = tour.order, len(tour.order) - 1
    order = np.roll(order, -int(tour.place[home]))[1:]
    if 2 * int(np.flatnonzero(order < 2)[0]) > len(order) - 1:
        order = order[::-1] ^ 1
    return order


def _drawn(line: np.ndarray, turned: int, begin: int | None) -> np.ndarray:
    """The stroke, reversed where that makes a difference, or begun at another vertex where it is closed."""
    if begin is not None:
        return np.concatenate([line[begin:-1], line[: begin + 1]]) if begin else line
    return line[::-1] if turned and (line[0] != line[-1]).any() else line
