"""A judge of sketches: a small CNN on 40 x 40 pictures, trained on real training drawings only.

It never sees a generated sketch before it judges one, and no held-out drawing before it is judged itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from models import checkpoint
from models.checkpoint import CheckpointError
from models.datasets import Drawings, augment
from models.raster import rasterise

FORMAT = "plotbot-judge/1"
FEATURES = 128


class Judge(nn.Module):
    """Three convolutions, a layer of 128 features, a class: about 0.5 million parameters."""

    def __init__(self, classes: Sequence[str]) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.body = nn.Sequential(
            *(nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(64, 128, 3, padding=1), nn.BatchNorm2d(128), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Dropout(0.3), nn.Linear(128 * 25, FEATURES), nn.ReLU()),
        )
        self.head = nn.Linear(FEATURES, len(self.classes))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures `(B, 40, 40)` to class logits `(B, classes)` and features `(B, 128)`."""
        features = self.body(pictures.unsqueeze(1))
        return self.head(features), features

    @torch.inference_mode()
    def look(self, sketches: Sequence[NDArray[np.floating]]) -> tuple[Tensor, Tensor]:
        """Logits `(B, classes)` and features `(B, 128)` of stroke-3 sketches."""
        self.eval()
        parts = [self(torch.from_numpy(rasterise(sketches[at : at + 500]))) for at in range(0, len(sketches), 500)]
        logits, features = zip(*parts, strict=True)
        return torch.cat(logits), torch.cat(features)


@dataclass(frozen=True)
class JudgeProgress:
    """Where the judge's training stands: steps, and the running share of training drawings it names rightly."""

    step: int
    steps: int
    right: float


def train_judge(
    judge: Judge, drawings: Drawings, steps: int = 2500, batch: int = 64, seed: int = 0
) -> Iterator[JudgeProgress]:
    """Train in place on drawings of the judge's classes, every class equally often, yielding progress.

    Drawings are augmented as the networks' are, scaled by up to 15 % and thinned, and mirrored by chance.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    labels = np.array(drawings.labels)
    weight = 1.0 / np.bincount(labels, minlength=len(judge.classes))[labels]
    weight /= weight.sum()
    adam = torch.optim.AdamW(judge.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, 2e-3, total_steps=steps)
    judge.train()
    right = 0.0
    for step in range(steps):
        which = rng.choice(len(labels), size=batch, p=weight)
        rows = np.concatenate([drawings.sketches[one] for one in which])
        lengths = np.array([len(drawings.sketches[one]) for one in which])
        rows, lengths = augment(rows, lengths, rng)
        pictures = rasterise(np.split(rows, np.cumsum(lengths)[:-1]))
        mirrored = rng.random(batch) < 0.5
        pictures[mirrored] = pictures[mirrored, :, ::-1]
        target = torch.from_numpy(labels[which])
        logits, _ = judge(torch.from_numpy(pictures))
        adam.zero_grad()
        F.cross_entropy(logits, target, label_smoothing=0.05).backward()  # type: ignore[no-untyped-call]
        adam.step()
        schedule.step()
        share = float((logits.argmax(-1) == target).float().mean())
        right = share if step == 0 else 0.98 * right + 0.02 * share
        yield JudgeProgress(step + 1, steps, right)


def save_judge(path: Path, judge: Judge) -> None:
    """Write a judge as safetensors with its classes in the header."""
    checkpoint.write(path, judge.state_dict(), {"format": FORMAT, "classes": list(judge.classes)})


def load_judge(path: Path) -> Judge:
    """Read a judge. Raises CheckpointError, one sentence."""
    tensors, header = checkpoint.read(path, FORMAT)
    try:
        judge = Judge(header["classes"])
        judge.load_state_dict(tensors)
    except (KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path}: its header and its weights do not fit together ({error})") from None
    return judge.eval()
