"""A tile repeats without a seam, whatever repeat or group it is of."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from plotbot.lines.joining import is_dot
from plotbot.pattern.design import NAMES, Design, make
from plotbot.pattern.motif import Jitter, Lines, Placed
from plotbot.pattern.pens import Pens
from plotbot.pattern.seam import clip, cut, nine, repeated, wrap

NEAR = 1e-6  # mm
BLACK = Pens(["black"], "class")
places = st.integers(-40, 40).map(lambda number: number / 4)
points = st.lists(st.tuples(places, places), min_size=1, max_size=8).map(lambda p: np.array(p, dtype=float))


def length(lines: Lines) -> float:
    return float(sum(np.hypot(*np.diff(line, axis=0).T).sum() for line in lines))


def dots(lines: Lines) -> np.ndarray:
    found = np.array([line[0] for line in lines if is_dot(line)]).reshape(-1, 2)
    return found[np.lexsort(found.round(6).T)]


@settings(max_examples=200, deadline=None)
@given(points, st.lists(places, min_size=1, max_size=4, unique=True).map(sorted), st.integers(0, 1))
def test_what_is_cut_is_all_there_and_each_piece_lies_in_its_strip(
    line: np.ndarray, at: list[float], axis: int
) -> None:
    edges = np.array(at)
    pieces = cut(line, edges, axis)
    bounds = [-np.inf, *at, np.inf]
    for strip, piece in pieces:
        assert (piece[:, axis] >= bounds[strip]).all()
        assert (piece[:, axis] <= bounds[strip + 1]).all()
    assert length([piece for _, piece in pieces]) == pytest.approx(length([line]), abs=1e-9)
    for (_, before), (_, after) in itertools.pairwise(pieces):
        assert (before[-1] == after[0]).all()
        assert before[-1][axis] in at
    assert (pieces[0][1][0] == line[0]).all()
    assert (pieces[-1][1][-1] == line[-1]).all()
    if (line == line[0]).all():
        assert len(pieces) == 1


@settings(max_examples=100, deadline=None)
@given(points, st.sampled_from([(3.0, 4.0), (7.3, 2.1)]))
def test_a_wrapped_line_lies_in_the_tile_and_has_the_same_ink(line: np.ndarray, size: tuple[float, float]) -> None:
    inside = wrap([line], size)
    assert all((piece >= 0).all() and (piece <= size).all() for piece in inside)
    assert length(inside) == pytest.approx(length([line]), abs=1e-9)


def test_a_dot_on_the_edge_of_a_tile_is_there_once() -> None:
    inside = wrap([np.array([corner, corner], dtype=float) for corner in ((10, 0), (0, 5), (-10, 5))], (10.0, 5.0))
    assert all(is_dot(line) and (line == 0).all() for line in inside)
    assert len(inside) == 3


def test_a_box_keeps_what_stands_on_its_edge() -> None:
    edge, beyond = np.array([[4.0, 0], [4.0, 3.0]]), np.array([[4.1, 0], [4.1, 3.0]])
    assert len(clip([edge, edge[:1], beyond], (0, 0), (4, 3))) == 2


@pytest.mark.parametrize("name", NAMES)
def test_a_tile_has_no_seam(name: str, sketches: Callable[[int], str]) -> None:
    jitter = Jitter(0.2, 1.0, 30.0, mirror=True)
    count = 3 if name.startswith(("p", "c")) else 7
    pattern = make(Design([sketches(9)], name, count, spacing=0.15, jitter=jitter, seed=2), None, None)
    ((_, tile),) = pattern.layers(None, BLACK)
    for axis, side in enumerate(pattern.size):
        ends = np.concatenate([line[[0, -1]] for line in tile if not is_dot(line)])
        first, last = (np.sort(ends[ends[:, axis] == edge, 1 - axis]) for edge in (0.0, side))
        assert len(first) == len(last)
        np.testing.assert_allclose(first, last, atol=NEAR)
    assert all((line >= 0).all() and (line <= pattern.size).all() for line in tile)

    ((_, shown),) = nine([("black", tile)], pattern.size)
    area = (3 * pattern.size[0], 3 * pattern.size[1])
    parts = [*pattern.placed, *(Placed([line], 0, 0, 0, 0) for line in pattern.lines)]
    meant = clip([line for one in repeated(parts, pattern.size, area) for line in one.lines], (0, 0), area)
    assert length(shown) == pytest.approx(length(meant), rel=1e-9)
    np.testing.assert_allclose(dots(shown), dots(meant), atol=NEAR)
    # Each point of the ink has ink of the other within reach.
    for ours, theirs in ((shown, meant), (meant, shown)):
        tree = shapely.STRtree([shapely.LineString(line if len(line) > 1 else [line[0]] * 2) for line in theirs])
        corners = shapely.points(np.concatenate(ours))
        assert len(np.unique(tree.query(corners, "dwithin", NEAR)[0])) == len(corners)


def test_some_motifs_do_reach_over_the_edge(sketches: Callable[[int], str]) -> None:
    pattern = make(Design([sketches(4)], "brick", 4), None, None)
    assert max(line[:, 0].max() for one in pattern.placed for line in one.lines) > pattern.size[0] + 5
    ((_, tile),) = pattern.layers(None, BLACK)
    assert len(tile) > sum(len(one.lines) for one in pattern.placed)


def test_overlapping_motifs_hide_each_other_over_the_edge_too(sketches: Callable[[int], str]) -> None:
    pattern = make(Design([sketches(4)], "half-drop", 6, spacing=-0.4, jitter=Jitter(angle=20)), None, None)
    hidden = pattern.hidden(0.3)
    assert length([line for one in hidden.placed for line in one.lines]) < 0.95 * length(
        [line for one in pattern.placed for line in one.lines]
    )
    ((_, tile),) = hidden.layers(None, BLACK)
    for axis, side in enumerate(pattern.size):
        ends = np.concatenate([line[[0, -1]] for line in tile])
        first, last = (np.sort(ends[ends[:, axis] == edge, 1 - axis]) for edge in (0.0, side))
        np.testing.assert_allclose(first, last, atol=NEAR)
