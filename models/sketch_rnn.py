"""sketch-rnn: a recurrent network that says, point after point, where the pen goes next.

Decoder-only, as in Ha and Eck, section 3.3, or conditioned on a class: the class's embedding c takes the place of
the latent vector z of section 3.2, as the initial state tanh(W c + b) and beside every input.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.mixture import Mixture

State = tuple[Tensor, Tensor]  # h and c, each (1, B, hidden)


@dataclass(frozen=True)
class SketchRNNConfig:
    """The shape of a network: LSTM units, mixture components, classes (0: unconditional), their embedding."""

    hidden: int = 512
    components: int = 20
    classes: int = 0
    embedding: int = 32


class SketchRNN(nn.Module):
    """LSTM decoder with a mixture head. `torch.nn.LSTM` hoists the input matmuls and runs fused on CPU and GPU."""

    embedding: nn.Embedding
    initial: nn.Linear

    def __init__(self, config: SketchRNNConfig) -> None:
        super().__init__()
        self.config = config
        extra = config.embedding if config.classes else 0
        if config.classes:
            self.embedding = nn.Embedding(config.classes, config.embedding)
            self.initial = nn.Linear(config.embedding, 2 * config.hidden)
            nn.init.normal_(self.initial.weight, std=0.001)
            nn.init.zeros_(self.initial.bias)
        self.lstm = nn.LSTM(5 + extra, config.hidden, batch_first=True)
        self.head = nn.Linear(config.hidden, Mixture.width(config.components))
        self._initialise()

    def _initialise(self) -> None:
        """Glorot inputs, orthogonal recurrence, gate by gate; forget bias 1, so that early memory lasts."""
        hidden = self.config.hidden
        weights = dict(self.lstm.named_parameters())
        for gate in range(4):  # torch's order: input, forget, candidate, output
            rows = slice(gate * hidden, (gate + 1) * hidden)
            nn.init.xavier_uniform_(weights["weight_ih_l0"].data[rows])
            nn.init.orthogonal_(weights["weight_hh_l0"].data[rows])
        weights["bias_ih_l0"].data.zero_()
        weights["bias_hh_l0"].data.zero_()
        weights["bias_ih_l0"].data[hidden : 2 * hidden] = 1.0

    def start(self, labels: Tensor | None, batch: int) -> State:
        """The state before the first input: tanh(W c + b) of the class, or zeros. Each `(1, B, hidden)`."""
        if labels is None:
            zeros = self.head.weight.new_zeros(1, batch, self.config.hidden)
            return zeros, zeros
        h, c = torch.tanh(self.initial(self.embedding(labels))).unsqueeze(0).chunk(2, dim=-1)
        return h.contiguous(), c.contiguous()

    def forward(
        self, inputs: Tensor, labels: Tensor | None = None, state: State | None = None
    ) -> tuple[Mixture, State]:
        """Inputs `(B, T, 5)` and class labels `(B,)` to the mixtures `(B, T)` of the rows that follow them.

        Pass the returned state with the next inputs to go on where this call ended.
        """
        batch, steps, _ = inputs.shape
        if state is None:
            state = self.start(labels, batch)
        if labels is not None:
            beside = self.embedding(labels).unsqueeze(1).expand(-1, steps, -1)
            inputs = torch.cat([inputs, beside], dim=-1)  # (B, T, 5 + E)
        hidden, state = self.lstm(inputs, state)  # (B, T, H)
        return Mixture.split(self.head(hidden)), state
