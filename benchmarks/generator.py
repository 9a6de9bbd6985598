"""The generator's figures, each beside a peer measured in the same run: prints a Markdown table.

CPU seconds of one thread, which other load on the machine disturbs less than wall time; everything that is compared
runs in turn, and which goes first changes from round to round. Needs PLOTBOT_DATA, the folder that holds Quick, Draw!
as quickdraw/CLASS.ndjson. docs/benchmarks.md says what each row means.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np
import torch
from run import Figure
from torch import Tensor, nn
from torch.nn import functional as F

from models import strokes, zoo
from models.cells import EPSILON, LSTM, Cell, HyperLSTM, LayerNormLSTM
from models.checkpoint import CheckpointError
from models.datasets import Batch, Batches, Drawings, load, scale_factor
from models.mixture import loss
from models.readers import DataError
from models.recipe import load_recipe
from models.sampling import sample
from models.sketch_rnn import SketchRNN, SketchRNNConfig
from models.training import Objective, to_tensors

ROUNDS = 3
BATCH, STEPS, HIDDEN, BESIDE = 100, 64, 512, 32  # 64 points: about a mean drawing; 32: a class's embedding
MAX_POINTS = 250
OUR_BATCHES = 6  # to one of the peer's, which takes about as much time
SKETCHES, SINGLE_SKETCHES = 1000, 20
CPU = torch.device("cpu")


def in_turn(*programs: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Run all, ``rounds`` times: the median CPU seconds of each."""
    seconds: list[list[float]] = [[] for _ in programs]
    for turn in range(rounds):
        for place in range(len(programs)):
            which = (place + turn) % len(programs)
            start = process_time()
            programs[which]()
            seconds[which].append(process_time() - start)
    return [median(one) for one in seconds]


class EagerLayerNormLSTM(LayerNormLSTM):
    """The same cell as one would write it down, its backward left to autograd."""

    def forward(
        self, inputs: Tensor, state: Tensor, beside: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """As Cell.forward has it, for a batch of equal lengths with something beside."""
        assert beside is not None and self.beside_weight is not None and lengths is None
        weight = torch.cat([self.input_weight, self.beside_weight, self.recurrent_weight], dim=-1)
        h, c = state.chunk(2, dim=-1)
        outputs = []
        for x in inputs.unbind(1):
            pre = F.linear(torch.cat([x, beside, h], dim=-1), weight).chunk(4, dim=-1)
            normal = [
                F.layer_norm(one, [self.hidden], self.gain[gate], self.shift[gate], EPSILON)
                for gate, one in enumerate(pre)
            ]
            i, f, o = (torch.sigmoid(one) for one in normal[:3])
            c = f * c + i * F.dropout(torch.tanh(normal[3]), 1 - self.keep, self.training)
            h = o * torch.tanh(F.layer_norm(c, [self.hidden], self.gain[4], self.shift[4], EPSILON))
            outputs.append(h)
        return torch.stack(outputs, dim=1), torch.cat([h, c], dim=-1)


def cells() -> list[Figure]:
    """Forward and backward of a decoder's recurrence: each cell beside torch's LSTM, and beside a loop in autograd."""
    inputs, beside = torch.randn(BATCH, STEPS, 5), torch.randn(BATCH, BESIDE)
    weight = torch.randn(BATCH, STEPS, HIDDEN)
    peer = nn.LSTM(5 + BESIDE, HIDDEN, batch_first=True)

    def torchs() -> None:
        whole = torch.cat([inputs, beside[:, None].expand(-1, STEPS, -1)], dim=-1)
        (peer(whole)[0] * weight).sum().backward()

    def step(cell: nn.Module, state: Tensor) -> None:
        (cell(inputs, state, beside)[0] * weight).sum().backward()

    kinds = LSTM, LayerNormLSTM, HyperLSTM, EagerLayerNormLSTM
    ours = [kind(5, HIDDEN, BESIDE) for kind in kinds]
    check(ours[3], ours[1], inputs, beside)
    programs = [partial(step, cell, torch.zeros(BATCH, cell.state_size)) for cell in ours]
    in_turn(torchs, *programs, rounds=1)
    base, lstm, normed, hyper, eager = (1000 * one for one in in_turn(torchs, *programs))
    return [
        Figure(f"training step of an LSTM, {HIDDEN} units", lstm, base, "ms", "`torch.nn.LSTM`", "less"),
        Figure("the same of a LayerNorm LSTM", normed, base, "ms", "`torch.nn.LSTM`", "less"),
        Figure("the same of a HyperLSTM", hyper, base, "ms", "`torch.nn.LSTM`", "less"),
        Figure("the LayerNorm LSTM again", normed, eager, "ms", "a plain loop, by autograd", "less"),
    ]


def check(eager: Cell, cell: Cell, inputs: Tensor, beside: Tensor) -> None:
    """That the peer computes what ours does, in evaluation."""
    eager.load_state_dict(cell.state_dict())
    state = torch.zeros(BATCH, 2 * HIDDEN)
    with torch.no_grad():
        found = [one.eval()(inputs, state, beside) for one in (cell, eager)]
    torch.testing.assert_close(*found, atol=1e-4, rtol=1e-4)
    for one in (cell, eager):
        one.train()


def training(folder: Path) -> list[Figure]:
    """Real points per second of training, in our batches and in random ones that are all padded to Nmax."""
    recipe = replace(load_recipe("twenty"), max_points=MAX_POINTS, scale_augment=0.0, drop_augment=0.0)
    drawings, _ = load(folder, recipe.classes, recipe.min_points, recipe.max_points).split()
    scale = scale_factor(drawings)
    batches = Batches(drawings, scale, BATCH)
    network = SketchRNN(SketchRNNConfig(hidden=HIDDEN, classes=len(recipe.classes)))
    objective, adam = Objective(network), torch.optim.Adam(network.parameters(), fused=True)
    rng = np.random.default_rng(0)

    def update(nats: Tensor, points: Tensor) -> int:
        adam.zero_grad(set_to_none=True)
        (nats / points).backward()
        nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
        adam.step()
        return int(points)

    def ours(number: int) -> int:
        nats, _, points, _ = objective(*to_tensors(batches.train(number, recipe), CPU)).unbind()
        return update(nats, points)

    def peer() -> int:
        rows, lengths, labels = to_tensors(padded(drawings, scale, batches.lengths.max(), rng), CPU)
        mixture, _ = network(rows[:, :-1], network.condition(labels))
        one = loss(mixture, rows[:, 1:], lengths)
        return update(one.offset + one.pen, one.points)

    points, seconds = {True: 0, False: 0}, {True: 0.0, False: 0.0}
    for number in range(ROUNDS * OUR_BATCHES):
        turns = [True, False] if number % OUR_BATCHES == 0 else [True]
        for mine in turns:
            start = process_time()
            points[mine] += ours(number) if mine else peer()
            seconds[mine] += process_time() - start
    rates = [points[mine] / seconds[mine] for mine in (True, False)]
    return [Figure("real points of training", rates[0], rates[1], "/s", "all padded to the longest", "more")]


def padded(drawings: Drawings, scale: float, longest: int, rng: np.random.Generator) -> Batch:
    """A batch as most ports have it: drawings by chance, each padded to the longest of the whole set."""
    which = rng.choice(len(drawings), BATCH)
    rows = np.zeros((BATCH, longest + 2, 5), dtype=np.float32)
    rows[:, 0] = strokes.START_TOKEN
    for row, one in zip(rows, which, strict=True):
        row[1:] = strokes.to_stroke5(drawings.sketches[one] / [scale, scale, 1], longest + 1)
    lengths = np.array([len(drawings.sketches[one]) for one in which])
    return Batch(rows, lengths, np.array(drawings.labels)[which])


def sampled() -> list[Figure]:
    """Sketches per second, in one batch beside one at a time, with one network."""
    model, name = zoo.find("cat")

    def batch() -> None:
        sample(model, SKETCHES, name)

    def singly() -> None:
        for seed in range(SINGLE_SKETCHES):
            sample(model, 1, name, seed=seed)

    seconds, peer_seconds = in_turn(batch, singly)
    rates = SKETCHES / seconds, SINGLE_SKETCHES / peer_seconds
    return [Figure(f"{SKETCHES:,} cats in one batch", *rates, "/s", "the same, one at a time", "more")]


def main() -> None:
    """Measure everything and print the table."""
    if "PLOTBOT_DATA" not in os.environ:
        sys.exit("Where are the drawings? Set PLOTBOT_DATA to the folder that holds quickdraw/CLASS.ndjson.")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    start = perf_counter()
    try:
        figures = [*cells(), *training(Path(os.environ["PLOTBOT_DATA"]) / "quickdraw"), *sampled()]
    except (DataError, CheckpointError) as error:
        sys.exit(str(error))
    print("| what | plotbot | peer | which peer | plotbot / peer | better |\n| --- | ---: | ---: | --- | ---: | --- |")
    print("\n".join(figure.row() for figure in figures))
    load_now = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"\nCPU time of one thread, {ROUNDS} rounds, in {perf_counter() - start:.0f} s{load_now};")
    print(f"Python {platform.python_version()}, torch {torch.__version__}.")


if __name__ == "__main__":
    main()
