"""The mini network: learns one drawing by heart, in seconds on one core, for a page that shows it learning.

Stroke-5 rows go into an LSTM, a dense layer of 64 with ReLU, and 33 numbers: five mixture components and three pen
logits, read and trained as those of the large networks (see models/mixture.py). Each batch is the one drawing several
times over, every copy turned, scaled and shifted afresh, so that the network learns a form and not a list of numbers:
what it is primed with decides how large and at which angle it draws on. And the points that it reads are a little off,
while those it is to reach are not: without this it never sees a line gone astray, and a sketch that drifts goes on
drifting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models import strokes
from models.mixture import Mixture, loss
from models.sampling import SLACK, SamplingError, checked, one_thread, pen_temperature_for

State = tuple[Tensor, Tensor]  # h and c of the LSTM, each (1, B, HIDDEN)
HIDDEN, DENSE, COMPONENTS = 96, 64, 5
PRIMING = 8  # rows of the drawing that a sample is given
MOST_POINTS = 500  # of the drawing; a training step takes time in proportion to them
BATCH = 8
LEARNING_RATE = (1e-2, 5e-4)  # at the first and the last step, geometric between
CLIP = 1.0
REPORT_EVERY = 10  # steps
TURN = np.radians(15)  # either way: what stands upright still stands
SCALE = 0.15  # either way, both axes alike
SHIFT = 1.0  # either way, x and y each, in model units: about one step of the pen
JITTER = 0.2  # standard deviation of a point that is read, x and y each, in model units


class MiniNetwork(nn.Module):
    """LSTM, dense ReLU, dense: stroke-5 rows to the mixtures of the rows that follow them."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(5, HIDDEN, batch_first=True)
        self.dense = nn.Linear(HIDDEN, DENSE)
        self.head = nn.Linear(DENSE, Mixture.width(COMPONENTS))
        weights = dict(self.lstm.named_parameters())
        for gate in range(4):  # torch's order: input, forget, candidate, output
            rows = slice(gate * HIDDEN, (gate + 1) * HIDDEN)
            nn.init.xavier_uniform_(weights["weight_ih_l0"].data[rows])
            nn.init.orthogonal_(weights["weight_hh_l0"].data[rows])
        weights["bias_ih_l0"].data[HIDDEN : 2 * HIDDEN] = 1.0  # forget bias 1, so that early memory lasts

    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Mixture, State]:
        """Inputs `(B, T, 5)` to mixtures `(B, T)` and the state to go on from; without a state, from zeros."""
        hidden, state = self.lstm(inputs, state)  # (B, T, HIDDEN)
        return Mixture.split(self.head(torch.relu(self.dense(hidden)))), state


@dataclass(frozen=True)
class MiniProgress:
    """Where the training stands: steps done, of how many, nats per point (the mean since the last report)."""

    step: int
    steps: int
    loss: float


@dataclass(frozen=True)
class MiniSample:
    """A sketch `(N, 3)` in stroke-3, in the unit of the drawing; whether it ended by itself rather than at its cap;
    and the mixture weights `(5,)` that its last point was drawn with, after the temperature."""

    stroke3: NDArray[np.float32]
    finished: bool
    weights: NDArray[np.float32]


class Mini:
    """One drawing and the network that learns it; the same drawing and seed give the same network and sketches.

    Between two reports of `train`, in the same thread, `sample` and `offsets` show what has been learnt so far.
    """

    def __init__(self, sketch: NDArray[np.floating], seed: int = 0) -> None:
        """`sketch` is stroke-3 `(N, 3)` in any unit, 2 to 500 points. Raises SamplingError where it is not."""
        self.sketch = _checked(sketch)
        # The first row says where on the page the drawing begins and nothing of its form: it is no measure of size.
        # A root mean square, not a standard deviation: the latter is 0 for a straight line at 45 degrees.
        self.scale_factor = float(np.sqrt(np.mean(np.square(self.sketch[1:, :2], dtype=np.float64))))
        self.unit = np.array([self.scale_factor, self.scale_factor, 1], dtype=np.float32)
        rows: NDArray[np.float32] = self.sketch / self.unit
        rows[0, :2] = 0
        ended = strokes.to_stroke5(rows, len(rows) + 1)
        self.rows = torch.from_numpy(np.vstack([strokes.START_TOKEN, ended]))  # (N + 2, 5)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = MiniNetwork()
        self.adam = torch.optim.Adam(self.network.parameters(), fused=True)
        self.rng = np.random.default_rng(seed)

    def train(self, steps: int = 300) -> Iterator[MiniProgress]:
        """Learn for `steps` batches, reporting every ten and at the last. A second call goes on from the first."""
        lengths = torch.full((BATCH,), len(self.sketch))
        first, last = LEARNING_RATE
        since: list[float] = []
        for step in range(steps):
            self.adam.param_groups[0]["lr"] = first * (last / first) ** (step / steps)
            with one_thread():
                inputs, targets = self._batch()
                mixture, _ = self.network(inputs)
                nats = loss(mixture, targets, lengths).per_point
                self.adam.zero_grad()
                nats.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
                self.adam.step()
            since.append(float(nats.detach()))
            if (step + 1) % REPORT_EVERY == 0 or step + 1 == steps:
                yield MiniProgress(step + 1, steps, sum(since) / len(since))
                since.clear()

    def _batch(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets `(BATCH, N + 1, 5)`: the drawing, turned and scaled about its first point, and shifted.

        An offset says nothing of the place, so a shift moves the first row alone. A point that is read is off by
        its jitter; its target leads from there to where the next point truly is.
        """
        angle = self.rng.uniform(-TURN, TURN, BATCH)
        scale = self.rng.uniform(1 - SCALE, 1 + SCALE, BATCH)
        shift = self.rng.uniform(-SHIFT, SHIFT, (BATCH, 2))
        jitter = torch.from_numpy(self.rng.normal(0, JITTER, (BATCH, len(self.sketch), 2)).astype(np.float32))
        turned = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) * scale  # (2, 2, B)
        rows = self.rows.repeat(BATCH, 1, 1)  # (B, N + 2, 5): start token, N rows, end
        rows[..., :2] @= torch.from_numpy(turned.transpose(2, 0, 1).astype(np.float32))
        rows[:, 1, :2] = torch.from_numpy(shift.astype(np.float32))
        inputs, targets = rows[:, :-1].clone(), rows[:, 1:]
        inputs[:, 1:, :2] += jitter
        inputs[:, 2:, :2] -= jitter[:, :-1]
        targets[:, 1:-1, :2] -= jitter[:, :-1]
        return inputs, targets

    @torch.inference_mode()
    def sample(
        self, temperature: float = 0.1, pen_temperature: float | None = None, points: int | None = None, seed: int = 0
    ) -> MiniSample:
        """A sketch that begins with the drawing's own first eight rows and goes on as the network has it.

        A shorter drawing gives all its rows but the last. The sketch ends at its first p3, or is cut at `points`
        points, those given included (unless given: half as many again as the drawing has). Temperatures are
        those of models.sampling; the pen's is `pen_temperature_for(temperature)` unless given. Raises
        SamplingError for a temperature or a number of points out of range.
        """
        if pen_temperature is None:
            pen_temperature = pen_temperature_for(temperature)
        temperature, pen_temperature = checked(temperature, pen_temperature)
        cap = round(SLACK * len(self.sketch)) if points is None else points
        if not 1 <= cap <= 2 * MOST_POINTS:
            raise SamplingError(f"a sample has 1 to {2 * MOST_POINTS} points, not {cap}")
        given = min(PRIMING, len(self.sketch) - 1, cap)
        generator = torch.Generator().manual_seed(seed)
        drawn: list[Tensor] = []
        finished = False
        with one_thread():
            mixture, state = self.network(self.rows[None, :given])  # the last of these predicts the last row given
            weights = mixture.sharpen(temperature, pen_temperature).log_pi[0, -1]
            row = self.rows[None, None, given]
            while True:
                mixture, state = self.network(row, state)
                mixture = mixture.sharpen(temperature, pen_temperature)
                offset, pen = mixture.sample(generator)  # (1, 1, 2), (1, 1)
                finished = bool(pen == strokes.END)
                if finished or given + len(drawn) == cap:
                    break
                weights = mixture.log_pi[0, 0]
                row = torch.cat([offset, nn.functional.one_hot(pen, 3).float()], dim=-1)
                drawn.append(row[0, 0])
        own = np.zeros((0, 3), dtype=np.float32)
        if drawn:
            own = strokes.from_stroke5(torch.stack(drawn).numpy()) * self.unit
        return MiniSample(np.concatenate([self.sketch[:given], own]), finished, weights.exp().numpy())

    @torch.inference_mode()
    def offsets(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The drawing's offsets after its first row, and the network's predictions of them, each `(N - 1, 2)`.

        In model units: the drawing's divided by `scale_factor`. A prediction, made from all true rows before it,
        is the mean of the heaviest component: what a sample draws as the temperature goes to 0.
        """
        with one_thread():
            mixture, _ = self.network(self.rows[None, :-2])  # (1, N)
        heaviest = mixture.log_pi[0, 1:].argmax(-1)
        predicted = mixture.mu[0, 1:][torch.arange(len(heaviest)), heaviest]
        return self.rows[2:-1, :2].numpy(), predicted.numpy()


def _checked(sketch: NDArray[np.floating]) -> NDArray[np.float32]:
    """The drawing as float32 with pen states 0 and 1; SamplingError if the network cannot learn it."""
    sketch = np.array(sketch, dtype=np.float32)
    if sketch.ndim != 2 or sketch.shape[1] != 3:
        raise SamplingError(f"a drawing has rows of dx, dy and pen up, shape (N, 3), not {sketch.shape}")
    if not 2 <= len(sketch) <= MOST_POINTS:
        raise SamplingError(f"the mini network learns a drawing of 2 to {MOST_POINTS} points, not {len(sketch)}")
    if not np.isfinite(sketch).all():
        row = int(np.argmin(np.isfinite(sketch).all(axis=1)))
        raise SamplingError(f"point {row + 1} of the drawing is not a finite number; draw it again without it")
    if not sketch[1:, :2].any():
        raise SamplingError("all points of the drawing coincide; draw something with an extent")
    sketch[:, 2] = sketch[:, 2] > 0.5
    return sketch
