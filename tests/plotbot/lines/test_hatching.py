"""Areas filled with ink."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from plotbot.lines.areas import enclosed
from plotbot.lines.hatching import hatch
from plotbot.units import InputError

PEN = 0.3
SQUARE = shapely.box(10, 10, 30, 30)
lattice = st.tuples(st.integers(0, 8), st.integers(0, 8)).map(lambda p: (p[0] * 2.5, p[1] * 2.5))
# Closed strokes that cross themselves and each other as they like.
ring = st.lists(lattice, min_size=3, max_size=7).map(lambda points: np.array([*points, points[0]], float))
areas = st.lists(ring, min_size=1, max_size=4).map(enclosed)
spacings = st.sampled_from([0.2, 0.7, 1.0, 2.5, 6.0])
angles = st.sampled_from([0.0, 45.0, 90.0, 17.3, -120.0])


def ink(lines: list[np.ndarray]) -> shapely.Geometry:
    return shapely.union_all(
        [shapely.linestrings(line) if len(line) > 1 else shapely.points(line[0]) for line in lines]
    )


def normal(angle: float) -> np.ndarray:
    """Across the lines: they rise to the right by ``angle``, and y points down."""
    return np.array([math.sin(math.radians(angle)), math.cos(math.radians(angle))])


def grid_inside(area: shapely.Geometry, step: float) -> np.ndarray:
    x, y = np.meshgrid(np.arange(0, 20, step) + 0.013, np.arange(0, 20, step) + 0.017)
    points = np.column_stack([x.ravel(), y.ravel()])
    return points[shapely.contains_xy(area, *points.T)] if not area.is_empty else points[:0]


@settings(max_examples=60, deadline=None)
@given(areas, st.sampled_from(["parallel", "cross", "concentric"]), spacings, angles)
def test_no_ink_comes_nearer_to_the_outline_than_half_a_pen(
    area: shapely.Geometry, style: str, spacing: float, angle: float
) -> None:
    lines = hatch(area, style, spacing, angle, PEN)
    assert all(len(line) for line in lines)
    assert shapely.difference(ink(lines), shapely.buffer(area, -PEN / 2 + 1e-3)).is_empty


@settings(max_examples=60, deadline=None)
@given(areas, spacings, angles)
def test_parallel_lines_are_everywhere_in_the_area_and_a_spacing_apart(
    area: shapely.Geometry, spacing: float, angle: float
) -> None:
    lines = hatch(area, "parallel", spacing, angle, 0.0)
    drawn, across = ink(lines), normal(angle)
    # Wherever a line of the page passes through the area, there is ink: no point is half a spacing away from one.
    points = grid_inside(area, 0.9)
    away = points @ across
    nearest = points + (np.round(away / spacing) * spacing - away)[:, None] * across
    well_inside = shapely.buffer(area, -1e-3)
    if len(nearest := nearest[[well_inside.contains(shapely.Point(p)) for p in nearest]]):
        assert shapely.distance(drawn, shapely.points(nearest)).max() < 1e-6
    # And ink is nowhere but on these lines, and on the outline from one of them to the next.
    if lines:
        middles = np.concatenate([(line[:-1] + line[1:]) / 2 for line in lines])
        levels = middles @ across / spacing
        off = np.abs(levels - np.round(levels)) > 1e-6
        assert shapely.distance(area.boundary, shapely.points(middles[off])).max(initial=0) < 1e-2


@settings(max_examples=40, deadline=None)
@given(areas, st.sampled_from([0.7, 1.0, 2.5]))
def test_rings_leave_no_point_further_than_a_spacing_from_the_ink(area: shapely.Geometry, spacing: float) -> None:
    drawn = shapely.union(ink(hatch(area, "concentric", spacing, pen_mm=0.0)), area.boundary)
    assert shapely.distance(drawn, shapely.points(grid_inside(area, 0.7))).max(initial=0) < spacing + 0.01


def test_a_square_is_filled_in_one_stroke() -> None:
    for angle in (0, 45, 80):
        (line,) = hatch(SQUARE, "parallel", 1.0, angle, PEN)
        # Area over spacing, and the way along the outline from line to line.
        length = np.hypot(*np.diff(line, axis=0).T).sum()
        assert 19.7**2 * 0.95 < length < 19.7**2 * 1.12
    assert len(hatch(SQUARE, "cross", 1.0, 45, PEN)) == 2


def test_the_way_from_line_to_line_goes_round_a_hole_and_not_through_it() -> None:
    area = SQUARE - shapely.box(15, 15, 25, 25)
    lines = hatch(area, "parallel", 1.0, 0, PEN)
    assert len(lines) <= 4
    assert not ink(lines).intersects(shapely.box(15.1, 15.1, 24.9, 24.9))


def test_lines_rise_to_the_right_and_neighbouring_areas_line_up() -> None:
    (line,) = hatch(SQUARE, "parallel", 3.0, 30, PEN)
    first, second = line[:2]
    assert (second[1] - first[1]) / (second[0] - first[0]) == pytest.approx(-math.tan(math.radians(30)))
    phases = []
    for x in (10.0, 31.7, 60.123):
        for line in hatch(shapely.box(x, 10, x + 9.1, 30), "parallel", 3.0, 30, PEN):
            phases += ((line[0] @ normal(30)) % 3.0, (line[-1] @ normal(30)) % 3.0)
    assert len(phases) >= 6
    assert np.abs((np.array(phases) - phases[0] + 1.5) % 3.0 - 1.5).max() < 1e-9


def test_rings_follow_the_outline_down_to_a_dot_in_the_middle() -> None:
    disc = shapely.Point(50, 50).buffer(2.05, quad_segs=64)
    lines = hatch(disc, "concentric", 1.0, pen_mm=PEN)
    radii = sorted(float(np.hypot(*(line - 50).T).max()) for line in lines)
    assert radii == pytest.approx([0, 1.05], abs=0.01)
    assert [len(line) for line in lines if np.hypot(*(line[0] - 50)) < 0.1] == [1]
    # Where the middle would stay open, half a spacing more.
    wider = hatch(shapely.Point(50, 50).buffer(2.9, quad_segs=64), "concentric", 1.0, pen_mm=PEN)
    assert sorted(float(np.hypot(*(line - 50).T).max()) for line in wider) == pytest.approx([0.4, 0.9, 1.9], abs=0.01)


def test_what_is_too_thin_or_empty_stays_empty() -> None:
    for style in ("parallel", "cross", "concentric"):
        for area in (
            shapely.MultiPolygon(),
            enclosed([]),
            shapely.box(0, 0, 50, 0.25),
            SQUARE & shapely.box(0, 0, 1, 1),
        ):
            assert hatch(area, style, 0.5, 30, PEN) == []


def test_an_absurd_amount_of_ink_is_refused_in_metres() -> None:
    with pytest.raises(InputError, match=r"24,948 m of ink: ask for 0\.025 mm"):
        hatch(shapely.box(0, 0, 420, 594), "parallel", 0.01)
    assert hatch(shapely.box(0, 0, 420, 594), "parallel", 0.5)


@pytest.mark.parametrize("spacing", [0.0, -1.0, math.nan, math.inf])
def test_a_spacing_that_is_none_is_refused(spacing: float) -> None:
    with pytest.raises(InputError, match="above zero"):
        hatch(SQUARE, "parallel", spacing)


def test_an_unknown_style_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="parallel, cross, concentric"):
        hatch(SQUARE, "dotted", 1.0)  # type: ignore[arg-type]
