"""What the sketch transformer's cache saves: CPU seconds to sample with it, and without, in the same run.

Prints a Markdown row: 64 sketches of 200 points, 4 layers of width 128, one thread. The weights are by chance and the
end is ruled out, so that every sketch is as long as it may be; both ways draw from the same seed, and the sketches are
compared. The peer reads each drawing again from its beginning for every point, and computes the last row's mixture
only, as the cache does.
"""

from __future__ import annotations

import copy
from time import process_time

import torch
from torch import Tensor, nn

from models import strokes
from models.checkpoint import TrainedModel
from models.mixture import Mixture
from models.sampling import Sketch, sample
from models.sketch_transformer import SketchTransformer, SketchTransformerConfig

SKETCHES, POINTS = 64, 200
CONFIG = SketchTransformerConfig(layers=4, heads=4, hidden=128, components=20)


class LastRow(nn.Module):
    """The last of rows `(B, T, H)`, as `(B, 1, H)`."""

    def forward(self, rows: Tensor) -> Tensor:
        return rows[:, -1:]


class Forgetful(nn.Module):
    """The same network without a cache: its state is every row read so far, `(B, T, 5)`."""

    def __init__(self, network: SketchTransformer) -> None:
        super().__init__()
        self.config = network.config
        self.network = copy.deepcopy(network)
        self.network.head = nn.Sequential(LastRow(), self.network.head)  # type: ignore[assignment]

    def condition(self, labels: Tensor | None, z: Tensor | None) -> Tensor | None:
        return self.network.condition(labels, z)

    def start(self, condition: Tensor | None, batch: int) -> Tensor:
        return torch.zeros(batch, 0, 5)

    def forward(self, inputs: Tensor, condition: Tensor | None, state: Tensor) -> tuple[Mixture, Tensor]:
        rows = torch.cat([state, inputs], dim=1)
        return self.network(rows, condition)[0], rows


def measure() -> tuple[float, float, float]:
    """CPU seconds with the cache and without, and how far apart the offsets and pen states are at most."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = SketchTransformer(CONFIG).eval()
    network.head.bias.data[strokes.END] = -50
    models = [TrainedModel(one, (), 1.0, round(POINTS / 1.5)) for one in (network, Forgetful(network))]  # type: ignore[arg-type]
    sample(models[0], 1)  # what torch does once is no one's
    seconds: list[float] = []
    sketches: list[list[Sketch]] = []
    for model in models:
        begun = process_time()
        sketches.append(sample(model, SKETCHES))
        seconds.append(process_time() - begun)
    apart = max(float(abs(a.stroke3 - b.stroke3).max()) for a, b in zip(*sketches, strict=True))
    return seconds[0], seconds[1], apart


if __name__ == "__main__":
    cached, without, apart = measure()
    what = f"{SKETCHES} sketches of {POINTS} points, transformer {CONFIG.layers} x {CONFIG.hidden}"
    print(f"| {what} | {cached:.2f} s | {without:.1f} s without cache | **{without / cached:.1f}** times faster |")
    print(f"\nOffsets and pen states of the two differ by at most {apart:.1e}.")
