"""The sketch transformer: a decoder that looks back at every point drawn so far to say where the pen goes next.

Pre-norm blocks of causal self-attention and a GELU layer four times as wide (Vaswani and others 2017; Radford and
others 2019), under the mixture head of sketch-rnn. Positions are rotary (Su and others 2021): a score depends on how
many points apart two rows are, and on nothing learnt for a place in the drawing, so that a sample may be longer than
every drawing the network was trained on, where learned positions would run out. A class's embedding is added to every
row, where sketch-rnn has it beside its inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.cells import KEEP
from models.mixture import Mixture

SLOWEST = 10_000.0  # one pair of a head's columns turns 1 radian a row, the others slower, down to about 1 in so many
ROOM = 64  # rows that a cache grows by


@dataclass(frozen=True)
class SketchTransformerConfig:
    """The shape of a network: blocks, attention heads in each, width, mixture components; classes (0:
    unconditional). There is no encoder: `latent` is always 0."""

    layers: int = 4
    heads: int = 4
    hidden: int = 512
    components: int = 20
    classes: int = 0
    latent: ClassVar[int] = 0


class Cache:
    """What a transformer remembers of the rows it has read: each layer's keys and values.

    `length` rows were read. Layer i has its keys and values in one tensor `(2, B, heads, room, D)`, room >= length,
    or None before the first row. No gradient flows through a cache that is read on from.
    """

    def __init__(self, layers: int) -> None:
        self.length = 0
        self.kept: list[Tensor | None] = [None] * layers

    def __getitem__(self, which: Tensor) -> Cache:
        """The memory of some drawings only, by a mask `(B,)`."""
        some = Cache(0)
        some.length = self.length
        some.kept = [None if one is None else one[:, which] for one in self.kept]
        return some

    def add(self, layer: int, new: Tensor) -> Tensor:
        """Keys and values `(2, B, heads, T, D)` of a layer's next T rows to those of all, `(2, B, heads, length + T,
        D)`. The caller moves `length` on when every layer has added its own."""
        kept, end = self.kept[layer], self.length + new.shape[3]
        if kept is None:
            self.kept[layer] = new  # not copied: all that training needs
            return new
        if end > kept.shape[3]:
            *lead, _, width = kept.shape
            wider = kept.new_empty(*lead, end + ROOM, width)
            wider[..., : self.length, :] = kept[..., : self.length, :]
            self.kept[layer] = kept = wider
        kept[..., self.length : end, :] = new
        return kept[..., :end, :]


class SketchTransformer(nn.Module):
    """A causal transformer with a mixture head, used as models.sketch_rnn.SketchRNN is; its state is a Cache."""

    embedding: nn.Embedding
    frequencies: Tensor

    def __init__(self, config: SketchTransformerConfig, keep: float = KEEP) -> None:
        """`keep` is the share kept by the dropout at the end of each block's halves, in training only.

        Raises ValueError where the heads cannot share the width in pairs of columns.
        """
        super().__init__()
        if config.heads < 1 or config.hidden % (2 * config.heads):
            raise ValueError(f"twice the heads ({config.heads}) must divide hidden ({config.hidden})")
        self.config = config
        self.enter = nn.Linear(5, config.hidden)
        if config.classes:
            self.embedding = nn.Embedding(config.classes, config.hidden)
        self.blocks = nn.ModuleList(Block(config.hidden, config.heads, 1 - keep) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.hidden)
        self.head = nn.Linear(config.hidden, Mixture.width(config.components))
        pairs = config.hidden // config.heads // 2
        self.register_buffer("frequencies", SLOWEST ** (-torch.arange(pairs) / pairs), persistent=False)

    def condition(self, labels: Tensor | None = None, z: Tensor | None = None) -> Tensor | None:
        """Class labels `(B,)` to what is added to every row `(B, H)`; None for an unconditional network. There is
        no z."""
        return self.embedding(labels) if self.config.classes else None

    def start(self, condition: Tensor | None, batch: int) -> Cache:
        """The state before the first input: nothing read."""
        return Cache(self.config.layers)

    def forward(
        self,
        inputs: Tensor,
        condition: Tensor | None = None,
        state: Cache | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Mixture, Cache]:
        """Inputs `(B, T, 5)` and their `condition` to the mixtures `(B, T)` of the rows that follow them.

        Pass the returned state with the next inputs to go on where this call ended: it is the one that was given,
        moved on. `lengths` are not needed: no row sees one after it, so that padding changes nothing before it.
        """
        if state is None:
            state = self.start(condition, len(inputs))
        steps = torch.arange(state.length, state.length + inputs.shape[1], device=inputs.device)
        angles = steps[:, None] * self.frequencies  # (T, D / 2)
        turn = angles.cos(), angles.sin()
        hidden = self.enter(inputs)  # (B, T, H)
        if condition is not None:
            hidden = hidden + condition[:, None]
        for layer, block in enumerate(self.blocks):
            hidden = block(hidden, turn, state, layer)
        state.length += inputs.shape[1]
        return Mixture.split(self.head(self.norm(hidden))), state


class Block(nn.Module):
    """x + attention(norm(x)), then x + MLP(norm(x))."""

    def __init__(self, hidden: int, heads: int, drop: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.mlp_norm = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.query_key_value = nn.Linear(hidden, 3 * hidden)
        self.attended = nn.Linear(hidden, hidden)
        self.mlp = nn.Sequential(nn.Linear(hidden, 4 * hidden), nn.GELU(), nn.Linear(4 * hidden, hidden))
        self.drop = nn.Dropout(drop)

    def forward(self, hidden: Tensor, turn: tuple[Tensor, Tensor], state: Cache, layer: int) -> Tensor:
        """Rows `(B, T, H)` to rows `(B, T, H)`; `turn` is the cosine and sine `(T, D / 2)` of their angles."""
        hidden = hidden + self.drop(self.attend(self.attention_norm(hidden), turn, state, layer))
        return hidden + self.drop(self.mlp(self.mlp_norm(hidden)))  # type: ignore[no-any-return]

    def attend(self, hidden: Tensor, turn: tuple[Tensor, Tensor], state: Cache, layer: int) -> Tensor:
        """Each row sees itself and the rows before it, those in the cache among them."""
        batch, steps, width = hidden.shape
        split = self.query_key_value(hidden).view(batch, steps, 3, self.heads, -1)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # each (B, heads, T, D)
        key, value = state.add(layer, torch.stack([rotate(key, *turn), value.to(turn[0].dtype)]))
        before = key.shape[2] - steps
        mask = None
        if before and steps > 1:
            mask = torch.ones(steps, before + steps, dtype=torch.bool, device=hidden.device).tril(before)
        seen = F.scaled_dot_product_attention(rotate(query, *turn), key, value, mask, is_causal=not before)
        return self.attended(seen.transpose(1, 2).reshape(batch, steps, width))  # type: ignore[no-any-return]


def rotate(rows: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary positions (Su and others 2021, equation 34): of rows `(..., T, D)`, turn columns i and i + D / 2 as a
    pair by the angle of their row, whose cosine and sine are `(T, D / 2)`."""
    one, other = rows.chunk(2, dim=-1)
    return torch.cat([one * cosine - other * sine, one * sine + other * cosine], dim=-1)
