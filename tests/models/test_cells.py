"""The cells beside their definitions, PyTorch's own, finite differences, and what lengths and dropout promise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from models.cells import CELLS, Cell

Array = NDArray[np.float64]
HIDDEN, INPUTS, BESIDE, UNITS, EMBEDDING = 6, 5, 3, 4, 2
KINDS = sorted(CELLS)


@pytest.fixture(autouse=True)
def _a_little_hyper_lstm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.cells.normed.HYPER_UNITS", UNITS)
    monkeypatch.setattr("models.cells.normed.HYPER_EMBEDDING", EMBEDDING)


def fresh(kind: str, hidden: int = HIDDEN, beside: int = BESIDE, keep: float = 1.0) -> Cell:
    torch.manual_seed(0)
    return CELLS[kind](INPUTS, hidden, beside, keep)


def shaken(kind: str, beside: int = BESIDE, keep: float = 1.0) -> Cell:
    """In float64, and with no parameter 0 or 1."""
    cell = fresh(kind, beside=beside, keep=keep).double()
    for one in cell.parameters():
        one.data += 0.3 * torch.randn_like(one)
    return cell


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


# What follows is written from the papers' equations, gate by gate and step by step.


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def layer_norm(x: Array, gain: Array, shift: Array) -> Array:
    away = x - x.mean(-1, keepdims=True)
    return gain * away / np.sqrt((away**2).mean(-1, keepdims=True) + 1e-3) + shift


Weights = dict[str, Array]
Step = Callable[[Weights, Array, list[Array], Array], list[Array]]


def lstm(w: Weights, x: Array, state: list[Array], drop: Array) -> list[Array]:
    h, c = state
    i, f, o, j = np.split(x @ w["x"].T + h @ w["recurrent_weight"].T + w["bias"], 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * drop * np.tanh(j)
    return [sigmoid(o) * np.tanh(c), c]


def gru(w: Weights, x: Array, state: list[Array], drop: Array) -> list[Array]:
    (h,) = state
    x_r, x_z, x_j = np.split(x @ w["x"].T + w["bias"], 3, axis=-1)
    h_r, h_z, h_j = np.split(h @ w["recurrent_weight"].T, 3, axis=-1)
    r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
    j = np.tanh(x_j + r * (h_j + w["recurrent_bias"]))
    return [z * h + (1 - z) * drop * j]


def normed(pre: list[Array], c: Array, gain: Array, shift: Array, drop: Array | float) -> tuple[Array, Array]:
    """The four pre-activations i, f, o, j to h' and c'; the normalised c' is not fed back."""
    i, f, o, j = (layer_norm(pre[gate], gain[gate], shift[gate]) for gate in range(4))
    c = sigmoid(f) * c + sigmoid(i) * drop * np.tanh(j)
    return sigmoid(o) * np.tanh(layer_norm(c, gain[4], shift[4])), c


def layer_norm_lstm(w: Weights, x: Array, state: list[Array], drop: Array) -> list[Array]:
    h, c = state
    pre = np.split(x @ w["x"].T + h @ w["recurrent_weight"].T, 4, axis=-1)
    return list(normed(pre, c, w["gain"], w["shift"], drop))


def hyper_lstm(w: Weights, x: Array, state: list[Array], drop: Array) -> list[Array]:
    h, y, c, small_c = state
    both = x @ w["small_x"].T + h @ w["small_outer_weight"].T + y @ w["small_recurrent_weight"].T
    y, small_c = normed(np.split(both, 4, axis=-1), small_c, w["small_gain"], w["small_shift"], 1.0)
    embed = w["embed_weight"].reshape(3, 4, EMBEDDING, UNITS)
    embed_bias = w["embed_bias"].reshape(2, 4, EMBEDDING)
    scale = w["scale_weight"].reshape(3, 4, EMBEDDING, HIDDEN)
    pre = []
    for gate in range(4):
        rows = slice(gate * HIDDEN, (gate + 1) * HIDDEN)
        of_x, of_h = ((y @ embed[one, gate].T + embed_bias[one, gate]) @ scale[one, gate] for one in (0, 1))
        added = (y @ embed[2, gate].T) @ scale[2, gate]
        weighted = of_x * (x @ w["x"][rows].T) + of_h * (h @ w["recurrent_weight"][rows].T)
        pre.append(weighted + added + w["bias"][rows])
    h, c = normed(pre, c, w["gain"], w["shift"], drop)
    return [h, y, c, small_c]


STEPS: dict[str, Step] = {"lstm": lstm, "gru": gru, "layer_norm_lstm": layer_norm_lstm, "hyper_lstm": hyper_lstm}
STATES = {
    "lstm": [HIDDEN] * 2,
    "gru": [HIDDEN],
    "layer_norm_lstm": [HIDDEN] * 2,
    "hyper_lstm": [HIDDEN, UNITS, HIDDEN, UNITS],
}


def by_definition(kind: str, cell: Cell, inputs: Tensor, state: Tensor, beside: Tensor, drop: Array) -> list[Tensor]:
    """Outputs `(B, T, H)` and the last state `(B, S)`; what stands beside is a part of every input."""
    w = {name: one.detach().numpy() for name, one in cell.named_parameters()}
    for name in ("", "small_"):
        if f"{name}input_weight" in w:
            w[f"{name}x"] = np.concatenate([w[f"{name}input_weight"], w[f"{name}beside_weight"]], axis=-1)
    now = np.split(state.numpy(), np.cumsum(STATES[kind])[:-1], axis=-1)
    outputs = []
    for t in range(inputs.shape[1]):
        now = STEPS[kind](w, np.concatenate([inputs[:, t].numpy(), beside.numpy()], axis=-1), now, drop[t])
        outputs.append(now[0])
    return [torch.from_numpy(one) for one in (np.stack(outputs, axis=1), np.concatenate(now, axis=-1))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("steps", [1, 12])
def test_a_cell_is_what_its_definition_says(kind: str, training: bool, steps: int) -> None:
    cell = shaken(kind, keep=0.7).train(training)
    inputs, state, beside = random(3, steps, INPUTS), random(3, cell.state_size), random(3, BESIDE)
    torch.manual_seed(5)
    kept = torch.rand(steps, 3, HIDDEN, dtype=torch.float64).numpy() < 0.7
    torch.manual_seed(5)
    found = cell(inputs, state, beside)
    expected = by_definition(kind, cell, inputs, state, beside, kept / 0.7 if training else np.ones_like(kept))
    torch.testing.assert_close(found, tuple(expected), atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_without_anything_beside(kind: str) -> None:
    cell, alone = shaken(kind), shaken(kind, beside=0)
    weights = {name: one for name, one in cell.state_dict().items() if "beside" not in name}
    alone.load_state_dict(weights)
    inputs, state = random(2, 4, INPUTS), random(2, cell.state_size)
    torch.testing.assert_close(alone(inputs, state), cell(inputs, state, random(2, BESIDE) * 0))


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_the_same_as_pytorch_has_it(kind: str) -> None:
    cell = shaken(kind)
    peer: nn.RNNBase = (nn.LSTM if kind == "lstm" else nn.GRU)(
        INPUTS + BESIDE, HIDDEN, batch_first=True, dtype=torch.float64
    )
    assert cell.beside_weight is not None
    order = [0, 1, 3, 2] if kind == "lstm" else [0, 1, 2]  # i, f, candidate, o; r, z, candidate

    def turned(one: Tensor) -> Tensor:
        return torch.cat([one.chunk(len(order))[gate] for gate in order])

    second = torch.zeros(len(order) * HIDDEN, dtype=torch.float64)
    if kind == "gru":
        second[2 * HIDDEN :] = cell.recurrent_bias
    both = torch.cat([cell.input_weight, cell.beside_weight], dim=-1)
    peer.load_state_dict(
        {
            "weight_ih_l0": turned(both),
            "weight_hh_l0": turned(cell.recurrent_weight),
            "bias_ih_l0": turned(cell.bias),
            "bias_hh_l0": second,
        }
    )
    inputs, state, beside = random(3, 7, INPUTS), random(3, cell.state_size), random(3, BESIDE)
    first = [one[None].contiguous() for one in state.split(HIDDEN, dim=-1)]
    whole = torch.cat([inputs, beside[:, None].expand(-1, 7, -1)], dim=-1)
    outputs, last = peer(whole, tuple(first) if kind == "lstm" else first[0])
    last = torch.cat([one[0] for one in last], dim=-1) if kind == "lstm" else last[0]
    torch.testing.assert_close(cell(inputs, state, beside), (outputs, last), atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lengths", [None, (6, 5, 5, 2), (10, 10, 3, 0)])
@pytest.mark.parametrize("keep", [1.0, 0.7])
def test_gradients_agree_with_finite_differences(kind: str, lengths: tuple[int, ...] | None, keep: float) -> None:
    cell = shaken(kind, keep=keep)
    steps = max(lengths or (6,))
    inputs, state, beside = random(4, steps, INPUTS), random(4, cell.state_size), random(4, BESIDE)
    of_outputs, of_state = random(4, steps, HIDDEN), random(4, cell.state_size)

    def functional() -> Tensor:
        torch.manual_seed(5)
        outputs, last = cell(inputs, state, beside, None if lengths is None else torch.tensor(lengths))
        return (outputs * of_outputs).sum() + (last * of_state).sum()

    places = {**dict(cell.named_parameters()), "inputs": inputs, "state": state, "beside": beside}
    for one in places.values():
        one.requires_grad_()
    functional().backward()
    for name, one in places.items():
        direction = torch.randn_like(one)
        ends = []
        for step in (1e-5, -2e-5):
            one.data += step * direction
            ends.append(functional().detach())
        one.data += 1e-5 * direction
        assert one.grad is not None, name
        slope, expected = (one.grad * direction).sum(), (ends[0] - ends[1]) / 2e-5
        assert abs(slope - expected) <= 1e-7 + 1e-6 * abs(expected), name


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawing_that_has_ended_is_left_alone(kind: str) -> None:
    cell, lengths = shaken(kind), [6, 5, 5, 2, 0]
    inputs, state, beside = random(5, 6, INPUTS).requires_grad_(), random(5, cell.state_size), random(5, BESIDE)
    outputs, last = cell(inputs, state, beside, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        one = slice(row, row + 1)
        alone, end = cell(inputs[one, :length], state[one], beside[one]) if length else (outputs[one, :0], state[one])
        torch.testing.assert_close(outputs[one, :length], alone)
        torch.testing.assert_close(last[one], end)
        assert torch.equal(outputs[row, length:], last[one, :HIDDEN].expand(6 - length, -1))
    (outputs.sum() + last.sum()).backward()
    assert inputs.grad is not None
    for row, length in enumerate(lengths):
        assert inputs.grad[row, :length].all()
        assert not inputs.grad[row, length:].any()


def test_lengths_that_do_not_descend_are_refused() -> None:
    cell = shaken("lstm")
    with pytest.raises(ValueError, match="must come longest first"):
        cell(random(2, 6, INPUTS), random(2, 2 * HIDDEN), random(2, BESIDE), torch.tensor([5, 6]))


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_falls_afresh_at_every_step_and_keeps_the_mean(kind: str) -> None:
    cell = fresh(kind, hidden=16, keep=0.9)
    masks: list[Tensor] = []
    run = cell.run

    def watched(
        inputs: Tensor, state: Tensor, beside: Tensor | None, drop: Tensor | None, sizes: list[int]
    ) -> tuple[Tensor, Tensor]:
        assert drop is not None
        masks.append(drop)
        return run(inputs, state, beside, drop, sizes)

    cell.run = watched
    for _ in range(2):
        cell(torch.zeros(50, 20, INPUTS), torch.zeros(50, cell.state_size), torch.zeros(50, BESIDE))
    first, second = masks
    assert first.shape == (20, 50, 16)
    assert torch.equal(first.unique(), torch.tensor([0.0, 1 / 0.9]))
    assert abs(float(first.mean()) - 1) < 0.02  # of 16,000, its deviation being 0.0026
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first, second)


@pytest.mark.parametrize("kind", KINDS)
def test_recurrence_begins_orthogonal_gate_by_gate(kind: str) -> None:
    cell = fresh(kind)
    weights = [(cell.recurrent_weight, HIDDEN)]
    if kind == "hyper_lstm":
        weights.append((cell.small_recurrent_weight, UNITS))
    for weight, size in weights:
        for block in weight.split(size):
            torch.testing.assert_close(block @ block.T, torch.eye(size), atol=1e-5, rtol=0)


def test_forget_gates_begin_open() -> None:
    one = torch.zeros(4, HIDDEN)
    one[1] = 1
    assert torch.equal(fresh("lstm").bias.view(4, HIDDEN), one)
    normal, hyper = fresh("layer_norm_lstm"), fresh("hyper_lstm")
    for shift in (normal.shift, hyper.shift, hyper.small_shift):
        assert torch.equal(shift[1], torch.ones_like(shift[1]))
        assert not shift[[0, 2, 3, 4]].any()
    for gain in (normal.gain, hyper.gain, hyper.small_gain):
        assert torch.equal(gain, torch.ones_like(gain))


def test_a_hyper_lstm_begins_as_a_layer_norm_lstm_of_a_tenth_of_its_weights() -> None:
    hyper, plain = fresh("hyper_lstm"), fresh("layer_norm_lstm")
    for name, one in plain.named_parameters():
        one.data = getattr(hyper, name).data * (1.0 if name in ("gain", "shift") else 0.1)
    inputs, beside = torch.randn(3, 8, INPUTS), torch.randn(3, BESIDE)
    found, _ = hyper(inputs, torch.zeros(3, hyper.state_size), beside)
    expected, _ = plain(inputs, torch.zeros(3, plain.state_size), beside)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


class Matmuls(TorchDispatchMode):
    """The types that matmuls run in while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.types: set[torch.dtype] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.mm.default:
            self.types.add(args[0].dtype)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_stays_near_float32(kind: str) -> None:
    cell = fresh(kind, hidden=32)
    inputs, state, beside = torch.randn(8, 12, INPUTS), 0.5 * torch.randn(8, cell.state_size), torch.randn(8, BESIDE)
    lengths, weight = torch.tensor([12, 12, 12, 9, 9, 6, 3, 1]), torch.randn(8, 12, 32)
    found: dict[bool, list[Tensor]] = {}
    for half in (False, True):
        cell.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            outputs, last = cell(inputs, state, beside, lengths)
        with Matmuls() as matmuls:  # training leaves autocast before it goes back
            ((outputs * weight).sum() + last.sum()).backward()
        assert (torch.bfloat16 in matmuls.types) == half
        found[half] = [
            outputs.detach(),
            last.detach(),
            *(one.grad for one in cell.parameters() if one.grad is not None),
        ]
    assert not torch.equal(found[True][0], found[False][0])
    for rough, exact in zip(found[True], found[False], strict=True):
        assert rough.dtype == torch.float32
        assert (rough - exact).norm() <= 0.04 * exact.norm() + 1e-6
