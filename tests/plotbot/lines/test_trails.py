"""One walk along every edge, straight on where it can."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plotbot.lines.trails import straightest_trail


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(0, 2**32 - 1))
def test_every_edge_is_walked_once_and_each_begins_where_the_last_ended(way: list[int], seed: int) -> None:
    # Any closed walk makes a connected graph in which each node has an even number of halves.
    nodes = np.column_stack([way, np.roll(way, -1)])
    chance = np.random.default_rng(seed)
    nodes = chance.permuted(nodes[chance.permutation(len(nodes))], axis=1)
    angles = chance.uniform(0, 2 * np.pi, nodes.size)
    trail = straightest_trail(nodes.ravel(), np.column_stack([np.cos(angles), np.sin(angles)]))
    assert sorted(half // 2 for half in trail) == list(range(len(nodes)))
    at = nodes.ravel()
    assert all(at[half ^ 1] == at[after] for half, after in zip(trail, [*trail[1:], trail[0]], strict=True))


def test_a_figure_eight_is_walked_straight_through_its_crossing() -> None:
    # Two loops at one node: the halves of the right one leave to its right, those of the left one to its left.
    directions = np.array([(1, 1), (1, -1), (-1, 1), (-1, -1)]) / np.sqrt(2)
    first, second = straightest_trail(np.zeros(4, int), directions)
    assert np.dot(directions[first ^ 1], directions[second]) == pytest.approx(-1)
