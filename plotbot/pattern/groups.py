"""The 17 plane groups: the ways in which a pattern can repeat in two directions, by their IUC names.

Every group is written in a rectangular cell of width 1 (for the groups of rhombic and hexagonal lattices the double,
centred one: 1 x sqrt 3 for the hexagonal) by isometries that generate it together with the cell's translations, and by
a convex fundamental domain: a part that its images cover the plane with, without overlap. Where there are mirrors, they
bound it, so that a motif inside is never cut by its own reflection.

(International Tables for Crystallography, volume A, chapter 2.2; Schattschneider 1978, "The plane symmetry groups:
their recognition and notation", American Mathematical Monthly 85.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plotbot.pattern.motif import USUAL, Size
from plotbot.pattern.repeats import Plan, Room

R3 = math.sqrt(3)
NEAR = 1e-9


def turn(degrees: float, x: float = 0.0, y: float = 0.0) -> np.ndarray:
    """A rotation about (x, y), as (2, 3)."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return _about(np.array([[cosine, -sine], [sine, cosine]]), x, y)


def mirror(degrees: float, x: float = 0.0, y: float = 0.0) -> np.ndarray:
    """A reflection in the line through (x, y) at that angle from the x axis, as (2, 3)."""
    cosine, sine = math.cos(math.radians(2 * degrees)), math.sin(math.radians(2 * degrees))
    return _about(np.array([[cosine, sine], [sine, -cosine]]), x, y)


def shifted(isometry: np.ndarray, x: float, y: float) -> np.ndarray:
    """An isometry (2, 3), and then a move by (x, y)."""
    return np.column_stack([isometry[:, :2], isometry[:, 2] + (x, y)])


def _about(matrix: np.ndarray, x: float, y: float) -> np.ndarray:
    point = np.array([x, y])
    return np.column_stack([matrix, point - matrix @ point])


@dataclass(frozen=True)
class Group:
    """`height` of the cell of width 1, generators (2, 3) each, and the corners (K, 2) of a fundamental domain.

    `stretches`: the cell may be a rectangle of any shape.
    """

    height: float
    domain: Sequence[tuple[float, float]]
    generators: Sequence[np.ndarray] = ()
    stretches: bool = False

    def images(self) -> list[np.ndarray]:
        """The isometries (2, 3) of the group modulo the cell's translations: the identity first, each such that the
        middle of the domain comes to lie in the cell."""
        found = [np.eye(2, 3)]
        cell, middle = np.array([1.0, self.height]), np.mean(self.domain, axis=0)
        for known in found:  # grows while it is gone through
            for generator in self.generators:
                one = np.column_stack(
                    [generator[:, :2] @ known[:, :2], generator[:, :2] @ known[:, 2] + generator[:, 2]]
                )
                one[:, 2] -= np.floor((one[:, :2] @ middle + one[:, 2]) / cell + NEAR) * cell
                if not any(np.allclose(one, other, atol=1e-6) for other in found):
                    found.append(one)
        return found


_CENTRED = shifted(np.eye(2, 3), 0.5, 0.5)
_HEXAGONAL = shifted(np.eye(2, 3), 0.5, R3 / 2)
_HALF_SQUARE = ((0, 0), (0.5, 0), (0.5, 0.5), (0, 0.5))
_KITE = ((0, 0), (0.5, 0), (0.5, R3 / 6), (0.25, R3 / 4))  # a third of the lattice's triangle

# Rectangular cells are as high as makes their domains square.
GROUPS = {
    "p1": Group(1, ((0, 0), (1, 0), (1, 1), (0, 1)), stretches=True),
    "p2": Group(0.5, _HALF_SQUARE, [turn(180)], stretches=True),
    "pm": Group(0.5, _HALF_SQUARE, [mirror(90)], stretches=True),
    "pg": Group(0.5, _HALF_SQUARE, [shifted(mirror(90), 0, 0.25)], stretches=True),
    "cm": Group(1, _HALF_SQUARE, [mirror(90), _CENTRED], stretches=True),
    "pmm": Group(1, _HALF_SQUARE, [mirror(90), mirror(0)], stretches=True),
    "pmg": Group(1, ((-0.25, 0), (0.25, 0), (0.25, 0.5), (-0.25, 0.5)), [mirror(90, 0.25), turn(180)], stretches=True),
    "pgg": Group(1, _HALF_SQUARE, [turn(180), shifted(mirror(90), 0.5, 0.5)], stretches=True),
    "cmm": Group(
        0.5,
        ((0, 0), (0.25, 0), (0.25, 0.25), (0, 0.25)),
        [mirror(90), mirror(0), shifted(np.eye(2, 3), 0.5, 0.25)],
        stretches=True,
    ),
    "p4": Group(1, _HALF_SQUARE, [turn(90)]),
    "p4m": Group(1, ((0, 0), (0.5, 0.5), (0, 0.5)), [turn(90), mirror(0)]),
    "p4g": Group(1, ((0, 0), (0.5, 0), (0, 0.5)), [turn(90), mirror(135, 0.5)]),
    "p3": Group(R3, ((0, 0), (0.5, -R3 / 6), (1, 0), (0.5, R3 / 6)), [turn(120), _HEXAGONAL]),
    "p3m1": Group(R3, ((0, 0), (0.5, -R3 / 6), (0.5, R3 / 6)), [turn(120), mirror(30), _HEXAGONAL]),
    "p31m": Group(R3, _KITE, [turn(120), mirror(0), _HEXAGONAL]),
    "p6": Group(R3, _KITE, [turn(60), _HEXAGONAL]),
    "p6m": Group(R3, ((0, 0), (0.5, 0), (0.5, R3 / 6)), [turn(60), mirror(0), _HEXAGONAL]),
}


def symmetric(name: str, area: Size | None, count: int, size: float | None, spacing: float, kinds: int = 1) -> Plan:
    """A tile with `count` motifs in the fundamental domain of a group, and their images; in what grid() calls it, with
    `area` the tile's (width, height) in mm, for square and hexagonal lattices the largest that is in it.

    `size`: of the square that a motif has for itself, mm, where no area is given (30 if not given). Kinds take turns.
    Raises InputError for what does not fit.
    """
    group = GROUPS[name]
    if area is None:
        part = math.sqrt(_area(np.array(group.domain)) / count)
        width = (size or USUAL) * (1 + spacing) / part
        area = width, width * group.height
    elif not group.stretches:
        width = min(area[0], area[1] / group.height)
        area = width, width * group.height
    scale = np.array([area[0], area[1] / group.height])
    parts = _halved(np.array(group.domain) * scale, count)
    side = math.sqrt(min(map(_area, parts)))
    stretch = np.diag(scale)
    images = [
        np.column_stack([stretch @ one[:, :2] @ np.linalg.inv(stretch), stretch @ one[:, 2]]) for one in group.images()
    ]
    rooms = [Room(part, number, 0, number % kinds) for number, part in enumerate(parts)]
    return Plan(area, True, rooms, side * spacing / (1 + spacing), images=images, turns=not group.stretches)


def _halved(corners: np.ndarray, count: int) -> list[np.ndarray]:
    """A convex polygon cut into `count` convex ones of the same area, across its length each time."""
    if count == 1:
        return [corners]
    share = count // 2 / count
    _, axes = np.linalg.eigh(np.cov(_outline(corners).T))
    along = axes[:, 1]
    low, high = (corners @ along).min(), (corners @ along).max()
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _area(_below(corners, along, middle)) < share * _area(corners) else (low, middle)
    first, second = _below(corners, along, middle), _below(corners, -along, -middle)
    return _halved(first, count // 2) + _halved(second, count - count // 2)


def _outline(corners: np.ndarray) -> np.ndarray:
    """Points along the edges, evenly: what a polygon's length is measured by."""
    steps = np.linspace(0, 1, 20, endpoint=False)[:, None]
    return np.concatenate([a + steps * (b - a) for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)])


def _below(corners: np.ndarray, normal: np.ndarray, bound: float) -> np.ndarray:
    """What of a convex polygon has p @ normal <= bound. (Sutherland and Hodgman 1974.)"""
    kept = []
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        over_a, over_b = a @ normal - bound, b @ normal - bound
        if over_a <= 0:
            kept.append(a)
        if over_a * over_b < 0:
            kept.append(a + (b - a) * over_a / (over_a - over_b))
    return np.array([a for a, b in zip(kept, kept[-1:] + kept, strict=False) if not np.allclose(a, b)])


def _area(corners: np.ndarray) -> float:
    following = np.roll(corners, -1, axis=0)
    return abs(float((corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0]).sum())) / 2
