"""The repeats of textile design that are made of rooms: block, brick, half-drop, diamond, stripe."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from plotbot.pattern.motif import USUAL, Jitter, Lines, Motif, Placed, Size, hull_size, inscribe
from plotbot.units import InputError

LARGEST_COUNT = 20_000  # motifs of one pattern
SURPLUS = 4.0  # how much more a share of motifs too many weighs than a place as much too long
NARROW = 0.5  # of a broad stripe's width: a narrow one, in which motifs stand twice as close


@dataclass(frozen=True)
class Room:
    """A place for a motif: a convex polygon (K, 2) in mm, its row and column, and the kind of motif it is for; in a
    small one space and motifs are smaller by `scale`."""

    corners: np.ndarray
    row: int
    column: int
    kind: int
    scale: float = 1.0


@dataclass(frozen=True)
class Plan:
    """Rooms for motifs on an area of `size` (width, height) mm, which is a tile that repeats where it `wraps`.

    Motifs keep `gap` mm apart and are at most `largest` mm long. `images` are isometries (M, 3): a motif in a room is
    drawn once for each, points p at `p @ image[:, :2].T + image[:, 2]`. Where the plan `turns`, motifs have no upright
    and lie in their rooms as they best fit. `lines` belong to the pattern itself.
    """

    size: Size
    wraps: bool
    rooms: Sequence[Room]
    gap: float
    largest: float = math.inf
    images: Sequence[np.ndarray] = field(default_factory=lambda: [np.eye(2, 3)])
    turns: bool = False
    lines: Lines = field(default_factory=list)


def lay(plan: Plan, motifs: Sequence[Motif], jitter: Jitter, seed: int) -> list[Placed]:
    """A motif in each of the plan's rooms, and its images; one motif for a room, or one for each image of each room.

    Each is as large as its room allows, and those that would look larger than most are as large as these; smaller,
    moved and turned by chance as `jitter` says, it never leaves its room. Raises InputError where a room is too small.
    """
    rng = np.random.default_rng(seed)
    rooms = list(plan.rooms) * (len(motifs) // len(plan.rooms))
    turned = [_turned(motif.lines, jitter.turn(rng)) for motif in motifs]
    if plan.turns:
        turned = [_lying(lines, room, plan) for lines, room in zip(turned, rooms, strict=True)]

    def fitted(lines: Lines, room: Room, share: float = 1.0) -> Lines:
        return inscribe(lines, room.corners, plan.gap / 2 * room.scale, plan.largest * room.scale, share)

    looks = np.array([hull_size(fitted(lines, room)) / room.scale for lines, room in zip(turned, rooms, strict=True)])
    kinds = np.array([motif.kind for motif in motifs])
    usual = {kind: np.median(looks[kinds == kind]) for kind in set(kinds.tolist())}
    own = []
    for motif, lines, room, look in zip(motifs, turned, rooms, looks, strict=True):
        share = min(1.0, usual[motif.kind] / look) if look else 1.0
        share *= 1 - rng.uniform(0, jitter.size)
        shift = rng.uniform(-1, 1, 2) * jitter.spacing * plan.gap * room.scale / 2**1.5
        lying = [line + shift for line in fitted(lines, room, share)]
        own.append(Placed(lying, motif.kind, 0, room.row, room.column))
    placed = []
    for number, image in enumerate(plan.images):
        for place in range(len(plan.rooms)):
            index = number * len(plan.rooms) + place
            one = own[index % len(own)]
            lines = [line + image[:, 2] for line in _turned(one.lines, image[:, :2])]
            placed.append(Placed(lines, one.kind, index, one.row, one.column + number))
    return placed


def _turned(lines: Lines, matrix: np.ndarray) -> Lines:
    return [line @ matrix.T for line in lines]


def _lying(lines: Lines, room: Room, plan: Plan) -> Lines:
    """The lines turned to where the room holds them largest."""
    angles = np.arange(0, 2 * math.pi, math.pi / 12)
    ways = [_turned(lines, np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])) for a in angles]
    return max(ways, key=lambda way: hull_size(inscribe(way, room.corners, plan.gap / 2 * room.scale)))


@dataclass(frozen=True)
class Shape:
    """What makes a repeat: `pitch` from column to column and row to row, in lengths of a motif and its gap.

    Every other column is lower by the share `drop` of its pitch, every other row further by `shift`. `extra` are the
    columns and rows that an area which does not wrap is longer for that.
    """

    pitch: tuple[float, float]
    drop: float = 0.0
    shift: float = 0.0
    extra: tuple[float, float] = (0.0, 0.0)

    @property
    def multiples(self) -> tuple[int, int]:
        """What the columns and rows of a tile are multiples of."""
        return 2 if self.drop else 1, 2 if self.shift else 1


# A square of side 1 fits into a diamond 1.714 wide and 2.4 high. A pair of stripes is one column.
SHAPES = {
    "block": Shape((1.0, 1.0)),
    "brick": Shape((1.1, 1.0), shift=0.5, extra=(0.5, 0.0)),
    "half-drop": Shape((1.0, 1.1), drop=0.5, extra=(0.0, 0.5)),
    "diamond": Shape((0.857, 2.4), drop=0.5, extra=(1.0, 0.5)),
    "stripe": Shape((1 + NARROW, 1.0), extra=(1 / (1 + NARROW), 0.0)),
}


@dataclass(frozen=True)
class _Grid:
    """Columns and rows of a shape, and the pitch between them in mm."""

    name: str
    columns: int
    rows: int
    pitch: tuple[float, float]
    wraps: bool

    @cached_property
    def shape(self) -> Shape:
        return SHAPES[self.name]

    @property
    def count(self) -> int:
        """Motifs: a pair of stripes has one and two in each row, and a sheet ends with the stripe it begins with."""
        if self.name == "stripe":
            return (3 * self.columns + (not self.wraps)) * self.rows
        return self.columns * self.rows

    @property
    def unit(self) -> float:
        """The length of a motif and its gap, mm."""
        return min(mm / share for mm, share in zip(self.pitch, self.shape.pitch, strict=True))

    @property
    def size(self) -> Size:
        extra = (0.0, 0.0) if self.wraps else self.shape.extra
        return (self.columns + extra[0]) * self.pitch[0], (self.rows + extra[1]) * self.pitch[1]


def grid(
    name: str,
    area: Size | None,
    count: int | None,
    size: float | None,
    spacing: float,
    kinds: int = 1,
    wraps: bool = True,
) -> Plan:
    """The rooms of a repeat of SHAPES, on an area of (width, height) mm or, where that is None, on as much as it takes.

    `count`: at least so many motifs, as few more as fill columns and rows (12 if neither it nor an area is given);
    `size`: of a motif, mm, the largest that fits if not given (about USUAL, where a count or an area is not);
    `spacing`: between motifs, as a share of their size. `kinds` of motifs take turns along the diagonals, in stripes
    from stripe to stripe.
    Raises InputError where the motifs do not fit.
    """
    if area is None:
        count = count or 12
    unit = (size or USUAL) * (1 + spacing) if size or area is None or count is None else None
    chosen = _filled(name, area, unit, wraps) if count is None else _counted(name, area, count, unit, kinds, wraps)
    if area and size and chosen.unit < size * (1 - 1e-9):
        most = _filled(name, area, size, wraps)
        raise InputError(
            f"{chosen.count} motifs of {size:g} mm do not fit in {area[0]:g} x {area[1]:g} mm as {name}: each has "
            f"{chosen.unit:.3g} mm there, and {most.count} fit."
        )
    gap = chosen.unit - size if area and size else chosen.unit * spacing / (1 + spacing)
    rooms = list(_stripes(chosen, kinds) if name == "stripe" else _rooms(chosen, kinds))
    lines = _trellis(rooms, chosen) if name == "diamond" else _rules(chosen) if name == "stripe" else []
    return Plan(chosen.size, wraps, rooms, gap, size or math.inf, lines=lines)


def _counted(name: str, area: Size | None, count: int, unit: float | None, kinds: int, wraps: bool) -> _Grid:
    """The grid of at least `count` motifs that is nearest to its shape: on an area by its pitches, else by a tile that
    is about square. Of an area that wraps, the kinds should come out even at its edges."""
    if count > LARGEST_COUNT:
        raise InputError(f"{count:,} motifs are more than a pattern holds: ask for at most {LARGEST_COUNT:,}.")
    shape = SHAPES[name]
    per_column, per_row = shape.multiples if wraps else (1, 1)
    even_columns = kinds // math.gcd(kinds, 2) if name == "stripe" else kinds
    best: tuple[float, _Grid] | None = None
    for columns in range(per_column, count + per_column + 1, per_column):
        least = next(
            rows
            for rows in itertools.count(per_row, per_row)
            if _Grid(name, columns, rows, (1, 1), wraps).count >= count
        )
        for rows in range(least, least + kinds * per_row, per_row):
            one = _Grid(name, columns, rows, shape.pitch, wraps)
            if area is None:
                assert unit is not None
                one = _Grid(name, columns, rows, (shape.pitch[0] * unit, shape.pitch[1] * unit), wraps)
                off = abs(math.log(one.size[0] / one.size[1]))
            else:
                scale = area[0] / one.size[0], area[1] / one.size[1]
                one = _Grid(name, columns, rows, (shape.pitch[0] * scale[0], shape.pitch[1] * scale[1]), wraps)
                off = abs(math.log(scale[0] / scale[1]))
            score = off + SURPLUS * (one.count - count) / count
            if wraps and (columns % even_columns or (name != "stripe" and rows % kinds)):
                score += 0.5
            if best is None or score < best[0] - 1e-9:
                best = score, one
    assert best is not None
    return best[1]


def _filled(name: str, area: Size | None, unit: float | None, wraps: bool) -> _Grid:
    """As many columns and rows of motifs of `unit` mm, gap and all, as an area holds. Raises InputError for none."""
    assert area is not None and unit is not None
    shape = SHAPES[name]
    multiples = shape.multiples if wraps else (1, 1)
    numbers = []
    for side, pitch, extra, multiple in zip(area, shape.pitch, shape.extra, multiples, strict=True):
        places = side / (pitch * unit) - (0 if wraps else extra)
        numbers.append(int((places + 1e-9) // multiple) * multiple)
    if min(numbers) < 1:
        raise InputError(
            f"{area[0]:g} x {area[1]:g} mm are too small for a {name} of motifs that take {unit:g} mm each: make the "
            f"{'tile' if wraps else 'sheet'} larger or the motifs smaller."
        )
    columns, rows = numbers
    if columns * rows > LARGEST_COUNT:
        raise InputError(f"Motifs of {unit:g} mm would be over {LARGEST_COUNT:,} here: make them larger.")
    one = _Grid(name, columns, rows, shape.pitch, wraps)
    return _Grid(
        name, columns, rows, (shape.pitch[0] * area[0] / one.size[0], shape.pitch[1] * area[1] / one.size[1]), wraps
    )


def _rooms(grid: _Grid, kinds: int) -> Iterator[Room]:
    x, y = grid.pitch
    if grid.name == "diamond":
        corners, first = np.array([[0, -y / 2], [x, 0], [0, y / 2], [-x, 0]]), np.array([x, y / 2])
    else:
        corners, first = np.array([[-x, -y], [x, -y], [x, y], [-x, y]]) / 2, np.array([x, y]) / 2
    for row in range(grid.rows):
        for column in range(grid.columns):
            place = column + row % 2 * grid.shape.shift, row + column % 2 * grid.shape.drop
            yield Room(corners + first + np.array(place) * grid.pitch, row, column, (row + column) % kinds)


def _stripes(grid: _Grid, kinds: int) -> Iterator[Room]:
    """Broad stripes, and narrow ones between them in which two motifs stand for one."""
    x, y = grid.pitch
    broad, first = x / (1 + NARROW), _first_stripe(grid)
    for column in range(2 * grid.columns + (not grid.wraps)):
        pair, narrow = divmod(column, 2)
        left = first + pair * x + narrow * broad
        width, height = (x - broad, y * NARROW) if narrow else (broad, y)
        for row in range(grid.rows * (1 + narrow)):
            box = np.array([[0, 0], [width, 0], [width, height], [0, height]])
            yield Room(box + np.array([left, row * height]), row, column, column % kinds, NARROW if narrow else 1.0)


def _first_stripe(grid: _Grid) -> float:
    """Where the first stripe begins: off the edge of a tile, so that no rule lies on it."""
    return grid.pitch[0] / 40 if grid.wraps else 0.0


def _rules(grid: _Grid) -> Lines:
    x, broad = grid.pitch[0], grid.pitch[0] / (1 + NARROW)
    places = [_first_stripe(grid) + pair * x + side for pair in range(grid.columns) for side in (broad, x)]
    if grid.wraps:
        places[-1] -= grid.size[0]
    return [np.array([[at, 0.0], [at, grid.size[1]]]) for at in places]


def _trellis(rooms: Sequence[Room], grid: _Grid) -> Lines:
    """The edges of the diamonds, each once."""
    size, seen, lines = np.array(grid.size), set(), []
    for room in rooms:
        for a, b in zip(room.corners, np.roll(room.corners, -1, axis=0), strict=True):
            middle = (a + b) / 2
            key = tuple(np.round((middle % size if grid.wraps else middle) / size * 1e6).astype(int) % 1_000_000)
            if key not in seen:
                seen.add(key)
                lines.append(np.array([a, b]))
    return lines
