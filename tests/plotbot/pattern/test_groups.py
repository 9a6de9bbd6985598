"""The 17 plane groups are what their names say, and motifs in their domains never touch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import shapely
from shapely import affinity

from plotbot.pattern.design import Design, make
from plotbot.pattern.groups import GROUPS, Group, symmetric
from plotbot.pattern.motif import Jitter

# Of each group the images in its rectangular cell; twice as many as of a point in a rhombic or hexagonal lattice.
IMAGES = dict(zip(GROUPS, (1, 2, 2, 2, 4, 4, 4, 4, 8, 4, 8, 8, 6, 12, 12, 12, 24), strict=True))
NEAR = 1e-6
# By the highest order of a rotation, and whether there are mirrors. Without: whether there are glides. With: whether
# all centres of that order lie on mirrors; for order 1 whether there are glides off the mirrors; None if these are
# parallel.
CHART = {
    (1, False, False): "p1",
    (1, False, True): "pg",
    (1, True, False): "pm",
    (1, True, True): "cm",
    (2, False, False): "p2",
    (2, False, True): "pgg",
    (2, True, None): "pmg",
    (2, True, True): "pmm",
    (2, True, False): "cmm",
    (3, False, False): "p3",
    (3, True, True): "p3m1",
    (3, True, False): "p31m",
    (4, False, False): "p4",
    (4, True, True): "p4m",
    (4, True, False): "p4g",
    (6, False, False): "p6",
    (6, True, True): "p6m",
}


def around(group: Group) -> Iterator[np.ndarray]:
    """All isometries of the group near its cell."""
    for image, right, down in itertools.product(group.images(), (-1, 0, 1), (-1, 0, 1)):
        yield np.column_stack([image[:, :2], image[:, 2] + np.array([right, down * group.height])])


def recognised(group: Group) -> str:
    """The group's name by the chart of Schattschneider 1978."""
    mirrors, glides, centres = [], [], []
    for one in around(group):
        matrix, move = one[:, :2], one[:, 2]
        if np.linalg.det(matrix) < 0:
            along = np.linalg.eigh(matrix)[1][:, 1]
            across = np.array([-along[1], along[0]])
            axis = (across, move @ across / 2)
            (mirrors if abs(move @ along) < NEAR else glides).append(axis)
        elif matrix[0, 0] < 1 - NEAR:
            order = round(2 * math.pi / math.acos(np.clip(matrix[0, 0], -1, 1)))
            centres.append((order, np.linalg.solve(np.eye(2) - matrix, move)))
    highest = max((order for order, _ in centres), default=1)

    def on_mirrors(order: int) -> bool:
        spots = [spot for one, spot in centres if one == order]
        return all(any(abs(spot @ across - at) < NEAR for across, at in mirrors) for spot in spots)

    def same(one: tuple[np.ndarray, float], other: tuple[np.ndarray, float]) -> bool:
        side = np.sign(one[0] @ other[0])
        return np.allclose(one[0], side * other[0]) and abs(one[1] - side * other[1]) < NEAR

    detail: bool | None
    if not mirrors:
        detail = bool(glides)
    elif highest == 1:
        detail = any(not any(same(one, other) for other in mirrors) for one in glides)
    elif highest == 2 and all(same((across, 0), (mirrors[0][0], 0)) for across, _ in mirrors):
        detail = None
    else:
        detail = on_mirrors(highest)
    return CHART[highest, bool(mirrors), detail]


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_is_the_one_that_it_is_called(name: str) -> None:
    assert recognised(GROUPS[name]) == name
    assert len(GROUPS[name].images()) == IMAGES[name]


@pytest.mark.parametrize("name", GROUPS)
def test_the_images_of_a_domain_cover_the_cell_once(name: str) -> None:
    group = GROUPS[name]
    cell = shapely.box(0, 0, 1, group.height)
    domain = shapely.Polygon(group.domain)
    parts = [
        affinity.affine_transform(domain, [*m[0, :2], *m[1, :2], *m[:, 2]]).intersection(cell) for m in around(group)
    ]
    assert sum(part.area for part in parts) == pytest.approx(cell.area)
    assert shapely.union_all([part.buffer(1e-7) for part in parts]).intersection(cell).area == pytest.approx(cell.area)


@pytest.mark.parametrize("name", GROUPS)
def test_motifs_and_their_images_never_touch(name: str, sketches: Callable[[int], str]) -> None:
    jitter = Jitter(0.3, 1.0, 180.0, mirror=True)
    pattern = make(Design([sketches(5)], name, 3, spacing=0.2, jitter=jitter, seed=1), None, None)
    hulls = []
    for one, right, down in itertools.product(pattern.placed, (-1, 0, 1), (-1, 0, 1)):
        points = np.concatenate(one.lines) + np.array(pattern.size) * (right, down)
        hulls.append(shapely.convex_hull(shapely.multipoints(points)))
    tree = shapely.STRtree(hulls)
    first, second = tree.query(hulls, predicate="intersects")
    assert (first == second).all()


@pytest.mark.parametrize("name", ["pm", "p4g", "p31m", "p6m"])
def test_a_pattern_is_left_as_it_is_by_its_group(name: str, sketches: Callable[[int], str]) -> None:
    pattern = make(Design([sketches(2)], name, 2), None, None)
    size = np.array(pattern.size)
    dots = np.array([line[0] for one in pattern.placed for line in one.lines if len(line) == 1])
    assert len(dots)
    for image in symmetric(name, pattern.size, 1, None, 0.2).images:
        moved = dots @ image[:, :2].T + image[:, 2]
        apart = np.abs((moved[:, None] - dots + size / 2) % size - size / 2).max(axis=2)
        assert (apart.min(axis=1) < NEAR).all()


def test_distinct_motifs_stand_in_symmetric_places(sketches: Callable[[int], str]) -> None:
    alike, distinct = (
        make(Design([sketches(24)], "p6m", jitter=Jitter(angle=9), distinct=one), None, None) for one in (False, True)
    )
    assert len({round(float(np.ptp(np.concatenate(one.lines), axis=0).max()), 6) for one in alike.placed}) < 12
    assert len(distinct.placed) == len(alike.placed) == 24
    shapes = {tuple(np.concatenate(one.lines).std(axis=0).round(9)) for one in distinct.placed}
    assert len(shapes) == 24


def test_distinct_motifs_fill_a_sheet_from_its_middle(sketches: Callable[[int], str]) -> None:
    pattern = make(Design([sketches(99)], "p4", distinct=True), (40.0, 40.0), (100.0, 60.0))
    assert not pattern.wraps
    assert len(pattern.placed) >= 4 * 2.5 * 1.5
    assert len({one.index for one in pattern.placed}) == len(pattern.placed)


@pytest.mark.parametrize(
    ("name", "tile", "size"), [("pmg", (80, 30), (80, 30)), ("p6", (100, 500), (100, 100 * 3**0.5))]
)
def test_a_tile_is_as_large_as_wished_where_the_lattice_allows_it(
    name: str, tile: tuple[float, float], size: tuple[float, float], sketches: Callable[[int], str]
) -> None:
    assert make(Design([sketches(1)], name), tile, None).size == pytest.approx(size)
