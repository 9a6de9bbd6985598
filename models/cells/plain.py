"""The cells without normalisation: LSTM and GRU."""

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
    hoist,
    hoist_back,
    matmul_back,
    matmul_type,
    through_gates,
    weight_gradient,
)


class LSTM(Cell):
    """c' = sig(f) c + sig(i) drop(tanh(j)); h' = sig(o) tanh(c'), with one bias."""

    def __init__(self, inputs: int, hidden: int, beside: int = 0, keep: float = KEEP) -> None:
        super().__init__(inputs, hidden, beside, keep)
        self.bias = nn.Parameter(torch.zeros(4 * hidden))
        self.bias.data[hidden : 2 * hidden] = 1.0

    def run(
        self, inputs: Tensor, state: Tensor, beside: Tensor | None, drop: Tensor | None, sizes: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        fixed = fixed_part(len(state), self.bias, beside, self.beside_weight)
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
        ctx.kind = matmul_type(state)
        turned = across(weight, steps, ctx.kind)
        active = hoist(inputs, input_weight, fixed)
        tanh_c = state.new_empty(steps, batch, size)
        h, c = state.new_empty(steps + 1, batch, size), state.new_empty(steps + 1, batch, size)
        h[0], c[0] = state.chunk(2, dim=-1)
        for t, n in enumerate(sizes):
            gates = active[t, :n]
            add_matmul(gates, h[t, :n], turned, gates)
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
            through_gates(active[t, :n], d_gates[:n])
            active[t, :n], active[t, n:] = d_gates[:n], 0  # from here on they hold the gradients
            d_h[:n] = matmul_back(d_gates[:n], cast)
        d_inputs, d_input_weight, d_fixed = hoist_back(active, inputs, input_weight, ctx.needs_input_grad[0])
        d_state = torch.cat([d_h, d_c], dim=-1)
        return d_inputs, d_fixed, d_state, d_input_weight, weight_gradient(active, h[:-1], ctx.kind), None, None


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
        fixed = fixed_part(len(state), self.bias, beside, self.beside_weight)
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
        ctx.kind = matmul_type(state)
        turned = across(weight, steps, ctx.kind)
        offset = torch.cat([bias.new_zeros(2 * size), bias])
        active = hoist(inputs, input_weight, fixed)
        recurrent = state.new_empty(steps, batch, size)  # U h + b of the candidate
        h = state.new_empty(steps + 1, batch, size)
        h[0] = state
        pre = state.new_empty(batch, 3 * size)
        for t, n in enumerate(sizes):
            gates = active[t, :n]
            add_matmul(offset.expand(n, -1), h[t, :n], turned, pre[:n])
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
            d_h[:n] = back * z + matmul_back(d_recurrent[t, :n], cast)
            active[t, :n], active[t, n:] = d_gates[:n], 0  # from here on they hold the gradients
        d_inputs, d_input_weight, d_fixed = hoist_back(active, inputs, input_weight, ctx.needs_input_grad[0])
        d_weight, d_bias = weight_gradient(d_recurrent, h[:-1], ctx.kind), d_recurrent[..., 2 * size :].sum((0, 1))
        return d_inputs, d_fixed, d_h, d_input_weight, d_weight, d_bias, None, None
