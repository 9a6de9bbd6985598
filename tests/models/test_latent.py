"""The latent space: what slerp, the grid and the analogy keep, and what the encoder refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from models import latent, zoo
from models.checkpoint import TrainedModel, read_header
from models.sampling import SamplingError, cap_of
from models.sketch_rnn import SketchRNN, SketchRNNConfig

vectors = st.lists(st.floats(-100, 100, width=32), min_size=4, max_size=4).map(torch.tensor)


def tiny(width: int = 8) -> TrainedModel:
    torch.manual_seed(0)
    network = SketchRNN(SketchRNNConfig("lstm", 16, 3, 0, 4, width, 8)).eval()
    for one in network.parameters():
        one.data += 0.2 * torch.randn_like(one)  # so that z tells drawings apart
    return TrainedModel(network, ("cat",), scale_factor=40.0, max_points=30)


def drawing(points: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(0, 40, (points, 3)).astype(np.float32)
    rows[:, 2] = rows[:, 2] > 40
    return rows


@settings(max_examples=50, deadline=None)
@given(vectors, vectors, st.integers(2, 9))
def test_slerp_begins_and_ends_where_it_should(a: Tensor, b: Tensor, steps: int) -> None:
    way = latent.slerp(a, b, steps)
    assert way.shape == (steps, 4)
    assert way.isfinite().all()
    torch.testing.assert_close(way[[0, -1]], torch.stack([a, b]), rtol=1e-6, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(vectors, vectors)
def test_slerp_keeps_a_common_norm_and_its_pace(a: Tensor, b: Tensor) -> None:
    assume(min(a.norm(), b.norm()) > 1e-3)
    a, b = a.double() / a.double().norm(), b.double() / b.double().norm()
    assume((a + b).norm() > 1e-3)  # opposite: straight through the middle
    way = latent.slerp(a, b, 6)
    torch.testing.assert_close(way.norm(dim=1), torch.ones(6, dtype=torch.float64), rtol=1e-9, atol=1e-9)
    paces = way.diff(dim=0).norm(dim=1)
    torch.testing.assert_close(paces, paces.mean().expand(5), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("times", [2.0, 1.0, 0.0, -1.0, -0.5])
def test_slerp_on_one_line_is_straight(times: float) -> None:
    a = torch.tensor([3.0, -4.0, 12.0])
    for first, last in ((a, times * a), (times * a, a), (0 * a, 0 * a)):
        expected = torch.stack([torch.lerp(first, last, t) for t in (0.0, 0.25, 0.5, 0.75, 1.0)])
        torch.testing.assert_close(latent.slerp(first, last, 5), expected)


def test_slerp_half_way_between_axes_is_the_diagonal() -> None:
    way = latent.slerp(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), 3)
    torch.testing.assert_close(way[1], torch.tensor([2.0, 2.0]) / 2**0.5)


def test_the_corners_of_a_grid_are_the_corners() -> None:
    corners = torch.randn(4, 8)
    between = latent.grid(corners, 3, 5)
    assert between.shape == (3, 5, 8)
    found = torch.stack([between[0, 0], between[0, -1], between[-1, 0], between[-1, -1]])
    torch.testing.assert_close(found, corners)
    torch.testing.assert_close(between[:, 0], latent.slerp(corners[0], corners[2], 3))


@settings(max_examples=50, deadline=None)
@given(vectors, vectors)
def test_taking_away_and_putting_back_changes_nothing(a: Tensor, b: Tensor) -> None:
    assert torch.equal(latent.analogy(a, b, b), a)
    torch.testing.assert_close(latent.analogy(a, a, b), b, rtol=1e-4, atol=1e-4)


def test_neighbours_are_as_far_as_sigma_and_spread_say() -> None:
    z, sigma = torch.full((50,), 3.0), torch.full((50,), 0.2)
    apart = latent.nearby(z, sigma, 400, 0.5, seed=1) - z
    assert apart.std() == pytest.approx(0.1, rel=0.02)
    assert abs(float(apart.mean())) < 0.002
    assert torch.equal(latent.nearby(z, sigma, 2, 0.0, seed=1), z.expand(2, -1))


def test_a_drawing_is_encoded_the_same_alone_and_among_others() -> None:
    model = tiny()
    sketches = [drawing(points, points) for points in (5, 30, 2, 12)]
    mu, sigma = latent.encode(model, sketches)
    assert mu.shape == sigma.shape == (4, 8)
    assert (sigma > 0).all()
    for place, one in enumerate(sketches):
        torch.testing.assert_close(latent.encode(model, [one])[0][0], mu[place], atol=1e-5, rtol=1e-4)
    assert (torch.pdist(mu) > 1e-3).all()


def test_the_encoder_is_told_offsets_in_model_units() -> None:
    model, in_pixels = tiny(), tiny()
    in_pixels.scale_factor = 1.0
    sketch = drawing(12)
    small = sketch / np.array([40, 40, 1], dtype=np.float32)
    torch.testing.assert_close(latent.encode(model, [sketch])[0], latent.encode(in_pixels, [small])[0])


def test_what_cannot_be_encoded_is_refused() -> None:
    model = tiny()
    latent.encode(model, [drawing(cap_of(model))])
    not_finite = drawing(9)
    not_finite[3, 0] = np.nan
    for bad, said in (
        (drawing(5000), "drawing 2 has 5,000 points, and this model reads 1 to 45"),
        (drawing(0), "drawing 2 has 0 points"),
        (not_finite, "drawing 2 holds a coordinate that is not a finite number"),
    ):
        with pytest.raises(SamplingError, match=said):
            latent.encode(model, [drawing(9), bad])


def test_a_model_without_an_encoder_says_which_have_one() -> None:
    able = [one.name for one in zoo.shipped() if read_header(one.weights)["network"].get("latent")]
    with pytest.raises(SamplingError, match=f"no encoder.*{' or '.join(able)}"):
        latent.encode(tiny(0), [drawing(9)])


def test_what_does_not_end_or_adds_nothing_is_drawn_again() -> None:
    model = tiny()
    model.network.head.bias.data[2] = -2.0  # about one sketch in five reaches the cap
    z = torch.randn(40, 8, generator=torch.Generator().manual_seed(0))
    first = latent.decode(model, 40, z, None, (1.0, 1.0), 0)
    again = latent.draw(model, 40, z, None, (1.0, 1.0), 0)
    assert sum(not one.finished for one in first) > sum(not one.finished for one in again)
    for one, other in zip(first, again, strict=True):
        if one.finished:
            assert np.array_equal(one.stroke3, other.stroke3)
    sure = tiny()
    sure.network.head.bias.data[2] = 2.0
    given = drawing(5)
    added = [
        sum(len(one.stroke3) > 5 for one in way(sure, 20, z[:20], None, (1.0, 1.0), 0, given))
        for way in (latent.decode, latent.draw)
    ]
    assert added[0] < added[1]
