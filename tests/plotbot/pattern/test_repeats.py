"""Rooms of the repeats, and motifs in them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from plotbot.pattern.motif import Jitter, Motif, inscribe
from plotbot.pattern.repeats import SHAPES, Plan, grid, lay
from plotbot.units import InputError
from tests.plotbot.pattern.motifs import BOAT, FLAG, lines_of

ROOMS = [
    np.array([[0, 0], [40, 0], [40, 30], [0, 30]], dtype=float),
    np.array([[0, 0], [50, 0], [0, 50]], dtype=float),
    np.array([[0, -20], [15, 0], [0, 20], [-15, 0]], dtype=float)[::-1],
    np.array([[0, 0], [30, 0], [30, 17.32], [15, 25.98]], dtype=float),
]
strokes = st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=1, max_size=6)


def middles(plan: Plan) -> np.ndarray:
    return np.array([room.corners.mean(axis=0) for room in plan.rooms])


@settings(max_examples=150, deadline=None)
@given(st.lists(strokes, min_size=1, max_size=3), st.sampled_from(ROOMS), st.floats(0, 4), st.floats(0.3, 1))
def test_a_motif_is_inside_its_room_and_as_large_as_that_allows(
    sketch: list[list[tuple[int, int]]], room: np.ndarray, gap: float, share: float
) -> None:
    lines = [np.array(stroke, dtype=float) for stroke in sketch]
    placed = shapely.multipoints(np.concatenate(inscribe(lines, room, gap)))
    inner = shapely.Polygon(room)
    assert shapely.dwithin(placed, inner, 1e-6)
    assert inner.buffer(1e-6).covers(placed)
    assert shapely.distance(placed, inner.exterior) >= gap - 1e-6
    extent, was = (
        np.ptp(np.concatenate(one), axis=0).max() for one in (inscribe(lines, room, gap, share=share), lines)
    )
    if was:
        assert shapely.distance(placed, inner.exterior) == pytest.approx(gap, abs=1e-6)
        assert extent == pytest.approx(share * np.ptp(shapely.get_coordinates(placed), axis=0).max())


def test_a_motif_with_room_to_spare_stands_in_the_middle() -> None:
    wide = inscribe([np.array([[0.0, 0.0], [20.0, 1.0]])], ROOMS[0], 5.0)
    np.testing.assert_allclose(wide[0].mean(axis=0), [20, 15])
    assert np.ptp(wide[0][:, 0]) == pytest.approx(30)
    small = inscribe([np.array([[0.0, 0.0], [20.0, 1.0]])], ROOMS[0], 5.0, largest=7.0)
    assert np.ptp(small[0][:, 0]) == pytest.approx(7)


def test_a_half_drop_drops_every_other_column_by_half() -> None:
    plan = grid("half-drop", None, 12, 30.0, 0.2)
    x, y = middles(plan).T
    column = np.array([room.column for room in plan.rooms])
    assert column.max() % 2 == 1
    assert np.ptp(x[column == 1]) < 1e-9
    pitch = np.diff(np.sort(y[column == 0])).min()
    assert y[column == 1].min() - y[column == 0].min() == pytest.approx(pitch / 2)


def test_a_brick_shifts_every_other_row_by_half() -> None:
    plan = grid("brick", None, 12, 30.0, 0.2)
    x = middles(plan)[:, 0]
    row = np.array([room.row for room in plan.rooms])
    assert row.max() % 2 == 1
    assert x[row == 1].min() - x[row == 0].min() == pytest.approx(np.diff(np.sort(x[row == 0])).min() / 2)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("wraps", [True, False])
def test_at_least_the_count_is_there_and_few_more(name: str, wraps: bool) -> None:
    for count in (1, 7, 40, 199):
        plan = grid(name, (380.0, 554.0), count, None, 0.2, wraps=wraps)
        assert count <= len(plan.rooms) <= 1.15 * count + 8
        assert plan.size == pytest.approx((380, 554))


def test_two_hundred_are_two_hundred_on_a2() -> None:
    assert len(grid("half-drop", (554.0, 380.0), 200, None, 0.2, wraps=False).rooms) == 200


@pytest.mark.parametrize("name", SHAPES)
def test_whole_motifs_fill_an_area_and_stay_apart(name: str) -> None:
    area = (300.0, 200.0)
    plan = grid(name, area, None, 25.0, 0.2, wraps=False)
    motifs = [Motif(lines_of(FLAG if number % 2 else BOAT)) for number in range(len(plan.rooms))]
    placed = lay(plan, motifs, Jitter(0.3, 1.0, 40.0, mirror=True), 1)
    points = np.concatenate([line for one in placed for line in one.lines])
    assert (points >= 0).all()
    assert (points <= area).all()
    assert np.ptp(points, axis=0) == pytest.approx(area, rel=0.3)
    hulls = [shapely.convex_hull(shapely.multipoints(np.concatenate(one.lines))) for one in placed]
    first, second = shapely.STRtree(hulls).query(hulls, predicate="intersects")
    assert (first == second).all()


def test_motifs_have_the_size_that_is_asked_for() -> None:
    plan = grid("block", (300.0, 200.0), 6, 25.0, 0.2)
    placed = lay(plan, [Motif(lines_of(BOAT))] * 6, Jitter(), 0)
    assert np.ptp(np.concatenate(placed[0].lines), axis=0).max() == pytest.approx(25)


def test_kinds_take_turns_along_diagonals_and_from_stripe_to_stripe() -> None:
    block, stripe = grid("block", None, 18, None, 0.2, kinds=3), grid("stripe", None, 12, None, 0.2, kinds=2)
    assert {room.kind for room in block.rooms} == {0, 1, 2}
    assert all(room.kind == (room.row + room.column) % 3 for room in block.rooms)
    columns, rows = (max(getattr(room, side) for room in block.rooms) + 1 for side in ("column", "row"))
    assert columns % 3 == rows % 3 == 0
    assert all(room.kind == room.column % 2 for room in stripe.rooms)


def test_those_that_look_larger_than_most_are_made_as_large() -> None:
    square, line = [np.array([[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]], float)], [np.array([[0.0, 0], [9, 3], [4, 4]])]
    placed = lay(grid("block", None, 3, 30.0, 0.2), [Motif(one) for one in (square, line, line)], Jitter(), 0)
    assert np.ptp(placed[0].lines[0], axis=0).max() < 20
    assert np.ptp(placed[1].lines[0], axis=0).max() == pytest.approx(30)


@pytest.mark.parametrize(
    ("area", "count", "size", "says"),
    [
        ((20.0, 20.0), None, 30.0, "20 x 20 mm are too small for a block"),
        ((200.0, 200.0), 40, 40.0, r"do not fit in 200 x 200 mm as block: each has 28.6 mm there, and 25 fit"),
        (None, 30_000, None, "at most 20,000"),
        ((2000.0, 2000.0), None, 2.0, "over 20,000"),
    ],
)
def test_what_does_not_fit_is_told(area: tuple[float, float] | None, count: int | None, size: float, says: str) -> None:
    with pytest.raises(InputError, match=says):
        grid("block", area, count, size, 0.2)


def test_a_room_smaller_than_its_gap_is_told() -> None:
    with pytest.raises(InputError, match="no room for a motif"):
        inscribe(lines_of(BOAT), ROOMS[2], 20.0, math.inf)
