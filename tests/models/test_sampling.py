"""Sampling: temperatures, ends, caps, and the same seed the same drawing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from models.checkpoint import TrainedModel
from models.judge import Judge
from models.sampling import TOGETHER, SamplingError, calibrate, decode, pen_temperature_for, sample, sample_finished
from models.sketch_rnn import SketchRNN, SketchRNNConfig


def untrained(end_logit: float = 0.0, max_points: int = 30) -> TrainedModel:
    torch.manual_seed(0)
    network = SketchRNN(SketchRNNConfig(hidden=16, components=3, classes=2, embedding=4)).eval()
    network.head.bias.data[2] = end_logit
    return TrainedModel(network, ("cat", "dog"), scale_factor=40.0, max_points=max_points)


def test_the_same_seed_draws_the_same() -> None:
    one, other = (sample(untrained(), 5, "cat", seed=3) for _ in range(2))
    assert all(np.array_equal(a.stroke3, b.stroke3) for a, b in zip(one, other, strict=True))
    assert not np.array_equal(one[0].stroke3, sample(untrained(), 5, "cat", seed=4)[0].stroke3)


def test_a_sketch_without_an_end_is_capped_and_says_so() -> None:
    sketches = sample(untrained(end_logit=-50), 4, "cat")
    assert [len(one.stroke3) for one in sketches] == [45] * 4
    assert not any(one.finished for one in sketches)


def test_no_sketch_is_blank_or_a_single_point() -> None:
    sketches = sample(untrained(end_logit=50), 4, "dog")
    assert [len(one.stroke3) for one in sketches] == [2] * 4
    assert all(one.finished for one in sketches)


def test_offsets_come_back_in_pixels() -> None:
    in_units, in_pixels = untrained(), untrained()
    in_units.scale_factor = 1.0
    one, other = sample(in_units, 1, "cat")[0].stroke3, sample(in_pixels, 1, "cat")[0].stroke3
    np.testing.assert_allclose(other[:, :2], one[:, :2] * 40.0, rtol=1e-6)


def test_a_cold_pen_follows_the_likeliest_state() -> None:
    hot = untrained(end_logit=-50)
    hot.network.head.bias.data[1] = -2.0  # p2 has about one chance in eight
    cold = np.concatenate([one.stroke3[:, 2] for one in sample(hot, 50, "cat", pen_temperature=0.1)])
    warm = np.concatenate([one.stroke3[:, 2] for one in sample(hot, 50, "cat", pen_temperature=1.0)])
    assert cold.mean() == 0
    assert warm.mean() > 0.05


def test_calibration_warms_the_pen_until_sketches_end() -> None:
    # An even chance of each pen state but for the end, which has about one in 60: sharpened, it is too rare.
    unsure, sure = untrained(end_logit=-3.4, max_points=150), untrained(end_logit=2.0)
    assert calibrate(unsure, 200) > calibrate(untrained(end_logit=-50), 20) == 0.0
    assert (unsure.temperature, unsure.pen_temperature) > (0.25, 0.625)
    assert calibrate(sure, 200) == 1.0
    assert (sure.temperature, sure.pen_temperature) == (0.25, 0.625)
    cool, warm = (sample(unsure, 100, "cat", pen_temperature=one) for one in (0.5, None))
    assert sum(one.finished for one in warm) > sum(one.finished for one in cool)


def test_the_pens_own_temperature_follows_the_rule() -> None:
    assert pen_temperature_for(0.25) == 0.625


def test_more_than_a_batch_is_as_many_sketches_none_twice() -> None:
    sketches = sample(untrained(), TOGETHER + 30, "cat", seed=3)
    assert len({one.stroke3.tobytes() for one in sketches}) == len(sketches) == TOGETHER + 30
    first = sample(untrained(), TOGETHER, "cat", seed=3)
    assert all(np.array_equal(a.stroke3, b.stroke3) for a, b in zip(first, sketches[:TOGETHER], strict=True))


def test_a_drawing_does_not_depend_on_the_threads() -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        two = sample(untrained(), TOGETHER + 5, "cat")
        assert torch.get_num_threads() == 2
        torch.set_num_threads(1)
        one = sample(untrained(), TOGETHER + 5, "cat")
    finally:
        torch.set_num_threads(threads)
    assert all(np.array_equal(a.stroke3, b.stroke3) for a, b in zip(one, two, strict=True))


def test_the_given_strokes_come_back_untouched() -> None:
    given = np.array([[3.3, 4.7, 0], [10.1, -0.2, 1], [7, 7, 0]], dtype=np.float32)
    for one in decode(untrained(), 6, None, "cat", (0.5, 0.75), 0, given):
        np.testing.assert_array_equal(one.stroke3[:3], given)
    with pytest.raises(SamplingError, match="has 45 points, and this model's are at most 45; simplify it"):
        decode(untrained(), 1, None, "cat", (0.5, 0.75), 0, np.ones((45, 3), dtype=np.float32))


def test_a_critic_keeps_what_it_knows_best() -> None:
    class Longest(Judge):
        """Takes the longest sketch for the surest cat."""

        def look(self, sketches: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
            lengths = torch.tensor([float(len(one)) for one in sketches])
            return torch.stack([lengths, torch.zeros_like(lengths)], dim=-1), lengths

    sure = untrained(end_logit=1.0)
    alone = sample(sure, 40, "cat", seed=1)
    picked, _ = sample_finished(sure, 10, "cat", seed=1, critic=Longest(["cat", "dog"]), tries=4)
    expected = [max(len(one.stroke3) for one in alone[first : first + 4]) for first in range(0, 40, 4)]
    assert [len(one.stroke3) for one in picked] == expected
    with pytest.raises(SamplingError, match="the critic does not know 'cat'"):
        sample_finished(sure, 1, "cat", critic=Longest(["pig", "cow"]), tries=2)


@pytest.mark.parametrize("temperature", [0.0, -1.0, 5.0, float("nan")])
def test_a_temperature_out_of_range_is_refused(temperature: float) -> None:
    with pytest.raises(SamplingError, match="temperatures lie above 0"):
        sample(untrained(), 1, "cat", temperature=temperature)


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(SamplingError, match="does not know 'unicorn'; it knows cat, dog"):
        sample(untrained(), 1, "unicorn")
