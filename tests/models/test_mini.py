"""The mini network: one drawing learnt by heart, primed with its beginning."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models import strokes
from models.mini import Mini, MiniProgress
from models.sampling import SamplingError


def zigzag() -> np.ndarray:
    """Three teeth 60 px high, the first 80 px wide, 19 points from (300, 200), each narrower than the one before."""
    corners = [(0, 0), (40, 60), (80, 0), (110, 60), (140, 0), (160, 60), (180, 0)]
    x, y = np.array(corners, dtype=float).T
    at = np.arange(19) / 3
    line = np.column_stack([300 + np.interp(at, range(7), x), 200 + np.interp(at, range(7), y)])
    return strokes.from_polylines([line])


def two_strokes() -> np.ndarray:
    lines = [[(x, 0) for x in range(0, 60, 10)], [(x, 30) for x in range(0, 60, 10)]]
    return strokes.from_polylines([np.array(line, dtype=float) for line in lines])


def ink(sketch: np.ndarray) -> np.ndarray:
    return np.concatenate([strokes.resample(line) for line in strokes.to_polylines(sketch)])


def mean_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Mean distance of ink to ink in px, the larger of both directions: what is missing and what is too much."""
    away = np.hypot(*(ink(one)[:, None] - ink(other)[None]).transpose(2, 0, 1))
    return float(max(away.min(axis=0).mean(), away.min(axis=1).mean()))


@pytest.fixture(scope="module")
def learnt() -> tuple[Mini, list[MiniProgress], np.ndarray]:
    """The zigzag after 200 steps, the reports on the way, and a sketch of the network before the first."""
    mini = Mini(zigzag())
    before = mini.sample(0.1).stroke3
    return mini, list(mini.train(200)), before


Learnt = tuple[Mini, list[MiniProgress], np.ndarray]


def test_the_network_puts_out_33_numbers_five_components_and_the_pen() -> None:
    network = Mini(zigzag()).network
    assert network.head.out_features == 33
    mixture, _ = network(torch.zeros(2, 7, 5))
    assert mixture.mu.shape == (2, 7, 5, 2)
    assert mixture.pen_logits.shape == (2, 7, 3)


def test_it_learns_the_drawing(learnt: Learnt) -> None:
    _, progress, _ = learnt
    assert [one.step for one in progress] == list(range(10, 201, 10))
    assert {one.steps for one in progress} == {200}
    assert progress[0].loss > 2.0
    assert progress[-1].loss < 0.6


def test_a_cold_sketch_lies_on_the_drawing(learnt: Learnt) -> None:
    mini, _, before = learnt
    sketches = [mini.sample(0.1, seed=seed) for seed in range(5)]
    assert all(one.finished for one in sketches)
    assert np.median([mean_distance(one.stroke3, zigzag()) for one in sketches]) < 4.0  # px; the drawing is 180 wide
    assert mean_distance(before, zigzag()) > 10.0


def test_its_predictions_lie_on_the_offsets(learnt: Learnt) -> None:
    true, predicted = learnt[0].offsets()
    np.testing.assert_allclose(true * learnt[0].scale_factor, zigzag()[1:, :2], rtol=1e-5)
    assert predicted.shape == true.shape
    assert np.abs(predicted[7:] - true[7:]).mean() < 0.15  # once it has seen the size and the angle
    untaught = Mini(zigzag()).offsets()[1]
    assert np.abs(untaught[7:] - true[7:]).mean() > 0.5


def test_a_sketch_begins_with_the_drawings_first_eight_rows_untouched(learnt: Learnt) -> None:
    hot = learnt[0].sample(2.0).stroke3
    assert np.array_equal(hot[:8], zigzag()[:8])
    assert not np.array_equal(hot[8:9], zigzag()[8:9])


def test_a_short_drawing_gives_all_rows_but_the_last() -> None:
    corner = strokes.from_polylines([np.array([(5.0, 5), (5, 25), (25, 25)])])
    mini = Mini(corner)
    mini.network.head.bias.data[strokes.END] = -50  # of the pen's three logits, which come first
    sketch = mini.sample(points=3).stroke3
    assert len(sketch) == 3
    assert np.array_equal(sketch[:2], corner[:2])
    assert not np.array_equal(sketch[2], corner[2])


def test_a_drawing_is_learnt_alike_in_any_unit_and_at_any_place() -> None:
    small = zigzag()
    large = small * np.array([8, 8, 1], dtype=np.float32)
    large[0, :2] = -5000
    one, other = Mini(small), Mini(large)
    assert [p.loss for p in one.train(10)] == pytest.approx([p.loss for p in other.train(10)], rel=1e-5)
    a, b = one.sample(points=30).stroke3, other.sample(points=30).stroke3
    np.testing.assert_allclose(a[8:, :2] * 8, b[8:, :2], rtol=1e-3, atol=1e-2)


def test_several_strokes_keep_their_pen_lifts_in_the_priming() -> None:
    assert Mini(two_strokes()).sample(points=8).stroke3[:, 2].tolist() == [0, 0, 0, 0, 0, 1, 0, 0]


def test_the_same_seed_learns_and_draws_the_same_whatever_else_uses_chance() -> None:
    sketches = []
    for _ in range(2):
        torch.rand(3)
        mini = Mini(two_strokes(), seed=4)
        list(mini.train(10))
        sketches.append(mini.sample(0.8, seed=7, points=40).stroke3)
        other = mini.sample(0.8, seed=8, points=40).stroke3
    assert np.array_equal(*sketches)
    assert not np.array_equal(sketches[0], other)


def test_looking_on_changes_nothing() -> None:
    watched, alone = Mini(two_strokes()), Mini(two_strokes())
    for _ in watched.train(30):
        watched.sample(0.5)
        watched.offsets()
    list(alone.train(30))
    assert np.array_equal(watched.sample(0.5).stroke3, alone.sample(0.5).stroke3)


def test_a_sketch_is_cut_where_the_caller_says_or_at_half_as_many_points_again() -> None:
    mini = Mini(zigzag())
    mini.network.head.bias.data[strokes.END] = -50
    for points, expected in ((3, 3), (20, 20), (None, 28)):
        sketch = mini.sample(points=points)
        assert len(sketch.stroke3) == expected
        assert not sketch.finished


def test_an_end_is_the_networks_own() -> None:
    mini = Mini(zigzag())
    mini.network.head.bias.data[strokes.END] = 50
    sketch = mini.sample()
    assert sketch.finished
    assert np.array_equal(sketch.stroke3, zigzag()[:8])


def test_the_weights_are_those_of_the_last_point_and_temperature_sharpens_them() -> None:
    mini = Mini(zigzag())
    hot, cold = mini.sample(1.0, points=8).weights, mini.sample(0.25, points=8).weights
    assert hot.shape == (5,)
    assert hot.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(cold, hot**4 / (hot**4).sum(), rtol=1e-4)
    mixture, _ = mini.network(mini.rows[None, :8])  # start token and rows 0..6, which foretell row 7
    np.testing.assert_allclose(hot, mixture.log_pi[0, -1].exp().detach().numpy(), rtol=1e-4)


@pytest.mark.parametrize(
    ("sketch", "message"),
    [
        (np.zeros((0, 3)), "2 to 500 points, not 0"),
        (np.ones((1, 3)), "2 to 500 points, not 1"),
        (np.ones((501, 3)), "2 to 500 points, not 501"),
        (np.array([[0, 0, 0], [1, np.nan, 0], [1, 1, 1]]), "point 2 of the drawing is not a finite number"),
        (np.array([[0, 0, 0], [1, 1, 0], [np.inf, 1, 1]]), "point 3 of the drawing is not a finite number"),
        (np.array([[9, 9, 0], [0, 0, 0], [0, 0, 1]]), "all points of the drawing coincide"),
        (np.ones((4, 2)), r"shape \(N, 3\), not \(4, 2\)"),
    ],
)
def test_a_drawing_that_cannot_be_learnt_is_refused(sketch: np.ndarray, message: str) -> None:
    with pytest.raises(SamplingError, match=message):
        Mini(sketch)


@pytest.mark.parametrize(
    "bad",
    [{"temperature": 0.0}, {"temperature": float("nan")}, {"pen_temperature": 5.0}, {"points": 0}, {"points": 1001}],
)
def test_a_sample_out_of_range_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(SamplingError, match=r"temperatures lie above 0|1 to 1000 points"):
        Mini(zigzag()).sample(**bad)
