"""The toss repeat: motifs thrown at every angle, close and even, none touching another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from plotbot.pattern.motif import FLAT, USUAL, Jitter, Lines, Motif, Placed, Size, hull_size
from plotbot.units import InputError

MOST = 2000  # motifs that are packed in minutes
CANDIDATES = 24  # tried for each first place
CLOSED = 0.15  # bays and holes of a motif narrower than twice this, in motif sizes, hold no other motif
SIMPLE = 0.02  # how far its outline may be from the true one, outwards
FILLED = 0.3  # the share of the area that outlines cover before they grow
GROWTH = (0.04, 0.01)  # by which they grow, the next where there is no way out in
PUSH = 0.5  # a pair's step apart, as a share of the side of a square as large as their overlap, each
AROUND = ((0, 0), (1, 0), (-1, 1), (0, 1), (1, 1), (-1, 0), (1, -1), (0, -1), (-1, -1))  # a tile and its images
PATIENCE = 25  # rounds of pushing before something else is tried
LEAPS = 5  # motifs that are moved elsewhere before growing less is tried


@dataclass(frozen=True)
class _Outlines:
    """Rings of N motifs of size 1 about (0, 0), end to end: points (P, 2), and the motif `of` each (P,); each has with
    it half the space between motifs."""

    points: np.ndarray
    of: np.ndarray

    @classmethod
    def around(cls, motifs: Sequence[Lines], spacing: float) -> _Outlines:
        rings = [_outline(lines, spacing) for lines in motifs]
        return cls(np.concatenate(rings), np.repeat(np.arange(len(rings)), [len(ring) for ring in rings]))

    def placed(self, state: _State) -> tuple[np.ndarray, np.ndarray]:
        """The outlines where they lie: points (P, 2), and polygons (N,)."""
        cosine, sine = np.cos(state.angles)[self.of], np.sin(state.angles)[self.of]
        x, y = (self.points * (state.sizes * state.scale)[self.of, None]).T
        points = np.column_stack([cosine * x - sine * y, sine * x + cosine * y]) + state.places[self.of]
        return points, shapely.polygons(shapely.linearrings(points, indices=self.of))


@dataclass
class _State:
    """Where motifs lie: places (N, 2), angles and relative sizes (N,), and the mm of a size of 1."""

    places: np.ndarray
    angles: np.ndarray
    sizes: np.ndarray
    scale: float

    def copy(self) -> _State:
        return _State(self.places.copy(), self.angles.copy(), self.sizes, self.scale)


def toss(
    motifs: Sequence[Motif],
    area: Size | None,
    size: float | None,
    spacing: float,
    jitter: Jitter,
    wraps: bool,
    seed: int,
) -> tuple[list[Placed], Size]:
    """Motifs packed on an area of (width, height) mm, and that area: none comes nearer to another, or to its image over
    the edge where the area wraps, than `spacing`, a share of their size.

    They are as large as they can be packed, or have `size` mm: the side of a square as large as their hull. Without an
    area it is a square, as small as they can be packed in. Of the jitter, `angle` is all that turns them.

    Outlines start small and apart and grow, as discs do in Lubachevsky and Stillinger 1990, "Geometric properties of
    random disk packings". Those that overlap push each other away and turn; where that is no way out, the one that is
    pressed most goes to the emptiest place. They start at Mitchell's best candidates (1991, "Spectrally optimal
    sampling for distribution ray tracing"), those of a kind far from each other.
    Raises InputError where they do not fit, saying how many do.
    """
    rng = np.random.default_rng(seed)
    flips = [-1.0 if jitter.mirror and rng.random() < 0.5 else 1.0 for _ in motifs]
    units = [_unit([line * (flip, 1) for line in one.lines]) for one, flip in zip(motifs, flips, strict=True)]
    box = np.array(area or (math.sqrt(len(motifs)),) * 2)
    sizes = 1 - rng.uniform(0, jitter.size, len(motifs))
    turn = math.radians(jitter.angle)
    places = _dealt(_scattered(len(motifs), box, wraps, rng), [one.kind for one in motifs], box, wraps)
    start = _State(places, rng.uniform(-turn, turn, len(motifs)), sizes, 0.0)
    packed = _packed(_Outlines.around(units, spacing), start, box, wraps, turn, rng)
    scale = packed.scale
    if area is None:
        zoom = (size or USUAL) / scale
        packed.places, box, scale = packed.places * zoom, box * zoom, size or USUAL
    elif size is not None:
        if scale < size:
            most = int(len(motifs) * (scale / size) ** 2)
            raise InputError(
                f"{len(motifs)} motifs of {size:g} mm cannot be packed in {area[0]:g} x {area[1]:g} mm: "
                f"about {most} fit, or motifs of {scale:.3g} mm."
            )
        scale = size
    placed = []
    for number, (unit, one) in enumerate(zip(units, motifs, strict=True)):
        cosine, sine = math.cos(packed.angles[number]), math.sin(packed.angles[number])
        matrix = np.array([[cosine, -sine], [sine, cosine]]) * sizes[number] * scale
        lines = [line @ matrix.T + packed.places[number] for line in unit]
        placed.append(Placed(lines, one.kind, number, number, number))
    return placed, (float(box[0]), float(box[1]))


def _unit(lines: Lines) -> Lines:
    """The lines about (0, 0), their hull as large as a square of side 1; without extent they only move."""
    size = hull_size(lines)
    middle = np.asarray(shapely.multipoints(np.concatenate(lines)).convex_hull.centroid.coords[0])
    return [(line - middle) / (size if size > FLAT else 1.0) for line in lines]


def _outline(lines: Lines, spacing: float) -> np.ndarray:
    """A ring (K, 2) that has all within half the spacing of the lines inside."""
    near = CLOSED + spacing / 2
    strokes = shapely.union_all([shapely.LineString(line[[0, *range(len(line))]]).buffer(near) for line in lines])
    grown = shapely.union_all([shapely.Polygon(one.exterior) for one in shapely.get_parts(strokes)])
    ring = grown.buffer(SIMPLE - CLOSED).simplify(SIMPLE)
    if ring.geom_type != "Polygon":  # parts too far from each other
        ring = shapely.convex_hull(ring)
    return np.asarray(shapely.get_coordinates(ring.exterior))


def _scattered(count: int, box: np.ndarray, wraps: bool, rng: np.random.Generator) -> np.ndarray:
    """Places (N, 2), each the farthest from those before it of some by chance."""
    places = np.empty((count, 2))
    for number in range(count):
        tried = rng.random((CANDIDATES, 2)) * box
        nearest = _distances(tried, places[:number], box, wraps).min(axis=1, initial=math.inf)
        if not wraps:
            nearest = np.minimum(nearest, 2 * np.minimum(tried, box - tried).min(axis=1))
        places[number] = tried[nearest.argmax()]
    return places


def _dealt(places: np.ndarray, kinds: Sequence[int], box: np.ndarray, wraps: bool) -> np.ndarray:
    """The places (N, 2) in the order of the motifs they are for, each the farthest left from others of its kind."""
    apart = _distances(places, places, box, wraps)
    left, order = list(range(len(places))), []
    nearest = np.full((max(kinds) + 1, len(places)), math.inf)
    for kind in kinds:
        order.append(left.pop(int(nearest[kind, left].argmax())))
        nearest[kind] = np.minimum(nearest[kind], apart[order[-1]])
    return places[order]


def _distances(points: np.ndarray, others: np.ndarray, box: np.ndarray, wraps: bool) -> np.ndarray:
    """(P, Q): how far points (P, 2) and others (Q, 2) are apart, in a tile over its edges where that is nearer."""
    apart = np.abs(points[:, None] - others)
    if wraps:
        apart = np.minimum(apart, box - apart)
    return np.asarray(np.hypot(apart[..., 0], apart[..., 1]))


def _packed(
    outlines: _Outlines, start: _State, box: np.ndarray, wraps: bool, turn: float, rng: np.random.Generator
) -> _State:
    """The largest state found in which no outline overlaps another."""
    _, rings = outlines.placed(_State(start.places, start.angles, start.sizes, 1.0))
    state, best, growth = start.copy(), start, list(GROWTH)
    state.scale = math.sqrt(FILLED * float(np.prod(box)) / float(shapely.area(rings).sum()))
    patience, leaps = PATIENCE, LEAPS
    while growth:
        laps = None if not _bounded(state, outlines, box, wraps) else _relaxed(state, outlines, box, wraps, turn)
        if laps is not None and not laps.any():
            best, patience, leaps = state.copy(), PATIENCE, LEAPS
            state.scale *= 1 + growth[0]
        elif patience:
            patience -= 1
        elif leaps and laps is not None:
            _leap(state, outlines, int(laps.argmax()), box, wraps, rng)
            patience, leaps = PATIENCE, leaps - 1
        elif best.scale:
            growth.pop(0)
            state, patience, leaps = best.copy(), PATIENCE, LEAPS
            state.scale *= 1 + (growth[0] if growth else 0)
        else:  # not even small
            state.scale *= 0.9
            patience = PATIENCE
    return best


def _leap(state: _State, outlines: _Outlines, one: int, box: np.ndarray, wraps: bool, rng: np.random.Generator) -> None:
    """Move the motif that is pressed most to the emptiest place, in place."""
    _, rings = outlines.placed(state)
    others = np.delete(rings, one)
    tried = rng.random((300, 2)) * box
    if wraps:
        others = np.concatenate([_shifted(others, np.tile(box * step, (len(others), 1))) for step in AROUND])
        empty = np.full(len(tried), np.inf)
    else:
        empty = np.minimum(tried, box - tried).min(axis=1)
    if len(others):
        _, apart = shapely.STRtree(others).query_nearest(shapely.points(tried), return_distance=True, all_matches=False)
        empty = np.minimum(empty, apart)
    state.places[one] = tried[empty.argmax()]


def _bounded(state: _State, outlines: _Outlines, box: np.ndarray, wraps: bool) -> bool:
    """Whether all motifs could be moved into the area, in place: in a tile by its sides, else as far as they need."""
    if wraps:
        state.places %= box
        return True
    points, _ = outlines.placed(state)
    low, high = np.full_like(state.places, np.inf), np.full_like(state.places, -np.inf)
    np.minimum.at(low, outlines.of, points)
    np.maximum.at(high, outlines.of, points)
    state.places += np.maximum(-low, 0) - np.maximum(high - box, 0)
    return bool((high - low <= box).all())


def _relaxed(state: _State, outlines: _Outlines, box: np.ndarray, wraps: bool, turn: float) -> np.ndarray:
    """How much each outline overlaps others (N,), mm; those that do are pushed apart and turned, in place."""
    _, rings = outlines.placed(state)
    here, there, shifts = _overlaps(rings, box, wraps)
    laps = np.zeros(len(rings))
    if not len(here):
        return laps
    both = shapely.intersection(rings[here], _shifted(rings[there], shifts))
    lap = np.sqrt(shapely.area(both))
    touch = shapely.get_coordinates(shapely.centroid(both))
    middles = shapely.get_coordinates(shapely.centroid(rings))
    apart = _across(both, touch)
    apart *= np.where((apart * (middles[here] - middles[there] - shifts)).sum(axis=1) < 0, -1, 1)[:, None]
    push = PUSH * lap[:, None] * apart
    np.add.at(state.places, here, push)
    np.add.at(state.places, there, -push)
    if turn:
        for sign, ring, arm in ((1, here, touch - middles[here]), (-1, there, touch - shifts - middles[there])):
            torque = sign * (arm[:, 0] * push[:, 1] - arm[:, 1] * push[:, 0])
            np.add.at(state.angles, ring, torque / np.maximum((arm**2).sum(axis=1), 1e-9) / 2)
        if turn < math.pi:
            np.clip(state.angles, -turn, turn, out=state.angles)
    np.add.at(laps, here, lap)
    np.add.at(laps, there, lap)
    return laps


def _across(lenses: np.ndarray, middles: np.ndarray) -> np.ndarray:
    """Unit vectors (K, 2) across the longer axis of each shape: the shortest way out of an overlap."""
    points, of = shapely.get_coordinates(lenses, return_index=True)
    off = points - middles[of]
    xx, xy, yy = (np.bincount(of, off[:, a] * off[:, b], len(lenses)) for a, b in ((0, 0), (0, 1), (1, 1)))
    axis = np.arctan2(2 * xy, xx - yy) / 2
    return np.column_stack([-np.sin(axis), np.cos(axis)])


def _overlaps(rings: np.ndarray, box: np.ndarray, wraps: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of outlines that overlap, each once: the numbers of both (K,), and the shift (K, 2) of the second to the
    image of it that is meant."""
    tree = shapely.STRtree(rings)
    found = []
    for step in AROUND[: 5 if wraps else 1]:  # with half its images, a neighbour is found from one side or the other
        shift = np.array(step) * box
        there, here = tree.query(_shifted(rings, np.broadcast_to(shift, (len(rings), 2))), predicate="intersects")
        if step == (0, 0):
            there, here = there[there < here], here[there < here]
        found.append((here, there, np.broadcast_to(shift, (len(here), 2))))
    here, there, shifts = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return here, there, shifts


def _shifted(rings: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Each polygon moved by its own shift (N, 2)."""
    counts = shapely.get_num_coordinates(rings)
    moved = shapely.get_coordinates(rings) + np.repeat(shifts, counts, axis=0)
    return np.asarray(shapely.set_coordinates(rings.copy(), moved))
