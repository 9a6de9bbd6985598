"""The mixture against numbers worked out another way."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.mixture import Mixture, loss


def mixture(raw: list[float]) -> Mixture:
    return Mixture.split(torch.tensor(raw, dtype=torch.float64))


def test_the_density_of_one_component_is_the_textbook_normal() -> None:
    sigma_x, sigma_y, rho = 0.5, 2.0, 0.6
    one = mixture([0, 0, 0, 1.0, 0.3, -0.2, math.log(sigma_x), math.log(sigma_y), math.atanh(rho)])
    covariance = np.array([[sigma_x**2, rho * sigma_x * sigma_y], [rho * sigma_x * sigma_y, sigma_y**2]])
    away = np.array([1.0 - 0.3, 1.0 + 0.2])
    expected = -0.5 * away @ np.linalg.inv(covariance) @ away - math.log(
        2 * math.pi * math.sqrt(np.linalg.det(covariance))
    )
    assert float(one.log_density(torch.tensor([1.0, 1.0]))) == pytest.approx(expected, abs=1e-5)


def test_the_order_of_the_raw_output_is_the_references() -> None:
    # pen 3, then pi, mu x, mu y, sigma x, sigma y, rho, each a block of M = 2.
    raw = [
        1,
        2,
        3,
        math.log(3),
        0,
        10,
        11,
        20,
        21,
        math.log(0.5),
        math.log(0.25),
        0.0,
        math.log(2),
        0.3,
        -0.3,
    ]
    one = mixture(raw)
    assert one.pen_logits.tolist() == [1, 2, 3]
    assert one.log_pi.exp().tolist() == pytest.approx([0.75, 0.25])
    assert one.mu.tolist() == [[10, 20], [11, 21]]
    assert one.log_sigma.exp().flatten().tolist() == pytest.approx([0.5, 1.0, 0.25, 2.0])
    assert one.rho.tolist() == pytest.approx([math.tanh(0.3), math.tanh(-0.3)])


def test_the_loss_is_the_sum_worked_out_by_hand() -> None:
    # One drawing of 2 points in 4 rows, one component, sigma 1, rho 0, mu 0, even pen: -log N = log 2 pi + r^2 / 2.
    raw = torch.zeros(1, 4, 9)
    target = torch.tensor([[[3.0, 4, 1, 0, 0], [0, 1, 0, 1, 0], [0, 0, 0, 0, 1], [9, 9, 0, 0, 1]]])
    one = loss(Mixture.split(raw), target, torch.tensor([2]))
    assert float(one.offset) == pytest.approx(2 * math.log(2 * math.pi) + 25 / 2 + 1 / 2, rel=1e-6)
    assert float(one.pen) == pytest.approx(3 * math.log(3), rel=1e-6)  # two points and one end, no padding
    assert float(one.per_point) == pytest.approx((float(one.offset) + float(one.pen)) / 2)


def test_padding_changes_no_loss() -> None:
    torch.manual_seed(0)
    target = torch.zeros(2, 6, 5)
    target[..., :2].normal_()
    target[..., 2] = 1
    target[0, 3:] = torch.tensor([0.0, 0, 0, 0, 1])
    target[1, 5:] = torch.tensor([0.0, 0, 0, 0, 1])
    raw, lengths = torch.randn(2, 6, 3 + 6 * 4), torch.tensor([3, 5])
    short = loss(Mixture.split(raw), target, lengths)
    more = torch.tensor([0.0, 0, 0, 0, 1]).expand(2, 7, 5)
    long = loss(Mixture.split(torch.cat([raw, torch.randn(2, 7, 27)], 1)), torch.cat([target, more], 1), lengths)
    assert float(short.per_point) == pytest.approx(float(long.per_point), rel=1e-6)


@given(
    st.lists(st.floats(-200, 200), min_size=15, max_size=15),
    st.tuples(st.floats(-100, 100), st.floats(-100, 100)),
)
def test_no_output_however_wild_makes_a_nan(raw: list[float], offset: tuple[float, float]) -> None:
    numbers = torch.tensor(raw, requires_grad=True)
    value = Mixture.split(numbers).log_density(torch.tensor(offset))
    value.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(value)
    assert numbers.grad is not None
    assert torch.isfinite(numbers.grad).all()


def test_temperature_scales_the_variance_not_the_deviation() -> None:
    # Paper, equation 8: sigma squared times tau. Measured on samples, so that the whole way to the pen counts.
    torch.manual_seed(0)
    raw = torch.tensor([0.0, 0, 0, 0, 0, 0, math.log(2.0), math.log(0.5), math.atanh(0.5)]).expand(200_000, 9)
    offset, _ = Mixture.split(raw).sharpen(0.25, 1.0).sample()
    covariance = np.cov(offset.numpy().T)
    assert covariance[0, 0] == pytest.approx(4 * 0.25, rel=0.02)
    assert covariance[1, 1] == pytest.approx(0.25 * 0.25, rel=0.02)
    assert covariance[0, 1] == pytest.approx(0.5 * 2 * 0.5 * 0.25, rel=0.03)


def test_temperature_sharpens_pi_and_the_pen_has_its_own() -> None:
    raw = torch.tensor([math.log(0.6), math.log(0.3), math.log(0.1), math.log(0.8), math.log(0.2), *[0.0] * 10])
    sharp = Mixture.split(raw).sharpen(0.5, 0.25)
    assert sharp.log_pi.exp().tolist() == pytest.approx([0.64 / 0.68, 0.04 / 0.68])
    fourth = np.array([0.6, 0.3, 0.1]) ** 4
    assert torch.softmax(sharp.pen_logits, -1).tolist() == pytest.approx(list(fourth / fourth.sum()))


def test_sharpening_leaves_the_original_alone() -> None:
    raw = torch.randn(3, 15)
    one = Mixture.split(raw)
    before = [getattr(one, name).clone() for name in ("log_pi", "log_sigma", "pen_logits")]
    one.sharpen(0.1, 0.1)
    one.sharpen(0.1, 0.1)
    for was, name in zip(before, ("log_pi", "log_sigma", "pen_logits"), strict=True):
        torch.testing.assert_close(getattr(one, name), was)


def test_samples_follow_the_mixture_weights_and_pen() -> None:
    torch.manual_seed(1)
    pen = [math.log(0.7), math.log(0.2), math.log(0.1)]
    raw = [*pen, math.log(0.25), math.log(0.75), -50, 50, 0, 0, -3, -3, -3, -3, 0, 0]
    offset, state = Mixture.split(torch.tensor(raw).expand(50_000, 15)).sample()
    assert float((offset[:, 0] > 0).float().mean()) == pytest.approx(0.75, abs=0.01)
    assert (torch.bincount(state, minlength=3) / 50_000).tolist() == pytest.approx([0.7, 0.2, 0.1], abs=0.01)
