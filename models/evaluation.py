"""A model judged: held-out loss, and what a judge who has seen only real drawings makes of its sketches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models import metrics, strokes
from models.checkpoint import TrainedModel
from models.datasets import Batches, Drawings
from models.judge import Judge
from models.raster import rasterise
from models.readers import DataError
from models.sampling import Sketch, sample, sample_finished
from models.training import Judgement
from models.training import evaluate as held_out_loss

RDP_EPSILON = 2.0  # px of 0..255: Google's Ramer-Douglas-Peucker tolerance for Quick, Draw!, on which losses depend
REFERENCE = 4000  # training drawings that the nearest is looked for among


@dataclass(frozen=True)
class Exhibition:
    """Real drawings and what is known of them, to hang generated ones beside: all of the judge's classes."""

    judge: Judge
    training: Drawings
    held_out: Drawings

    def real(self, classes: Sequence[str]) -> dict[str, float]:
        """The judge on held-out drawings of some classes, and the floors: real drawings measured as generated ones
        are, against as many training drawings."""
        sketches, labels = self._held_out(classes)
        logits, features = self.judge.look(sketches)
        others = self.judge.look(self._some_training(len(labels), classes))[1]
        precision, recall = metrics.precision_recall(others, features)
        return {
            "drawings": len(labels),
            "top1": metrics.top(logits, labels, 1),
            "top5": metrics.top(logits, labels, 5),
            "frechet": metrics.frechet(others, features),
            "precision": precision,
            "recall": recall,
            **_counts(sketches),
        }

    def generated(
        self,
        model: TrainedModel,
        classes: Sequence[str],
        temperature: float,
        per_class: int,
        seed: int = 0,
        critic: Judge | None = None,
        tries: int = 1,
    ) -> dict[str, Any]:
        """The same of `per_class` samples of each class at a temperature; and top-1 by class, the share that ended
        by itself, and the memorisation ratio: how near the generated are to training drawings, over how near the
        held-out are (well under 1 is copying). With a critic, each sample is the one of `tries` that it picks."""
        made: list[Sketch] = []
        for place, name in enumerate(classes):
            start = seed + place * 7919  # the same chance for every class would count one piece of luck many times
            if critic:
                made += sample_finished(model, per_class, name, temperature, None, start, critic, tries)[0]
            else:
                made += sample(model, per_class, name, temperature, seed=start)
        labels = torch.tensor([self.judge.classes.index(name) for name in classes for _ in range(per_class)])
        logits, features = self.judge.look([one.stroke3 for one in made])
        real = self._held_out(classes)[0][: len(made)]
        precision, recall = metrics.precision_recall(self.judge.look(real)[1], features)
        reference = rasterise(self._some_training(REFERENCE, classes))
        near_made, near_real = (
            float(np.median(metrics.nearest(rasterise(one), reference))) for one in ([s.stroke3 for s in made], real)
        )
        right = (logits.argmax(-1) == labels).view(len(classes), per_class).float().mean(-1)
        return {
            "temperature": temperature,
            "sketches": len(made),
            "top1": metrics.top(logits, labels, 1),
            "top5": metrics.top(logits, labels, 5),
            "ended_by_themselves": sum(one.finished for one in made) / len(made),
            "frechet": metrics.frechet(self.judge.look(real)[1], features),
            "precision": precision,
            "recall": recall,
            "memorisation": near_made / near_real,
            **_counts([one.stroke3 for one in made]),
            "top1_by_class": {name: round(float(one), 3) for name, one in zip(classes, right, strict=True)},
        }

    def _held_out(self, classes: Sequence[str]) -> tuple[list[NDArray[np.float32]], torch.Tensor]:
        both = zip(self.held_out.sketches, self.held_out.labels, strict=True)
        chosen = [(sketch, label) for sketch, label in both if self.judge.classes[label] in classes]
        return [sketch for sketch, _ in chosen], torch.tensor([label for _, label in chosen])

    def _some_training(self, count: int, classes: Sequence[str]) -> list[NDArray[np.float32]]:
        wanted = [
            sketch
            for sketch, label in zip(self.training.sketches, self.training.labels, strict=True)
            if self.training.classes[label] in classes
        ]
        chosen = np.random.default_rng(0).permutation(len(wanted))[:count]
        return [wanted[place] for place in chosen]


def loss_on(model: TrainedModel, held_out: Drawings) -> Judgement:
    """The judgement of the model on the held-out drawings of its own classes, Nmax and length limit its own.

    Raises DataError where none is left.
    """
    mine = Drawings(model.classes)
    for sketch, label in zip(held_out.sketches, held_out.labels, strict=True):
        name = held_out.classes[label]
        if name in model.classes and len(sketch) <= model.max_points:
            mine.sketches.append(sketch)
            mine.labels.append(model.classes.index(name))
    if not len(mine):
        raise DataError("none of the held-out drawings is of a class that the model draws")
    batches = Batches(mine, model.scale_factor, 100)
    return held_out_loss(model.network, batches, model.max_points, torch.device("cpu"))


def _counts(sketches: Sequence[NDArray[np.float32]]) -> dict[str, float]:
    """Sanity: mean points and strokes, and how many are blank or a single point."""
    return {
        "mean_points": float(np.mean([len(one) for one in sketches])),
        "mean_strokes": float(np.mean([len(strokes.to_polylines(one)) for one in sketches])),
        "blank": sum(len(one) < 2 for one in sketches),
    }
