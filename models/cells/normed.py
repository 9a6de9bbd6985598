"""The cells with layer normalisation: LayerNorm LSTM, and HyperLSTM, which is two of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from models.cells.recurrence import (
    KEEP,
    Cell,
    across,
    add_matmul,
    fixed_part,
    glorot,
    hoist,
    hoist_back,
    matmul_back,
    matmul_type,
    orthogonal,
    through_gates,
    weight_gradient,
)

EPSILON = 1e-3  # of layer normalisation
HYPER_UNITS, HYPER_EMBEDDING = 256, 32
HYPER_GAIN = 0.1  # what a HyperLSTM's scales begin at


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
        fixed = fixed_part(len(state), self.gain.new_zeros(4 * self.hidden), beside, self.beside_weight)
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
        through_gates(self.active[t, :n].flatten(1), gradient.flatten(1))
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
        ctx.kind = matmul_type(state)
        turned = across(weight, steps, ctx.kind)
        h = state.new_empty(steps + 1, batch, size)
        h[0], c0 = state.chunk(2, dim=-1)
        gates = _NormedGates(hoist(inputs, input_weight, fixed), c0, gain, shift, drop)
        for t, n in enumerate(sizes):
            pre = gates.pre[t, :n]
            add_matmul(pre, h[t, :n], turned, pre)
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
            d_h[:n] = matmul_back(gates.backward(t, n, d_h[:n], d_c[:n]), cast)
        d_inputs, d_input_weight, d_fixed = hoist_back(gates.pre, inputs, input_weight, ctx.needs_input_grad[0])
        d_state, d_weight = torch.cat([d_h, d_c], dim=-1), weight_gradient(gates.pre, h[:-1], ctx.kind)
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
        self.small_input_weight = glorot(4, HYPER_UNITS, fan_in, slice(0, inputs))
        self.small_beside_weight = glorot(4, HYPER_UNITS, fan_in, slice(inputs, inputs + beside)) if beside else None
        self.small_outer_weight = glorot(4, HYPER_UNITS, fan_in, slice(inputs + beside, None))
        self.small_recurrent_weight = orthogonal(4, HYPER_UNITS)
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
        fixed = fixed_part(batch, torch.zeros_like(self.bias), beside, self.beside_weight)
        small_fixed = fixed_part(batch, self.bias.new_zeros(4 * HYPER_UNITS), beside, self.small_beside_weight)
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
        ctx.kind = kind = matmul_type(state)
        turned, turned_small = across(weight, steps, kind), across(small_weight, steps, kind)
        turned_outer, turned_embed = across(outer_weight, steps, kind), across(embed_weight, steps, kind)
        scale = scale_weight.to(kind)
        embed_bias = torch.cat([embed_bias, embed_bias.new_zeros(len(embed_bias) // 2)])
        h, y = state.new_empty(steps + 1, batch, size), state.new_empty(steps + 1, batch, units)
        h[0], y[0], c0, small_c0 = torch.split(state, [size, units, size, units], dim=-1)
        hoisted = hoist(inputs, input_weight, fixed).view(steps, batch, 4, size)
        gates = _NormedGates(state.new_empty(steps, batch, 4 * size), c0, gain, shift, drop)
        small = hoist(inputs, small_input_weight, small_fixed)
        small_gates = _NormedGates(small, small_c0, small_gain, small_shift, None)
        recurrent = state.new_empty(steps, batch, 4, size)  # W h
        embedded = state.new_empty(steps, batch, len(embed_bias))
        factors = state.new_empty(steps, 8, batch, size)  # of W x, then of W h, for each gate
        nothing = bias.new_zeros(1)
        for t, n in enumerate(sizes):
            small_pre = small[t, :n]
            add_matmul(small_pre, h[t, :n], turned_outer, small_pre)
            add_matmul(small_pre, y[t, :n], turned_small, small_pre)
            small_gates.forward(t, n, y[t + 1, :n])
            add_matmul(embed_bias.expand(n, -1), y[t + 1, :n], turned_embed, embedded[t, :n])
            by_gate = embedded[t, :n].view(n, 12, -1).transpose(0, 1)  # (12, n, 32)
            scales = torch.bmm(by_gate.to(kind), scale).to(state.dtype)  # (12, n, H)
            factors[t, :, :n] = scales[:8]
            add_matmul(nothing, h[t, :n], turned, recurrent[t, :n].flatten(1))
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
            d_y[:n] += matmul_back(embedded[t, :n], cast_embed)
            d_small = small_gates.backward(t, n, d_y[:n], d_small_c[:n])
            d_h[:n] = matmul_back(recurrent[t, :n].flatten(1), cast) + matmul_back(d_small, cast_outer)
            d_y[:n] = matmul_back(d_small, cast_small)
        wanted, width = ctx.needs_input_grad[0], embedded.shape[-1] * 2 // 3
        d_inputs, d_input_weight, d_fixed = hoist_back(hoisted.flatten(2), inputs, input_weight, wanted)
        small = hoist_back(small_gates.pre, inputs, small_input_weight, wanted)
        if d_inputs is not None and small[0] is not None:
            d_inputs = d_inputs + small[0]
        return (
            d_inputs,
            *(d_fixed, small[2], torch.cat([d_h, d_y, d_c, d_small_c], dim=-1), d_input_weight, small[1]),
            *(weight_gradient(recurrent.flatten(2), h[:-1], kind), d_bias.flatten(), gates.d_gain, gates.d_shift),
            *(weight_gradient(small_gates.pre, one[:-1], kind) for one in (h, y)),
            *(small_gates.d_gain, small_gates.d_shift),
            *(weight_gradient(embedded, y[1:], kind), embedded[..., :width].sum((0, 1)), d_scale.to(h.dtype)),
            *(None, None),
        )
