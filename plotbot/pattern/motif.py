"""A motif: one sketch of a pattern, and how it is put into its room."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from plotbot.units import InputError

Lines = list[np.ndarray]
Size = tuple[float, float]  # width and height, mm
Layers = list[tuple[str, Lines]]  # of a page: a pen's colour, and its polylines (N, 2) in mm
USUAL = 30.0  # mm, of a motif where nobody says how large
FLAT = 1e-9  # the extent, in sketch units, under which there is nothing to scale


@dataclass(frozen=True)
class Motif:
    """A sketch as polylines (N, 2), y down, any unit; `kind` counts the classes or files that motifs come from."""

    lines: Lines
    kind: int = 0


@dataclass(frozen=True)
class Placed:
    """A motif where it lies in the pattern: polylines (N, 2) in mm, y down, and what a colour rule may go by."""

    lines: Lines
    kind: int
    index: int
    row: int
    column: int

    def moved(self, shift: np.ndarray) -> Placed:
        """The same, `shift` (2,) mm on."""
        return Placed([line + shift for line in self.lines], self.kind, self.index, self.row, self.column)


@dataclass(frozen=True)
class Jitter:
    """What chance does to each motif: made smaller by up to the share `size`, moved by up to the share `spacing` of
    the space around it, turned by up to `angle` degrees either way, and, with `mirror`, mirrored one time in two."""

    size: float = 0.0
    spacing: float = 0.0
    angle: float = 0.0
    mirror: bool = False

    def __post_init__(self) -> None:
        """Raises InputError out of range."""
        if not (0 <= self.size < 1 and 0 <= self.spacing <= 1 and 0 <= self.angle <= 180):
            raise InputError(
                f"A jitter of {self.size:g} in size, {self.spacing:g} in spacing and {self.angle:g} degrees is out of "
                "range: size goes from 0 to below 1, spacing from 0 to 1, the angle from 0 to 180."
            )

    def turn(self, rng: np.random.Generator) -> np.ndarray:
        """A rotation (2, 2) by chance, perhaps with a mirror."""
        angle = math.radians(rng.uniform(-self.angle, self.angle))
        flip = -1.0 if self.mirror and rng.random() < 0.5 else 1.0
        return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]) @ np.diag([flip, 1])


def checked(lines: Lines, name: str) -> Lines:
    """The lines as float arrays. Raises InputError, calling them `name`, for a motif without points or with one that is
    not finite."""
    if not lines or any(len(line) == 0 for line in lines):
        raise InputError(f"{name} has nothing to draw: leave it out.")
    lines = [np.asarray(line, dtype=float) for line in lines]
    if not all(np.isfinite(line).all() for line in lines):
        raise InputError(f"{name} has a coordinate that is not a finite number: leave it out.")
    return lines


def hull_size(lines: Lines) -> float:
    """The side of the square as large as the lines' convex hull: how large a motif looks. At least an eighth of its
    longer side, so that a line is something, too."""
    points = np.concatenate(lines)
    longest = float(np.ptp(points, axis=0).max())
    return max(math.sqrt(shapely.convex_hull(shapely.multipoints(points)).area), longest / 8)


def inscribe(lines: Lines, room: np.ndarray, gap: float, largest: float = math.inf, share: float = 1.0) -> Lines:
    """The lines, scaled and moved, at `share` of the size at which they fit into the convex polygon `room` (K, 2) `gap`
    mm inside its edges, their longer side at most `largest` mm.

    A motif of scale s at t lies inside edge k where n_k t + s max(n_k p) <= b_k - gap: a linear programme of three
    unknowns, whose few vertices are tried one and all. Where more than one is best, the motif stands in their middle.
    One without extent stands in the middle of the room.
    Raises InputError where the room is not wider than its gap.
    """
    points = np.concatenate(lines)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    normals, bounds = _edges(room)
    bounds = bounds - gap
    centre, inner = _best(np.ones(len(normals)), normals, bounds)  # the largest disc
    if inner <= 0:
        raise InputError(
            f"There is no room for a motif in a place of {np.ptp(room[:, 0]):.4g} x {np.ptp(room[:, 1]):.4g} mm with "
            f"{2 * gap:.4g} mm between motifs: ask for fewer motifs, less spacing or a larger tile."
        )
    extent = float(np.ptp(points, axis=0).max())
    if extent <= FLAT * max(1.0, float(np.abs(points).max())):
        return [line - middle + centre for line in lines]
    place, scale = _best((normals @ (points - middle).T).max(axis=1), normals, bounds)
    share *= min(1.0, largest / (scale * extent))
    # A smaller motif is moved towards where one of no size would stand, in proportion: the constraints are linear in
    # place and scale together, so it stays inside.
    place = share * place + (1 - share) * centre
    return [(line - middle) * scale * share + place for line in lines]


def _edges(room: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outward unit normals (K, 2) and bounds (K,) of a convex polygon, whichever way round its corners go."""
    along = np.roll(room, -1, axis=0) - room
    normals = np.column_stack([along[:, 1], -along[:, 0]]) / np.hypot(*along.T)[:, None]
    if normals[0] @ (room.mean(axis=0) - room[0]) > 0:
        normals = -normals
    return normals, (normals * room).sum(axis=1)


def _best(support: np.ndarray, normals: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, float]:
    """The largest s, and t (2,), with normals t + s support <= bounds: the mean of the best vertices."""
    rows = np.column_stack([normals, support])
    triples = np.array(list(itertools.combinations(range(len(rows)), 3)))
    solvable = triples[np.abs(np.linalg.det(rows[triples])) > 1e-9 * max(1.0, np.abs(support).max())]
    vertices = np.linalg.solve(rows[solvable], bounds[solvable][..., None])[..., 0]
    slack = 1e-9 * max(1.0, float(np.abs(bounds).max()))
    vertices = vertices[(vertices @ rows.T <= bounds + slack).all(axis=1)]
    best = vertices[vertices[:, 2] >= vertices[:, 2].max() - slack / max(1.0, np.abs(support).max())]
    return best[:, :2].mean(axis=0), float(best[0, 2])


def bounds_of(lines: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The corners (2,) of the box around polylines."""
    points = np.concatenate(list(lines))
    return points.min(axis=0), points.max(axis=0)
