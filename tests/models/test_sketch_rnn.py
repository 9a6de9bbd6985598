"""The network against a plain float64 loop, and step by step against all at once."""

from __future__ import annotations

import numpy as np
import torch

from models.mixture import Mixture
from models.sketch_rnn import SketchRNN, SketchRNNConfig


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))


def small(classes: int = 3) -> SketchRNN:
    torch.manual_seed(0)
    network = SketchRNN(SketchRNNConfig(hidden=8, components=2, classes=classes, embedding=4))
    for one in network.parameters():
        one.data += 0.1 * torch.randn_like(one)  # so that no bias is zero
    return network


def test_the_network_is_the_recurrence_of_the_paper() -> None:
    network = small()
    inputs, label = torch.randn(1, 7, 5), torch.tensor([1])
    mixture, _ = network(inputs, label)
    weights = {name: one.detach().double().numpy() for name, one in network.named_parameters()}
    beside = weights["embedding.weight"][1]
    h, c = np.split(np.tanh(weights["initial.weight"] @ beside + weights["initial.bias"]), 2)
    for step in range(7):
        x = np.concatenate([inputs[0, step].double().numpy(), beside])
        gates = weights["lstm.weight_ih_l0"] @ x + weights["lstm.bias_ih_l0"]
        gates += weights["lstm.weight_hh_l0"] @ h + weights["lstm.bias_hh_l0"]
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        raw = weights["head.weight"] @ h + weights["head.bias"]
        expected = Mixture.split(torch.from_numpy(raw))
        torch.testing.assert_close(mixture.mu[0, step], expected.mu, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(mixture.log_pi[0, step], expected.log_pi, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(mixture.pen_logits[0, step], expected.pen_logits, atol=1e-5, rtol=1e-4)


def test_one_step_at_a_time_is_the_same_as_all_at_once() -> None:
    network, inputs, labels = small(), torch.randn(3, 9, 5), torch.tensor([0, 1, 2])
    whole, _ = network(inputs, labels)
    state = network.start(labels, 3)
    for step in range(9):
        one, state = network(inputs[:, step : step + 1], labels, state)
        torch.testing.assert_close(one.mu[:, 0], whole.mu[:, step], atol=1e-5, rtol=1e-4)


def test_forget_gates_begin_open_and_recurrence_orthogonal() -> None:
    network = SketchRNN(SketchRNNConfig(hidden=16))
    assert network.lstm.bias_ih_l0[16:32].tolist() == [1.0] * 16
    for gate in network.lstm.weight_hh_l0.detach().chunk(4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(16), atol=1e-5, rtol=0)


def test_unconditional_starts_from_zeros() -> None:
    h, c = small(classes=0).start(None, 5)
    assert h.shape == c.shape == (1, 5, 8)
    assert not h.any()
    assert not c.any()
