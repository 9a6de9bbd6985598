"""Lines as pixels: the area that they cover, and inks on one another."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plotbot.page import raster
from plotbot.page.raster import Coverage, Paint, blank, channels_of, mixes, segments_of
from plotbot.page.svg import Group

ALL = slice(None)


def covered(lines: list[np.ndarray], width: float, size: int = 120) -> np.ndarray:
    """The shares of (size, size) pixels."""
    coverage = Coverage(size, size)
    coverage.draw(*segments_of(lines), width / 2)
    return coverage.share(ALL, ALL)


@settings(max_examples=30)
@given(
    angle=st.floats(0, 2 * math.pi),
    width=st.floats(0.3, 12.0),
    x=st.floats(59.0, 61.0),
    y=st.floats(59.0, 61.0),
)
def test_a_line_is_as_dark_as_it_is_wide_at_any_angle(angle: float, width: float, x: float, y: float) -> None:
    half = 45 * np.array([math.cos(angle), math.sin(angle)])
    middle = np.array([x, y])
    line = np.array([middle - half, middle + half])
    share = covered([line], width)
    assert share.sum() == pytest.approx(90 * width + math.pi * width**2 / 4, rel=0.03)


@given(x=st.floats(59.0, 61.0), y=st.floats(59.0, 61.0), width=st.floats(2.0, 20.0))
def test_a_dot_is_a_disc(x: float, y: float, width: float) -> None:
    for dot in (np.array([[x, y]]), np.array([[x, y], [x, y]])):
        share = covered([dot], width)
        assert share.sum() == pytest.approx(math.pi * width**2 / 4, rel=0.15)
        rows, columns = np.nonzero(share)
        assert np.hypot(columns + 0.5 - x, rows + 0.5 - y).max() <= width / 2 + 0.8


@given(
    st.lists(st.tuples(st.floats(-50, 170), st.floats(-50, 170)), min_size=2, max_size=12),
    st.floats(0.2, 5.0),
)
def test_order_and_direction_change_nothing(points: list[tuple[float, float]], width: float) -> None:
    line = np.array(points)
    pieces = [line[i : i + 2] for i in range(len(line) - 1)]
    assert np.array_equal(covered([line], width), covered(pieces[::-1], width))
    assert np.allclose(covered([line], width), covered([line[::-1]], width), atol=2 / 255)


@given(angle=st.floats(0, 2 * math.pi), width=st.floats(0.3, 5.0), count=st.integers(2, 500))
def test_a_line_of_many_points_is_the_line(angle: float, width: float, count: int) -> None:
    half = 45 * np.array([math.cos(angle), math.sin(angle)])
    share = np.linspace(-1, 1, count)[:, None]
    assert np.allclose(covered([60 + half * share], width), covered([60 + half * share[[0, -1]]], width), atol=0.06)


@given(angle=st.floats(0, math.pi), width=st.floats(0.3, 5.0), x=st.floats(59.0, 61.0), meander=st.booleans())
def test_a_hatching_without_gaps_has_none(angle: float, width: float, x: float, meander: bool) -> None:
    along, across = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    lines = [x + across * width * i + along * np.array([[-40], [40]]) for i in range(-int(20 / width), int(20 / width))]
    lines = [line[:: 1 - 2 * (i % 2)] for i, line in enumerate(lines)]
    share = covered([np.concatenate(lines)] if meander else lines, width)
    assert share[53:67, 53:67].min() > 0.98


@pytest.mark.parametrize("tiny", [1e-300, 1e-15, 1e-9, 1e-6, 1e-3])
def test_a_line_that_ends_next_to_where_it_was_has_no_blot_there(tiny: float) -> None:
    line = np.array([[20.3, 20.6], [90.0, 20.6], [90.0, 70.0]])
    for off in ((tiny, 0), (-tiny, tiny / 2), (0, tiny)):
        assert np.allclose(covered([np.vstack([line, line[-1] + off])], 2.0), covered([line], 2.0), atol=0.15)


def test_what_is_too_much_for_one_go_is_drawn_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    zigzag = np.column_stack([np.tile([1.0, 119.0], 40), np.linspace(1, 119, 80)])
    at_once = covered([zigzag, zigzag[:, ::-1]], 1.0)
    monkeypatch.setattr(raster, "_CHUNK", 500)
    assert np.array_equal(covered([zigzag, zigzag[:, ::-1]], 1.0), at_once)


def painted(paper: str, *inks: Group, over: bool = False) -> np.ndarray:
    """The colour of the middle of a small sheet on which the inks cross."""
    channels = channels_of([paper, *(one.colour for one in inks)])
    sheet = blank(paper, 9, 9, channels)
    for ink in inks:
        paint = Paint.of(ink, 1.0, channels, mixes(ink, paper) and not over)
        coverage = Coverage(9, 9)
        coverage.draw(paint.segments, paint.numbers, paint.radius)
        paint.blend(sheet, coverage)
    return np.asarray(sheet[4, 4].round())


def test_translucent_inks_mix_and_those_lighter_than_the_paper_cover() -> None:
    across, down = [np.array([[0.0, 4.5], [9.0, 4.5]])], [np.array([[4.5, 0.0], [4.5, 9.0]])]
    yellow, cyan = Group(1, across, 3.0, "#ffff00"), Group(2, down, 3.0, "#00ffff")
    assert painted("#ffffff", yellow, cyan).tolist() == [0, 255, 0]
    assert painted("#ffffff", yellow, cyan, over=True).tolist() == [0, 255, 255]
    assert painted("#000000", yellow, cyan).tolist() == [0, 255, 255]
    assert painted("#c9a87a", Group(1, across, 3.0, "#ffffff")).tolist() == [255, 255, 255]
    assert painted("#ffffff", Group(1, across, 3.0)).tolist() == [0]


def test_of_lines_in_colours_of_their_own_the_last_lies_on_top() -> None:
    lines = [np.array([[0.0, 4.5], [9.0, 4.5]]), np.array([[4.5, 0.0], [4.5, 9.0]])]
    group = Group(1, lines, 3.0, colours=["#ff0000", "#0000ff"])
    sheet = blank("#ffffff", 9, 9, 3)
    paint = Paint.of(group, 1.0, 3, mixes(group, "#ffffff"))
    coverage = Coverage(9, 9)
    coverage.draw(paint.segments, paint.numbers, paint.radius)
    paint.blend(sheet, coverage)
    assert sheet[4, 4].tolist() == [0, 0, 255]
    assert sheet[4, 1].tolist() == [255, 0, 0]
