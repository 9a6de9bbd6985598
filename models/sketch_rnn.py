"""sketch-rnn: a recurrent network that says, point after point, where the pen goes next.

Decoder-only (Ha and Eck, section 3.3), or the decoder of a variational autoencoder (section 3.2): a bidirectional
encoder reads a whole drawing into a latent vector z, which sets the decoder's first state, tanh(W z + b), and stands
beside each of its inputs. A class's embedding, where the network is conditioned on classes, stands beside z.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.cells import CELLS, KEEP, LSTM, Kind
from models.mixture import Mixture


@dataclass(frozen=True)
class SketchRNNConfig:
    """The shape of a network: the decoder's cell and units, mixture components; classes (0: unconditional) and the
    width of their embedding; the width of z (0: no encoder) and the encoder's units in each direction."""

    cell: Kind = "lstm"
    hidden: int = 512
    components: int = 20
    classes: int = 0
    embedding: int = 32
    latent: int = 0
    encoder: int = 256


class SketchRNN(nn.Module):
    """A recurrent decoder with a mixture head, and the encoder of a VAE where `config.latent` is not 0."""

    embedding: nn.Embedding
    encoder: Encoder
    initial: nn.Linear

    def __init__(self, config: SketchRNNConfig, keep: float = KEEP) -> None:
        """`keep` is the share kept by recurrent dropout, in training only."""
        super().__init__()
        self.config = config
        beside = config.latent + (config.embedding if config.classes else 0)
        self.cell = CELLS[config.cell](5, config.hidden, beside, keep)
        if config.classes:
            self.embedding = nn.Embedding(config.classes, config.embedding)
        if config.latent:
            self.encoder = Encoder(config.encoder, config.latent, keep)
        if beside:
            self.initial = _small_linear(beside, self.cell.state_size)
        self.head = nn.Linear(config.hidden, Mixture.width(config.components))

    def condition(self, labels: Tensor | None = None, z: Tensor | None = None) -> Tensor | None:
        """Class labels `(B,)` and latent vectors `(B, latent)`, as the network has them, to what stands beside every
        input `(B, E + latent)`; None for an unconditional network."""
        parts = [self.embedding(labels)] if self.config.classes else []
        parts += [z] if self.config.latent and z is not None else []
        return torch.cat(parts, dim=-1) if parts else None

    def start(self, condition: Tensor | None, batch: int) -> Tensor:
        """The state before the first input, `(B, S)`: tanh(W z + b), or zeros."""
        if condition is None:
            return self.head.weight.new_zeros(batch, self.cell.state_size)
        return torch.tanh(self.initial(condition)).to(self.head.weight.dtype)

    def forward(
        self,
        inputs: Tensor,
        condition: Tensor | None = None,
        state: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Mixture, Tensor]:
        """Inputs `(B, T, 5)` and their `condition` to the mixtures `(B, T)` of the rows that follow them.

        Pass the returned state `(B, S)` with the next inputs to go on where this call ended. Row b counts only its
        first lengths[b] inputs, which must descend; mixtures after them mean nothing.
        """
        if state is None:
            state = self.start(condition, len(inputs))
        hidden, state = self.cell(inputs, state, condition, lengths)  # (B, T, H)
        return Mixture.split(self.head(hidden)), state


class Encoder(nn.Module):
    """Reads a drawing forwards and backwards, each over its true length, into the mean and spread of z."""

    def __init__(self, hidden: int, latent: int, keep: float) -> None:
        super().__init__()
        self.forwards, self.backwards = LSTM(5, hidden, keep=keep), LSTM(5, hidden, keep=keep)
        self.mu, self.presig = _small_linear(2 * hidden, latent), _small_linear(2 * hidden, latent)

    def forward(self, rows: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Stroke-5 rows `(B, T, 5)` without a start token, of which row b counts lengths[b], in any order of lengths,
        to mu and presig `(B, latent)`; sigma = exp(presig / 2). (Ha and Eck, equation 1.)"""
        order = lengths.argsort(descending=True)
        rows, lengths = rows[order], lengths[order]
        steps = torch.arange(rows.shape[1], device=rows.device)
        back = (lengths[:, None] - 1 - steps).clamp(min=0)  # (B, T)
        turned = rows.gather(1, back.unsqueeze(-1).expand_as(rows))
        nothing = self.mu.weight.new_zeros(len(rows), self.forwards.state_size)
        ends = [
            cell(one, nothing, lengths=lengths)[1][:, : cell.hidden]
            for cell, one in ((self.forwards, rows), (self.backwards, turned))
        ]
        h = torch.cat(ends, dim=-1)[order.argsort()]
        return self.mu(h).float(), self.presig(h).float()


def kl_divergence(mu: Tensor, presig: Tensor) -> Tensor:
    """KL of N(mu, exp(presig)) from N(0, 1), each `(B, latent)`, summed over drawings and divided by the width of z:
    over B it is L_KL (Ha and Eck, equation 10)."""
    return -0.5 * (1 + presig - mu**2 - presig.exp()).sum() / mu.shape[-1]


def _small_linear(inputs: int, outputs: int) -> nn.Linear:
    linear = nn.Linear(inputs, outputs)
    nn.init.normal_(linear.weight, std=0.001)
    nn.init.zeros_(linear.bias)
    return linear
