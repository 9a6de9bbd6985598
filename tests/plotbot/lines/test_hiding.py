"""Hidden lines: what is left is what a raster sees."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from scipy import ndimage

from plotbot.lines.areas import silhouettes
from plotbot.lines.hiding import hide
from plotbot.sketches import read_sketches
from plotbot.units import InputError

Sketch = list[np.ndarray]
PX = 20  # per mm
EDGE = 30  # px around the drawing
UNSURE = 2.0  # px
PEN = 0.3
lattice = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(lambda p: (p[0] * 2.0, p[1] * 2.0))
# Coarse, so that lines meet or pass well clear of each other. Strokes of one point are dots.
strokes = st.lists(lattice, min_size=1, max_size=6).map(lambda points: np.array(points, float))
shapes = st.lists(lattice, min_size=3, max_size=6).map(lambda points: np.array([*points, points[0]], float))
sketches = st.lists(st.lists(strokes | shapes, min_size=1, max_size=4), min_size=2, max_size=5)


def square(x: float, y: float, side: float) -> np.ndarray:
    return np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]) * side + [x, y]


def length(lines: Sketch) -> float:
    return sum(float(np.hypot(*np.diff(line, axis=0).T).sum()) for line in lines)


def pixels(points: np.ndarray) -> np.ndarray:
    return np.round(points * PX).astype(int) + EDGE


def painted(lines: Sketch, size: tuple[int, int]) -> np.ndarray:
    """The strokes as pixels."""
    picture = Image.new("1", size)
    draw = ImageDraw.Draw(picture)
    for line in lines:
        draw.line([(x, y) for x, y in pixels(line).tolist()], fill=1)
        draw.point([(x, y) for x, y in pixels(line).tolist()], fill=1)
    return np.array(picture)


def poured(lines: Sketch, size: tuple[int, int]) -> np.ndarray:
    """Where colour poured in from the edge of the picture does not get to: what the strokes go round."""
    drawn = painted(lines, size)
    regions, _ = ndimage.label(~drawn)
    return (regions != regions[0, 0]) & ~drawn


def check(given: list[Sketch], left: list[Sketch], inside: list[np.ndarray], clearance: float) -> None:
    """The painter's algorithm: where a sketch in front is ``inside``, or near with a clearance, nothing of one behind
    may be left, and elsewhere all of it must be. Borders are not looked at, ``UNSURE`` pixels to either side."""
    size = inside[0].shape[::-1]
    surely, possibly = np.full((2, *inside[0].shape), -1)
    for number, (sketch, area) in enumerate(zip(given, inside, strict=True)):
        away = ndimage.distance_transform_edt(~(area | painted(sketch, size)))
        possibly[away <= clearance * PX + UNSURE] = number
        surely[away <= clearance * PX - UNSURE] = number
        surely[ndimage.distance_transform_edt(area) > UNSURE] = number
    for number, (sketch, kept) in enumerate(zip(given, left, strict=True)):
        if kept:
            x, y = pixels(dense(kept)).T
            assert (surely[y, x] <= number).all()
        meant = dense(sketch)
        x, y = pixels(meant).T
        if len(visible := meant[possibly[y, x] <= number]):
            assert kept
            assert shapely.distance(ink(kept), shapely.points(visible)).max() < 1e-6


def ink(lines: Sketch) -> shapely.Geometry:
    """The strokes, dots as points."""
    drawn = [shapely.points(line[0]) if (line == line[0]).all() else shapely.linestrings(line) for line in lines]
    return shapely.geometrycollections(drawn)


def dense(lines: Sketch) -> np.ndarray:
    """Points of the strokes, every half pixel."""
    return shapely.get_coordinates(shapely.segmentize(ink(lines), 0.5 / PX))


@settings(max_examples=60, deadline=None)
@given(sketches, st.sampled_from([0.0, 0.45]))
def test_what_is_left_is_what_a_raster_sees(given: list[Sketch], clearance: float) -> None:
    size = (12 * PX + 2 * EDGE, 12 * PX + 2 * EDGE)
    left = hide(given, 0.02, clearance, gap=0)
    check(given, left, [poured(sketch, size) for sketch in given], clearance)


@pytest.mark.skipif("PLOTBOT_DATA" not in os.environ, reason="PLOTBOT_DATA does not name the data folder")
def test_a_crowd_of_real_rabbits_is_what_a_raster_sees() -> None:
    crowd = []
    drawn = read_sketches(Path(os.environ["PLOTBOT_DATA"]) / "quickdraw" / "rabbit.ndjson")
    for number, sketch in enumerate(drawn[:20]):
        row, column = divmod(number, 5)
        low, high = np.concatenate(sketch).min(axis=0), np.concatenate(sketch).max(axis=0)
        scale = 12 / max(high - low)
        crowd.append([(line - low) * scale + [column * 8 + row % 2 * 4, row * 7] for line in sketch])
    size = (52 * PX, 42 * PX)
    inside = []
    for area in silhouettes(crowd):
        picture = Image.new("1", size)
        for part in shapely.get_parts(area):
            corners = pixels(shapely.get_coordinates(shapely.get_exterior_ring(part)))
            ImageDraw.Draw(picture).polygon([(x, y) for x, y in corners.tolist()], fill=1)
        inside.append(np.array(picture))
    left = hide(crowd, 0.02, 0.4)
    check(crowd, left, inside, 0.4)
    assert 0.4 < sum(map(length, left)) / sum(map(length, crowd)) < 0.9


def test_a_front_sketch_cuts_those_behind_with_a_pens_width_of_white() -> None:
    behind, front = [np.array([[-5.0, 5], [15, 5]])], [square(0, 0, 10)]
    left, right = hide([behind, front], PEN)[0]
    assert left == pytest.approx(np.array([[-5, 5], [-0.6, 5]]))
    assert right == pytest.approx(np.array([[10.6, 5], [15, 5]]))
    up_to_it = hide([behind, front], PEN, 0)[0]
    assert up_to_it[0][-1] == pytest.approx([0, 5], abs=0.01)
    assert hide([front, behind], PEN, 0) == [front, behind]


def test_the_closed_strokes_of_a_page_hide_each_other_in_drawing_order() -> None:
    # vpype-occult leaves 5,590.92 mm in 299 lines of this page.
    chance = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, 61)
    page = []
    for _ in range(200):
        radius, centre = chance.uniform(3, 15), chance.uniform(10, 190, 2)
        page.append(np.column_stack([np.cos(angles), np.sin(angles)]) * radius + centre)
        page[-1][-1] = page[-1][0]
    left = [line for sketch in hide([[line] for line in page], 0.0, 0, gap=0) for line in sketch]
    assert len(left) == 299
    assert length(left) == pytest.approx(5590.92, rel=1e-3)


def test_what_two_shapes_share_is_drawn_once() -> None:
    angles = np.linspace(0, 2 * np.pi, 500)
    ring = np.column_stack([np.cos(angles), np.sin(angles)]) * 10 / 3
    assert hide([[ring], [ring]], PEN, 0, gap=0.01)[0] == []
    left, right = hide([[square(0, 0, 10 / 3)], [square(10 / 3, 0, 10 / 3)]], PEN, 0)
    assert length(left) == pytest.approx(10, abs=0.02)
    assert length(right) == pytest.approx(40 / 3)


def test_lines_in_front_have_a_halo_and_only_with_a_clearance() -> None:
    cross = [[np.array([[-5.0, 0], [5, 0]])], [np.array([[0.0, -5], [0, 5]])]]
    assert [length(sketch) for sketch in hide(cross, PEN, 1.0)] == pytest.approx([8, 10])
    assert hide(cross, PEN, 0) == cross


def test_pieces_keep_order_and_direction_and_what_is_untouched_is_the_same() -> None:
    zigzag = np.array([[20.0, 2], [-5, 2], [-5, 4], [20, 4], [20, 20]])
    apart, dot = np.array([[30.0, 0], [31, 1], [32, 0]]), np.array([[12.0, 12.0]])
    behind = hide([[apart, zigzag, dot], [square(0, 0, 10)]], PEN, 0)[0]
    assert behind[0] is apart
    for piece, meant in zip(
        behind[1:4],
        ([[20, 2], [10, 2]], [[0, 2], [-5, 2], [-5, 4], [0, 4]], [[10, 4], [20, 4], [20, 20]]),
        strict=True,
    ):
        assert piece == pytest.approx(np.array(meant, float), abs=0.01)
    assert behind[4] is dot


def test_a_dot_is_covered_or_not() -> None:
    dots = [np.array([[5.0, 5]]), np.array([[5.0, 6], [5, 6]]), np.array([[15.0, 5]]), np.array([[15.0, 6], [15, 6]])]
    left = hide([dots, [square(0, 0, 10)]], PEN)[0]
    assert [line is dot for line, dot in zip(left, dots[2:], strict=True)] == [True, True]


def test_slivers_are_left_out_of_cut_strokes_only() -> None:
    poking, tiny = np.array([[9.0, 5], [10.1, 5]]), np.array([[12.0, 5], [12.1, 5]])
    assert hide([[poking, tiny], [square(0, 0, 10)]], PEN, 0)[0] == [tiny]
    assert len(hide([[poking], [square(0, 0, 10)]], 0.1, 0)[0]) == 1


def test_nothing_and_bad_numbers() -> None:
    assert hide([], PEN) == []
    assert hide([[], [square(0, 0, 1)], []], PEN)[0::2] == [[], []]
    with pytest.raises(InputError, match="not a finite number"):
        hide([[np.array([[0, np.nan], [1, 1]])]], PEN)
    with pytest.raises(InputError, match="zero or more"):
        hide([], PEN, -1.0)
