"""Recurrent cells over whole sequences: LSTM, GRU, LayerNorm LSTM and HyperLSTM, each with a hand-written backward.

A plain loop in autograd spends most of its time in backward: a weight gradient for each step, and a dozen small
operations around it. Here the matmuls of the inputs are hoisted out of the loop, what is the same at every step (the
latent vector, a class) is multiplied once, rows whose drawing has ended are skipped, and each weight gradient is one
matmul over all steps at the end.

All gates stand in the order input, forget, output, candidate, so that one sigmoid serves the first three. The forget
gate's bias starts at 1. Recurrent dropout falls on the candidate alone, afresh at every step, "without memory loss"
(Semeniuta and others 2016); a kept unit is divided by the share kept.

Definitions: LSTM as in magenta's sketch-rnn, GRU as in Cho and others 2014 with the reset gate after the matmul,
layer normalisation as in Ba and others 2016, HyperLSTM as in Ha and others 2016, appendix A.2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

Kind = Literal["lstm", "gru", "layer_norm_lstm", "hyper_lstm"]
KEEP = 0.90  # of recurrent dropout, in training
EPSILON = 1e-3  # of layer normalisation
HYPER_UNITS, HYPER_EMBEDDING = 256, 32
HYPER_GAIN = 0.1  # what a HyperLSTM's scales begin at


class Cell(nn.Module):
    """A recurrent layer of `hidden` units. Its state is one tensor `(B, state_size)` whose first columns are h.

    `beside` inputs `(B, beside)` are the same at every step. `gates` counts the blocks of `hidden` pre-activations.
    """

    gates = 4

    def __init__(self, inputs: int, hidden: int, beside: int = 0, keep: float = KEEP) -> None:
        super().__init__()
        self.hidden, self.keep = hidden, keep
        self.state_size = 2 * hidden
        self.input_weight = _glorot(self.gates, hidden, inputs + beside, slice(0, inputs))
        self.beside_weight = _glorot(self.gates, hidden, inputs + beside, slice(inputs, None)) if beside else None
        self.recurrent_weight = _orthogonal(self.gates, hidden)

    def forward(
        self, inputs: Tensor, state: Tensor, beside: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Inputs `(B, T, I)` and a state `(B, S)` to outputs `(B, T, H)` and the state after the last step.

        With `lengths` `(B,)`, which must descend, row b stops after lengths[b] steps: its state stays what it was
        then, and its outputs repeat. Raises ValueError where they do not descend.
        """
        steps, batch = inputs.shape[1], inputs.shape[0]
        if lengths is None:
            sizes = [batch] * steps
        else:
            if bool((lengths[1:] > lengths[:-1]).any()):
                raise ValueError("the drawings of a batch must come longest first")
            sizes = (lengths[None] > torch.arange(steps, device=lengths.device)[:, None]).sum(1).tolist()
        drop = None
        if self.training and self.keep < 1:
            chance = torch.rand(steps, batch, self.hidden, dtype=state.dtype, device=state.device)
            drop = chance.lt_(self.keep).div_(self.keep)
        outputs, state = self.run(inputs.transpose(0, 1).contiguous(), state, beside, drop, sizes)
        return outputs.transpose(0, 1), state

    def run(
        self, inputs: Tensor, state: Tensor, beside: Tensor | None, drop: Tensor | None, sizes: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """The recurrence itself: inputs `(T, B, I)`, dropout factors `(T, B, H)`, and at step t the first sizes[t]
        rows. Returns outputs `(T, B, H)` and the last state."""
        raise NotImplementedError


def _fixed(batch: int, bias: Tensor, beside: Tensor | None, weight: Tensor | None) -> Tensor:
    """What is added at every step: the bias, and the matmul of what stands beside the inputs, `(B, G)`."""
    if beside is None or weight is None:
        return bias.expand(batch, -1)
    return torch.addmm(bias, beside, weight.t()).to(bias.dtype)  # autocast would leave it in its own type


def _hoist(inputs: Tensor, weight: Tensor, fixed: Tensor) -> Tensor:
    """inputs x W + fixed for all steps, `(T, B, G)`: the matmuls that need no h.

    Into one buffer, which the gates then fill and at last their gradients: fresh memory costs as much as the matmul.
    """
    hoisted = fixed.new_empty(len(inputs), *fixed.shape)
    for one, out in zip(inputs, hoisted, strict=True):
        torch.addmm(fixed, one, weight.t(), out=out)
    return hoisted


def _hoist_back(gradient: Tensor, inputs: Tensor, weight: Tensor, wanted: bool) -> tuple[Tensor | None, Tensor, Tensor]:
    """Of `_hoist`: the gradients of the inputs, where wanted, of W and of what is fixed.

    W's is taken the other way round and turned: a matmul with five columns is ten times slower than one with five rows.
    """
    d_weight = (inputs.flatten(0, 1).t() @ gradient.flatten(0, 1)).t()
    return gradient @ weight if wanted else None, d_weight, gradient.sum(0)


def _glorot(gates: int, hidden: int, fan_in: int, columns: slice) -> nn.Parameter:
    """Columns of gate-wise Glorot-uniform weights `(gates x H, fan_in)`."""
    limit = (6 / (fan_in + hidden)) ** 0.5
    width = len(range(fan_in)[columns])
    return nn.Parameter(torch.empty(gates * hidden, width).uniform_(-limit, limit))


def _orthogonal(gates: int, hidden: int) -> nn.Parameter:
    """Gate-wise orthogonal weights `(gates x H, H)`."""
    blocks = [nn.init.orthogonal_(torch.empty(hidden, hidden)) for _ in range(gates)]
    return nn.Parameter(torch.cat(blocks))


def _matmul_type(like: Tensor) -> torch.dtype:
    """What the matmuls of a recurrence run in: autocast's type where it is on, else that of the state.

    To be asked on the way forward, and kept for the way back, where autocast is off.
    """
    kind = like.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else like.dtype


def _across(weight: Tensor, steps: int, kind: torch.dtype) -> Tensor:
    """W transposed for `_add_matmul`; laid out afresh only where many steps repay the copy."""
    turned = weight.to(kind).t()
    return turned.contiguous() if steps > 8 else turned


def _add_matmul(added: Tensor, rows: Tensor, turned: Tensor, out: Tensor) -> None:
    """out = added + rows x turned, the matmul in the type of `turned`."""
    if rows.dtype == turned.dtype:
        torch.addmm(added, rows, turned, out=out)
    else:
        torch.add(added, rows.to(turned.dtype) @ turned, out=out)


def _back(gradient: Tensor, weight: Tensor) -> Tensor:
    """gradient x W, in the type of W, returned in that of the gradient."""
    return (gradient.to(weight.dtype) @ weight).to(gradient.dtype)


def _weight_gradient(gradient: Tensor, rows: Tensor, kind: torch.dtype) -> Tensor:
    """The gradient of W `(G, H)`, in one matmul over all steps: of `(T, B, G)` and `(T, B, H)`."""
    return (gradient.flatten(0, 1).to(kind).t() @ rows.flatten(0, 1).to(kind)).to(gradient.dtype)


class LSTM(Cell):
    """c' = sig(f) c + sig(i) drop(tanh(j)); h' = sig(o) tanh(c'), with one bias."""

    def __init__(self, inputs: int, hidden: int, beside: int = 0, keep: float = KEEP) -> None:
        super().__init__(inputs, hidden, beside, keep)
        self.bias = nn.Parameter(torch.zeros(4 * hidden))
        self.bias.data[hidden : 2 * hidden] = 1.0

    def run(
        self, inputs: Tensor, state: Tensor, beside: Tensor | None, drop: Tensor | None, sizes: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        fixed = _fixed(len(state), self.bias, beside, self.beside_weight)
        return _LSTM.apply(inputs, fixed, state, self.input_weight, self.recurrent_weight, drop, sizes)  # type: ignore[no-any-return, no-untyped-call]


class _LSTM(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        fixed: Tensor,
        state: Tensor,
        input_weight: Tensor,
        weight: Tensor,
        drop: Tensor | None,
        sizes: Sequence[int],
    ) -> tuple[Tensor, Tensor]:
        steps, batch, size = len(inputs), len(state), weight.shape[1]
        ctx.kind = _matmul_type(state)
        turned = _across(weight, steps, ctx.kind)
        active = _hoist(inputs, input_weight, fixed)
        tanh_c = state.new_empty(steps, batch, size)
        h, c = state.new_empty(steps + 1, batch, size), state.new_empty(steps + 1, batch, size)
        h[0], c[0] = state.chunk(2, dim=-1)
        for t, n in enumerate(sizes):
            gates = active[t, :n]
            _add_matmul(gates, h[t, :n], turned, gates)
            gates[:, : 3 * size].sigmoid_()
            gates[:, 3 * size :].tanh_()
            i, f, o, j = gates.chunk(4, dim=-1)
            torch.mul(f, c[t, :n], out=c[t + 1, :n]).addcmul_(i, j if drop is None else j * drop[t, :n])
            torch.tanh(c[t + 1, :n], out=tanh_c[t, :n])
            torch.mul(o, tanh_c[t, :n], out=h[t + 1, :n])
            h[t + 1, n:], c[t + 1, n:] = h[t, n:], c[t, n:]
        ctx.kept = inputs, input_weight, weight, drop, sizes, active, tanh_c, h, c
        return h[1:], torch.cat([h[steps], c[steps]], dim=-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor, d_state: Tensor) -> tuple[Tensor | None, ...]:
        inputs, input_weight, weight, drop, sizes, active, tanh_c, h, c = ctx.kept
        cast = weight.to(ctx.kind)
        d_h, d_c = (one.clone() for one in d_state.chunk(2, dim=-1))
        d_gates = torch.empty_like(active[0])
        for t, n in reversed(list(enumerate(sizes))):
            d_h += d_outputs[t]
            i, f, o, j = active[t, :n].chunk(4, dim=-1)
            d_i, d_f, d_o, d_j = d_gates[:n].chunk(4, dim=-1)
            tanh, back, memory = tanh_c[t, :n], d_h[:n], d_c[:n]
            torch.mul(back, tanh, out=d_o)
            memory += back * o * (1 - tanh * tanh)
            torch.mul(memory, c[t, :n], out=d_f)
            torch.mul(memory, j if drop is None else j * drop[t, :n], out=d_i)
            torch.mul(memory, i, out=d_j)
            if drop is not None:
                d_j *= drop[t, :n]
            memory *= f
            _through_gates(active[t, :n], d_gates[:n])
            active[t, :n], active[t, n:] = d_gates[:n], 0  # from here on they hold the gradients
            d_h[:n] = _back(d_gates[:n], cast)
        d_inputs, d_input_weight, d_fixed = _hoist_back(active, inputs, input_weight, ctx.needs_input_grad[0])
        d_state = torch.cat([d_h, d_c], dim=-1)
        return d_inputs, d_fixed, d_state, d_input_weight, _weight_gradient(active, h[:-1], ctx.kind), None, None


def _through_gates(active: Tensor, gradient: Tensor) -> None:
    """In place: the gradient `(n, 4 H)` of sigmoid and tanh gates, back to their pre-activations."""
    size = active.shape[-1] // 4
    soft, candidate = active[:, : 3 * size], active[:, 3 * size :]
    gradient[:, : 3 * size] *= torch.addcmul(soft, soft, soft, value=-1)
    gradient[:, 3 * size :] -= gradient[:, 3 * size :] * candidate * candidate


class GRU(Cell):
    """r, z = sig(...); h' = z h + (1 - z) drop(tanh(j + r (U h + b))), gates in the order r, z, candidate.

    As `torch.nn.GRU` has it, but for the dropout.
    """

    gates = 3

    def __init__(self, inputs: int, hidden: int, beside: int = 0, keep: float = KEEP) -> None:
        super().__init__(inputs, hidden, beside, keep)
        self.state_size = hidden
        self.bias = nn.Parameter(torch.zeros(3 * hidden))
        self.recurrent_bias = nn.Parameter(torch.zeros(hidden))

    def run(
        self, inputs: Tensor, state: Tensor, beside: Tensor | None, drop: Tensor | None, sizes: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        fixed = _fixed(len(state), self.bias, beside, self.beside_weight)
        weights = self.input_weight, self.recurrent_weight, self.recurrent_bias
        return _GRU.apply(inputs, fixed, state, *weights, drop, sizes)  # type: ignore[no-any-return, no-untyped-call]


class _GRU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        fixed: Tensor,
        state: Tensor,
        input_weight: Tensor,
        weight: Tensor,
        bias: Tensor,
        drop: Tensor | None,
        sizes: Sequence[int],
    ) -> tuple[Tensor, Tensor]:
        steps, batch, size = len(inputs), len(state), weight.shape[1]
        ctx.kind = _matmul_type(state)
        turned = _across(weight, steps, ctx.kind)
        offset = torch.cat([bias.new_zeros(2 * size), bias])
        active = _hoist(inputs, input_weight, fixed)
        recurrent = state.new_empty(steps, batch, size)  # U h + b of the candidate
        h = state.new_empty(steps + 1, batch, size)
        h[0] = state
        pre = state.new_empty(batch, 3 * size)
        for t, n in enumerate(sizes):
            gates = active[t, :n]
            _add_matmul(offset.expand(n, -1), h[t, :n], turned, pre[:n])
            recurrent[t, :n] = pre[:n, 2 * size :]
            gates[:, : 2 * size].add_(pre[:n, : 2 * size]).sigmoid_()
            r, z, j = gates.chunk(3, dim=-1)
            j.addcmul_(r, recurrent[t, :n]).tanh_()
            torch.lerp(j if drop is None else j * drop[t, :n], h[t, :n], z, out=h[t + 1, :n])
            h[t + 1, n:] = h[t, n:]
        ctx.kept = inputs, input_weight, weight, drop, sizes, active, recurrent, h
        return h[1:], h[steps].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor, d_state: Tensor) -> tuple[Tensor | None, ...]:
        inputs, input_weight, weight, drop, sizes, active, recurrent, h = ctx.kept
        cast, size = weight.to(ctx.kind), weight.shape[1]
        d_recurrent, d_gates = torch.zeros_like(active), torch.empty_like(active[0])
        d_h = d_state.clone()
        for t, n in reversed(list(enumerate(sizes))):
            d_h += d_outputs[t]
            r, z, j = active[t, :n].chunk(3, dim=-1)
            d_r, d_z, d_j = d_gates[:n].chunk(3, dim=-1)
            back, mask = d_h[:n], None if drop is None else drop[t, :n]
            torch.mul(back, h[t, :n] - (j if mask is None else j * mask), out=d_z).mul_(z * (1 - z))
            torch.mul(back, (1 - z) if mask is None else (1 - z) * mask, out=d_j).mul_(1 - j * j)
            torch.mul(d_j, recurrent[t, :n], out=d_r).mul_(r * (1 - r))
            d_recurrent[t, :n, : 2 * size] = d_gates[:n, : 2 * size]
            torch.mul(d_j, r, out=d_recurrent[t, :n, 2 * size :])
            d_h[:n] = back * z + _back(d_recurrent[t, :n], cast)
            active[t, :n], active[t, n:] = d_gates[:n], 0  # from here on they hold the gradients
        d_inputs, d_input_weight, d_fixed = _hoist_back(active, inputs, input_weight, ctx.needs_input_grad[0])
        d_weight, d_bias = _weight_gradient(d_recurrent, h[:-1], ctx.kind), d_recurrent[..., 2 * size :].sum((0, 1))
        return d_inputs, d_fixed, d_h, d_input_weight, d_weight, d_bias, None, None


class LayerNormLSTM(Cell):
    """An LSTM without biases whose four gates are normalised each on its own, and c' inside the output's tanh.

    `gain` and `shift` `(5, H)` belong to the gates i, f, o, j and to c; the normalised c is not fed back.
    """

    def __init__(self, inputs: int, hidden: int, beside: int = 0, keep: float = KEEP) -> None:
        super().__init__(inputs, hidden, beside, keep)
        self.gain, self.shift = _normalisation(hidden)

    def run(
        self, inputs: Tensor, state: Tensor, beside: Tensor | None, drop: Tensor | None, sizes: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        fixed = _fixed(len(state), self.gain.new_zeros(4 * self.hidden), beside, self.beside_weight)
        weights = self.input_weight, self.recurrent_weight, self.gain, self.shift
        return _LayerNormLSTM.apply(inputs, fixed, state, *weights, drop, sizes)  # type: ignore[no-any-return, no-untyped-call]


def _normalisation(hidden: int) -> tuple[nn.Parameter, nn.Parameter]:
    """Gain 1 and shift 0 `(5, H)`; the forget gate's shift is its bias, 1."""
    shift = torch.zeros(5, hidden)
    shift[1] = 1.0
    return nn.Parameter(torch.ones(5, hidden)), nn.Parameter(shift)


class _NormedGates:
    """From the pre-activations of a LayerNorm LSTM to h and c, step by step, and back.

    `pre` `(T, B, 4 H)` holds the pre-activations of a step when it is called; then, in their place, the normalised
    gates, and after the step back their gradients.
    """

    def __init__(self, pre: Tensor, c0: Tensor, gain: Tensor, shift: Tensor, drop: Tensor | None) -> None:
        steps, (batch, size) = len(pre), c0.shape
        self.gain, self.shift, self.drop = gain, shift, drop
        self.pre, self.normal = pre, pre.view(steps, batch, 4, size)
        self.active = torch.empty_like(self.normal)
        self.spread = c0.new_empty(steps, batch, 4, 1)  # 1 / their standard deviation
        self.c = c0.new_empty(steps + 1, batch, size)
        self.c[0] = c0
        self.normal_c, self.tanh_c = c0.new_empty(steps, batch, size), c0.new_empty(steps, batch, size)
        self.spread_c = c0.new_empty(steps, batch, 1)

    def forward(self, t: int, n: int, out: Tensor) -> None:
        """Step t of the first n rows; h' is written to `out` `(n, H)`."""
        pre, size = self.normal[t, :n], out.shape[-1]
        self.normal[t, :n], _, self.spread[t, :n] = torch.native_layer_norm(pre, [size], None, None, EPSILON)
        gates = self.active[t, :n]
        torch.addcmul(self.shift[:4], self.normal[t, :n], self.gain[:4], out=gates)
        gates[:, :3].sigmoid_()
        gates[:, 3].tanh_()
        i, f, o, j = gates.unbind(1)
        after = self.c[t + 1, :n]
        torch.mul(f, self.c[t, :n], out=after).addcmul_(i, j if self.drop is None else j * self.drop[t, :n])
        self.normal_c[t, :n], _, self.spread_c[t, :n] = torch.native_layer_norm(after, [size], None, None, EPSILON)
        torch.addcmul(self.shift[4], self.normal_c[t, :n], self.gain[4], out=self.tanh_c[t, :n]).tanh_()
        torch.mul(o, self.tanh_c[t, :n], out=out)
        self.c[t + 1, n:] = self.c[t, n:]

    def start_back(self) -> None:
        """Make room for what `backward` adds up."""
        self.d_gain, self.d_shift = torch.zeros_like(self.gain), torch.zeros_like(self.shift)

    def backward(self, t: int, n: int, d_h: Tensor, d_c: Tensor) -> Tensor:
        """The gradients of h' and c' `(n, H)` to that of the pre-activations `(n, 4 H)`; d_c becomes c's, in place."""
        i, f, o, j = self.active[t, :n].unbind(1)
        tanh, mask = self.tanh_c[t, :n], None if self.drop is None else self.drop[t, :n]
        gradient = torch.empty_like(self.active[t, :n])
        d_i, d_f, d_o, d_j = gradient.unbind(1)
        torch.mul(d_h, tanh, out=d_o)
        d_normal = d_h * o * (1 - tanh * tanh)
        d_c += self._through_norm(d_normal, self.normal_c[t, :n], self.spread_c[t, :n], slice(4, 5))
        torch.mul(d_c, self.c[t, :n], out=d_f)
        torch.mul(d_c, j if mask is None else j * mask, out=d_i)
        torch.mul(d_c, i, out=d_j)
        if mask is not None:
            d_j *= mask
        d_c *= f
        _through_gates(self.active[t, :n].flatten(1), gradient.flatten(1))
        self.normal[t, :n] = self._through_norm(gradient, self.normal[t, :n], self.spread[t, :n], slice(0, 4))
        self.normal[t, n:] = 0
        return self.pre[t, :n]

    def _through_norm(self, gradient: Tensor, normal: Tensor, spread: Tensor, which: slice) -> Tensor:
        """Back through gain, shift and normalisation, adding up the gradients of the first two."""
        self.d_shift[which] += gradient.sum(0)
        self.d_gain[which] += (gradient * normal).sum(0)
        gradient = gradient * (self.gain[which] if gradient.dim() == 3 else self.gain[which][0])
        slope = torch.linalg.vecdot(gradient, normal).unsqueeze(-1) / -normal.shape[-1]
        gradient = torch.addcmul(gradient - gradient.mean(-1, keepdim=True), normal, slope)
        return gradient * spread


class _LayerNormLSTM(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        fixed: Tensor,
        state: Tensor,
        input_weight: Tensor,
        weight: Tensor,
        gain: Tensor,
        shift: Tensor,
        drop: Tensor | None,
        sizes: Sequence[int],
    ) -> tuple[Tensor, Tensor]:
        steps, batch, size = len(inputs), len(state), weight.shape[1]
        ctx.kind = _matmul_type(state)
        turned = _across(weight, steps, ctx.kind)
        h = state.new_empty(steps + 1, batch, size)
        h[0], c0 = state.chunk(2, dim=-1)
        gates = _NormedGates(_hoist(inputs, input_weight, fixed), c0, gain, shift, drop)
        for t, n in enumerate(sizes):
            pre = gates.pre[t, :n]
            _add_matmul(pre, h[t, :n], turned, pre)
            gates.forward(t, n, h[t + 1, :n])
            h[t + 1, n:] = h[t, n:]
        ctx.kept = inputs, input_weight, weight, gates, h, sizes
        return h[1:], torch.cat([h[steps], gates.c[steps]], dim=-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor, d_state: Tensor) -> tuple[Tensor | None, ...]:
        inputs, input_weight, weight, gates, h, sizes = ctx.kept
        cast = weight.to(ctx.kind)
        gates.start_back()
        d_h, d_c = (one.clone() for one in d_state.chunk(2, dim=-1))
        for t, n in reversed(list(enumerate(sizes))):
            d_h += d_outputs[t]
            d_h[:n] = _back(gates.backward(t, n, d_h[:n], d_c[:n]), cast)
        d_inputs, d_input_weight, d_fixed = _hoist_back(gates.pre, inputs, input_weight, ctx.needs_input_grad[0])
        d_state, d_weight = torch.cat([d_h, d_c], dim=-1), _weight_gradient(gates.pre, h[:-1], ctx.kind)
        return d_inputs, d_fixed, d_state, d_input_weight, d_weight, gates.d_gain, gates.d_shift, None, None


class HyperLSTM(Cell):
    """A LayerNorm LSTM whose weights a smaller LayerNorm LSTM scales, row by row, at every step.

    The small one (256 units, no dropout) reads x_t and h_{t-1}; from its output y come, for each gate, embeddings
    of 32 numbers and from these the factors of W x and of W h and an added bias. State: h, y, c, c of the small one.
    """

    def __init__(self, inputs: int, hidden: int, beside: int = 0, keep: float = KEEP) -> None:
        super().__init__(inputs, hidden, beside, keep)
        self.state_size = 2 * (hidden + HYPER_UNITS)
        self.bias = nn.Parameter(torch.zeros(4 * hidden))
        self.gain, self.shift = _normalisation(hidden)
        fan_in = inputs + beside + hidden
        self.small_input_weight = _glorot(4, HYPER_UNITS, fan_in, slice(0, inputs))
        self.small_beside_weight = _glorot(4, HYPER_UNITS, fan_in, slice(inputs, inputs + beside)) if beside else None
        self.small_outer_weight = _glorot(4, HYPER_UNITS, fan_in, slice(inputs + beside, None))
        self.small_recurrent_weight = _orthogonal(4, HYPER_UNITS)
        self.small_gain, self.small_shift = _normalisation(HYPER_UNITS)
        width = 4 * HYPER_EMBEDDING
        embed = torch.zeros(3 * width, HYPER_UNITS)  # of W x, of W h, of the bias; four gates each
        embed[2 * width :].normal_(std=0.01)
        self.embed_weight = nn.Parameter(embed)
        self.embed_bias = nn.Parameter(torch.ones(2 * width))
        scale = torch.full((12, HYPER_EMBEDDING, hidden), HYPER_GAIN / HYPER_EMBEDDING)
        scale[8:] = 0.0
        self.scale_weight = nn.Parameter(scale)

    def run(
        self, inputs: Tensor, state: Tensor, beside: Tensor | None, drop: Tensor | None, sizes: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        batch = len(state)
        fixed = _fixed(batch, torch.zeros_like(self.bias), beside, self.beside_weight)
        small_fixed = _fixed(batch, self.bias.new_zeros(4 * HYPER_UNITS), beside, self.small_beside_weight)
        return _HyperLSTM.apply(  # type: ignore[no-any-return, no-untyped-call]
            *(inputs, fixed, small_fixed, state, self.input_weight, self.small_input_weight),
            *(self.recurrent_weight, self.bias, self.gain, self.shift, self.small_outer_weight),
            *(self.small_recurrent_weight, self.small_gain, self.small_shift),
            *(self.embed_weight, self.embed_bias, self.scale_weight, drop, sizes),
        )


class _HyperLSTM(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        fixed: Tensor,
        small_fixed: Tensor,
        state: Tensor,
        input_weight: Tensor,
        small_input_weight: Tensor,
        weight: Tensor,
        bias: Tensor,
        gain: Tensor,
        shift: Tensor,
        outer_weight: Tensor,
        small_weight: Tensor,
        small_gain: Tensor,
        small_shift: Tensor,
        embed_weight: Tensor,
        embed_bias: Tensor,
        scale_weight: Tensor,
        drop: Tensor | None,
        sizes: Sequence[int],
    ) -> tuple[Tensor, Tensor]:
        steps, batch, size, units = len(inputs), len(state), weight.shape[1], small_weight.shape[1]
        ctx.kind = kind = _matmul_type(state)
        turned, turned_small = _across(weight, steps, kind), _across(small_weight, steps, kind)
        turned_outer, turned_embed = _across(outer_weight, steps, kind), _across(embed_weight, steps, kind)
        scale = scale_weight.to(kind)
        embed_bias = torch.cat([embed_bias, embed_bias.new_zeros(len(embed_bias) // 2)])
        h, y = state.new_empty(steps + 1, batch, size), state.new_empty(steps + 1, batch, units)
        h[0], y[0], c0, small_c0 = torch.split(state, [size, units, size, units], dim=-1)
        hoisted = _hoist(inputs, input_weight, fixed).view(steps, batch, 4, size)
        gates = _NormedGates(state.new_empty(steps, batch, 4 * size), c0, gain, shift, drop)
        small = _hoist(inputs, small_input_weight, small_fixed)
        small_gates = _NormedGates(small, small_c0, small_gain, small_shift, None)
        recurrent = state.new_empty(steps, batch, 4, size)  # W h
        embedded = state.new_empty(steps, batch, len(embed_bias))
        factors = state.new_empty(steps, 8, batch, size)  # of W x, then of W h, for each gate
        nothing = bias.new_zeros(1)
        for t, n in enumerate(sizes):
            small_pre = small[t, :n]
            _add_matmul(small_pre, h[t, :n], turned_outer, small_pre)
            _add_matmul(small_pre, y[t, :n], turned_small, small_pre)
            small_gates.forward(t, n, y[t + 1, :n])
            _add_matmul(embed_bias.expand(n, -1), y[t + 1, :n], turned_embed, embedded[t, :n])
            by_gate = embedded[t, :n].view(n, 12, -1).transpose(0, 1)  # (12, n, 32)
            scales = torch.bmm(by_gate.to(kind), scale).to(state.dtype)  # (12, n, H)
            factors[t, :, :n] = scales[:8]
            _add_matmul(nothing, h[t, :n], turned, recurrent[t, :n].flatten(1))
            pre = gates.normal[t, :n]
            torch.add(scales[8:].transpose(0, 1), bias.view(4, size), out=pre)
            pre.addcmul_(scales[:4].transpose(0, 1), hoisted[t, :n])
            pre.addcmul_(scales[4:8].transpose(0, 1), recurrent[t, :n])
            gates.forward(t, n, h[t + 1, :n])
            h[t + 1, n:], y[t + 1, n:] = h[t, n:], y[t, n:]
        ctx.kept = inputs, input_weight, small_input_weight, gates, small_gates, sizes
        ctx.weights = weight, outer_weight, small_weight, embed_weight, scale_weight
        ctx.buffers = hoisted, recurrent, embedded, factors, h, y
        return h[1:], torch.cat([h[steps], y[steps], gates.c[steps], small_gates.c[steps]], dim=-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor, d_state: Tensor) -> tuple[Tensor | None, ...]:
        inputs, input_weight, small_input_weight, gates, small_gates, sizes = ctx.kept
        hoisted, recurrent, embedded, factors, h, y = ctx.buffers
        batch, size, units, kind = h.shape[1], h.shape[2], y.shape[2], ctx.kind
        cast, cast_outer, cast_small, cast_embed, scale = (one.to(kind) for one in ctx.weights)
        gates.start_back()
        small_gates.start_back()
        d_scale, d_bias = torch.zeros_like(scale), h.new_zeros(4, size)
        d_scales = h.new_empty(12, batch, size)
        d_h, d_y, d_c, d_small_c = (one.clone() for one in torch.split(d_state, [size, units, size, units], dim=-1))
        for t, n in reversed(list(enumerate(sizes))):
            d_h += d_outputs[t]
            d_pre = gates.backward(t, n, d_h[:n], d_c[:n]).view(n, 4, size)
            d_bias += d_pre.sum(0)
            by_gate = d_pre.transpose(0, 1)
            torch.mul(by_gate, hoisted[t, :n].transpose(0, 1), out=d_scales[:4, :n])
            torch.mul(by_gate, recurrent[t, :n].transpose(0, 1), out=d_scales[4:8, :n])
            d_scales[8:, :n] = by_gate
            # From here on these buffers hold the gradients of what was in them.
            torch.mul(d_pre, factors[t, :4, :n].transpose(0, 1), out=hoisted[t, :n])
            torch.mul(d_pre, factors[t, 4:, :n].transpose(0, 1), out=recurrent[t, :n])
            moved = d_scales[:, :n].to(kind)
            d_scale += torch.bmm(embedded[t, :n].view(n, 12, -1).permute(1, 2, 0).to(kind), moved)
            embedded[t, :n] = torch.bmm(moved, scale.transpose(1, 2)).transpose(0, 1).flatten(1)
            hoisted[t, n:], recurrent[t, n:], embedded[t, n:] = 0, 0, 0
            d_y[:n] += _back(embedded[t, :n], cast_embed)
            d_small = small_gates.backward(t, n, d_y[:n], d_small_c[:n])
            d_h[:n] = _back(recurrent[t, :n].flatten(1), cast) + _back(d_small, cast_outer)
            d_y[:n] = _back(d_small, cast_small)
        wanted, width = ctx.needs_input_grad[0], embedded.shape[-1] * 2 // 3
        d_inputs, d_input_weight, d_fixed = _hoist_back(hoisted.flatten(2), inputs, input_weight, wanted)
        small = _hoist_back(small_gates.pre, inputs, small_input_weight, wanted)
        if d_inputs is not None and small[0] is not None:
            d_inputs = d_inputs + small[0]
        return (
            d_inputs,
            *(d_fixed, small[2], torch.cat([d_h, d_y, d_c, d_small_c], dim=-1), d_input_weight, small[1]),
            *(_weight_gradient(recurrent.flatten(2), h[:-1], kind), d_bias.flatten(), gates.d_gain, gates.d_shift),
            *(_weight_gradient(small_gates.pre, one[:-1], kind) for one in (h, y)),
            *(small_gates.d_gain, small_gates.d_shift),
            *(_weight_gradient(embedded, y[1:], kind), embedded[..., :width].sum((0, 1)), d_scale.to(h.dtype)),
            *(None, None),
        )


CELLS: dict[str, type[Cell]] = {
    "lstm": LSTM,
    "gru": GRU,
    "layer_norm_lstm": LayerNormLSTM,
    "hyper_lstm": HyperLSTM,
}
