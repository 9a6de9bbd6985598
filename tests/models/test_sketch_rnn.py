"""The network: its heads and conditions, step by step against all at once, and its encoder."""

from __future__ import annotations

import pytest
import torch

from models.sketch_rnn import Encoder, SketchRNN, SketchRNNConfig, kl_divergence


def small(classes: int = 3, latent: int = 0) -> SketchRNN:
    torch.manual_seed(0)
    network = SketchRNN(SketchRNNConfig("lstm", 8, 2, classes, 4, latent, 6))
    for one in network.parameters():
        one.data += 0.1 * torch.randn_like(one)  # so that no bias is zero
    return network.eval()


@pytest.mark.parametrize(("classes", "latent"), [(0, 0), (3, 0), (0, 5), (3, 5)])
def test_one_step_at_a_time_is_the_same_as_all_at_once(classes: int, latent: int) -> None:
    network, inputs = small(classes, latent), torch.randn(3, 9, 5)
    condition = network.condition(torch.tensor([0, 1, 2]), torch.randn(3, 5))
    assert (condition is None) == (not classes and not latent)
    whole, _ = network(inputs, condition)
    state = network.start(condition, 3)
    for step in range(9):
        one, state = network(inputs[:, step : step + 1], condition, state)
        torch.testing.assert_close(one.mu[:, 0], whole.mu[:, step], atol=1e-5, rtol=1e-4)


def test_the_latent_vector_sets_the_state_and_stands_beside_every_input() -> None:
    network, inputs = small(0, 5), torch.randn(1, 4, 5)
    z = torch.randn(1, 5)
    start = torch.tanh(z @ network.initial.weight.T + network.initial.bias)
    torch.testing.assert_close(network.start(z, 1), start)
    from_zero = network(inputs, z, torch.zeros(1, 16))[0].mu
    assert not torch.allclose(from_zero, network(inputs, z)[0].mu)
    assert not torch.allclose(from_zero, network(inputs, 2 * z, torch.zeros(1, 16))[0].mu)


def test_unconditional_starts_from_zeros() -> None:
    assert torch.equal(small(classes=0).start(None, 5), torch.zeros(5, 16))


def test_the_encoder_reads_no_padding_and_minds_no_order() -> None:
    torch.manual_seed(0)
    encoder, rows, lengths = Encoder(6, 4, 1.0), torch.randn(3, 9, 5), torch.tensor([4, 9, 6])
    mu, presig = encoder(rows, lengths)
    rows[0, 4:] = 1000.0
    rows[2, 6:] = -1000.0
    torch.testing.assert_close(encoder(rows, lengths), (mu, presig))
    alone = encoder(rows[2:, :6], lengths[2:])
    torch.testing.assert_close(alone, (mu[2:], presig[2:]))


def test_the_encoder_reads_both_ways() -> None:
    torch.manual_seed(0)
    encoder, rows = Encoder(6, 4, 1.0), torch.randn(1, 9, 5)
    encoder.mu.weight.data.normal_()
    for changed in (0, 8):
        other = rows.clone()
        other[0, changed] += 1
        assert not torch.allclose(encoder(rows, torch.tensor([9]))[0], encoder(other, torch.tensor([9]))[0])


def test_the_kl_is_that_of_two_gaussians() -> None:
    mu, presig = torch.randn(6, 4), torch.randn(6, 4)
    spread = torch.distributions.Normal(mu, torch.exp(presig / 2))
    expected = torch.distributions.kl_divergence(spread, torch.distributions.Normal(0.0, 1.0)).mean(-1).sum()
    torch.testing.assert_close(kl_divergence(mu, presig), expected)
