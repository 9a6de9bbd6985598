"""What all cells share: their interface and first parameters, and the matmuls over whole sequences, there and back."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

KEEP = 0.90  # of recurrent dropout, in training


class Cell(nn.Module):
    """A recurrent layer of `hidden` units. Its state is one tensor `(B, state_size)` whose first columns are h.

    `beside` inputs `(B, beside)` are the same at every step. `gates` counts the blocks of `hidden` pre-activations.
    """

    gates = 4

    def __init__(self, inputs: int, hidden: int, beside: int = 0, keep: float = KEEP) -> None:
        super().__init__()
        self.hidden, self.keep = hidden, keep
        self.state_size = 2 * hidden
        self.input_weight = glorot(self.gates, hidden, inputs + beside, slice(0, inputs))
        self.beside_weight = glorot(self.gates, hidden, inputs + beside, slice(inputs, None)) if beside else None
        self.recurrent_weight = orthogonal(self.gates, hidden)

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


def fixed_part(batch: int, bias: Tensor, beside: Tensor | None, weight: Tensor | None) -> Tensor:
    """What is added at every step: the bias, and the matmul of what stands beside the inputs, `(B, G)`."""
    if beside is None or weight is None:
        return bias.expand(batch, -1)
    return torch.addmm(bias, beside, weight.t()).to(bias.dtype)  # autocast would leave it in its own type


def hoist(inputs: Tensor, weight: Tensor, fixed: Tensor) -> Tensor:
    """inputs x W + fixed for all steps, `(T, B, G)`: the matmuls that need no h.

    Into one buffer, which the gates then fill and at last their gradients: fresh memory costs as much as the matmul.
    """
    hoisted = fixed.new_empty(len(inputs), *fixed.shape)
    for one, out in zip(inputs, hoisted, strict=True):
        torch.addmm(fixed, one, weight.t(), out=out)
    return hoisted


def hoist_back(gradient: Tensor, inputs: Tensor, weight: Tensor, wanted: bool) -> tuple[Tensor | None, Tensor, Tensor]:
    """Of `hoist`: the gradients of the inputs, where wanted, of W and of what is fixed.

    W's is taken the other way round and turned: a matmul with five columns is ten times slower than one with five rows.
    """
    d_weight = (inputs.flatten(0, 1).t() @ gradient.flatten(0, 1)).t()
    return gradient @ weight if wanted else None, d_weight, gradient.sum(0)


def glorot(gates: int, hidden: int, fan_in: int, columns: slice) -> nn.Parameter:
    """Columns of gate-wise Glorot-uniform weights `(gates x H, fan_in)`."""
    limit = (6 / (fan_in + hidden)) ** 0.5
    width = len(range(fan_in)[columns])
    return nn.Parameter(torch.empty(gates * hidden, width).uniform_(-limit, limit))


def orthogonal(gates: int, hidden: int) -> nn.Parameter:
    """Gate-wise orthogonal weights `(gates x H, H)`."""
    blocks = [nn.init.orthogonal_(torch.empty(hidden, hidden)) for _ in range(gates)]
    return nn.Parameter(torch.cat(blocks))


def matmul_type(like: Tensor) -> torch.dtype:
    """What the matmuls of a recurrence run in: autocast's type where it is on, else that of the state.

    To be asked on the way forward, and kept for the way back, where autocast is off.
    """
    kind = like.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else like.dtype


def across(weight: Tensor, steps: int, kind: torch.dtype) -> Tensor:
    """W transposed for `add_matmul`; laid out afresh only where many steps repay the copy."""
    turned = weight.to(kind).t()
    return turned.contiguous() if steps > 8 else turned


def add_matmul(added: Tensor, rows: Tensor, turned: Tensor, out: Tensor) -> None:
    """out = added + rows x turned, the matmul in the type of `turned`."""
    if rows.dtype == turned.dtype:
        torch.addmm(added, rows, turned, out=out)
    else:
        torch.add(added, rows.to(turned.dtype) @ turned, out=out)


def matmul_back(gradient: Tensor, weight: Tensor) -> Tensor:
    """gradient x W, in the type of W, returned in that of the gradient."""
    return (gradient.to(weight.dtype) @ weight).to(gradient.dtype)


def weight_gradient(gradient: Tensor, rows: Tensor, kind: torch.dtype) -> Tensor:
    """The gradient of W `(G, H)`, in one matmul over all steps: of `(T, B, G)` and `(T, B, H)`."""
    return (gradient.flatten(0, 1).to(kind).t() @ rows.flatten(0, 1).to(kind)).to(gradient.dtype)


def through_gates(active: Tensor, gradient: Tensor) -> None:
    """In place: the gradient `(n, 4 H)` of sigmoid and tanh gates, back to their pre-activations."""
    size = active.shape[-1] // 4
    soft, candidate = active[:, : 3 * size], active[:, 3 * size :]
    gradient[:, : 3 * size] *= torch.addcmul(soft, soft, soft, value=-1)
    gradient[:, 3 * size :] -= gradient[:, 3 * size :] * candidate * candidate
