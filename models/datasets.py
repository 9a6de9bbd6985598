"""Drawings to train on: those held out, both augmentations, and the batches that training draws.

A file that has a split of its own keeps it. Every other drawing is held out or not by a checksum of its own points,
so that the split is the same whatever file, order or recipe it comes from: a model fine-tuned on cats is judged on
cats that its parent never saw either.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models import strokes
from models.readers import LIMIT, SUFFIXES, DataError, find, read
from models.recipe import Recipe

HELD_OUT_ONE_IN = 20
HELD_OUT_SPLITS = {"valid", "test"}  # of a file that has its own
POOL_BATCHES = 32  # batches that are cut from one length-sorted pool


@dataclass
class Drawings:
    """Drawings of several classes: `sketches[i]` is stroke-3 `(N_i, 3)` in px of 0..255, `labels[i]` its class.

    `held_out[i]` is what the file's own split says of drawing i, where there is one. `left_out` counts what the
    reader left out, by reason: nothing is dropped in silence.
    """

    classes: tuple[str, ...]
    sketches: list[NDArray[np.float32]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    held_out: dict[int, bool] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.sketches)

    def split(self) -> tuple[Drawings, Drawings]:
        """Training and held-out drawings: as their file has it, else 19 to 1 by checksum of a drawing's own points."""
        parts = Drawings(self.classes), Drawings(self.classes)
        for place, (sketch, label) in enumerate(zip(self.sketches, self.labels, strict=True)):
            by_checksum = zlib.crc32(sketch.astype("<i2").tobytes()) % HELD_OUT_ONE_IN == 0
            held_out = self.held_out.get(place, by_checksum)
            parts[held_out].sketches.append(sketch)
            parts[held_out].labels.append(label)
        return parts


def load(
    folder: Path, classes: Sequence[str], min_points: int = 2, max_points: int = 250, files: Sequence[str] = ()
) -> Drawings:
    """The drawings of `classes` from the files that `find` names (by `files`, where they are called otherwise), those
    between the two lengths.

    Without classes, every drawing file of the folder is one. What is too long or too short is dropped, never
    cut, and counted.
    """
    names = tuple(classes) or tuple(sorted({one.stem for suffix in SUFFIXES for one in folder.glob(f"*{suffix}")}))
    if not names:
        raise DataError(f"{folder}: no CLASS.npz, .ndjson or .bin files here; name the folder that holds the drawings")
    drawings = Drawings(names)
    for label, name in enumerate(files or names):
        parts, left_out = read(find(folder, name))
        drawings.left_out += left_out
        has_split = not HELD_OUT_SPLITS.isdisjoint(parts)
        for split, sketches in parts.items():
            for sketch in sketches:
                if len(sketch) > max_points:
                    drawings.left_out[f"longer than {max_points} points"] += 1
                elif len(sketch) < min_points:
                    drawings.left_out[f"shorter than {min_points} points"] += 1
                else:
                    if has_split:
                        drawings.held_out[len(drawings)] = split in HELD_OUT_SPLITS
                    drawings.sketches.append(np.clip(sketch, -LIMIT, LIMIT))
                    drawings.labels.append(label)
    return drawings


def counts(sketches: Sequence[NDArray[np.float32]]) -> dict[str, int]:
    """What there is in stroke-3 sketches: drawings, strokes, dots (strokes that go nowhere), points of a drawing."""
    lengths = np.array([len(one) for one in sketches], dtype=np.int64)
    rows = np.concatenate([*sketches, np.zeros((0, 3), dtype=np.float32)])
    ends = rows[:, 2] > 0.5
    ends[np.cumsum(lengths)[lengths > 0] - 1] = True  # the last stroke ends with the drawing
    starts = np.append(True, ends[:-1])[: len(rows)]
    goes = (rows[:, :2] != 0).any(axis=1) & ~starts
    stroke = np.cumsum(starts) - 1
    facts = {"drawings": len(lengths), "strokes": int(ends.sum())}
    facts["dots"] = facts["strokes"] - len(np.unique(stroke[goes]))
    if len(lengths):
        shown = {"min": lengths.min(), "median": np.median(lengths), "p90": np.quantile(lengths, 0.9)}
        facts |= {f"points_{name}": round(float(value)) for name, value in shown.items()}
        facts["points_max"] = int(lengths.max())
    return facts


def scale_factor(drawings: Drawings) -> float:
    """The standard deviation, mean removed, of all dx and dy of the training drawings: divide offsets by it."""
    return float(np.concatenate([one[:, :2].ravel() for one in drawings.sketches]).std(dtype=np.float64))


def augment(
    rows: NDArray[np.float32],
    lengths: NDArray[np.int64],
    rng: np.random.Generator,
    scale: float = 0.15,
    drop: float = 0.10,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Both augmentations on drawings laid end to end: rows `(sum N, 3)` and lengths `(B,)`, to new ones.

    x and y of each drawing are scaled by U(1 - scale, 1 + scale) each. A point is dropped with probability `drop`,
    its offset added to the row kept before it, unless it ends its stroke or is among the stroke's first three.
    """
    owner = np.repeat(np.arange(len(lengths)), lengths)
    factors = rng.uniform(1 - scale, 1 + scale, size=(len(lengths), 2)).astype(np.float32)
    up = rows[:, 2] > 0.5
    index = np.arange(len(rows))
    starts = np.zeros(len(rows), dtype=bool)
    starts[np.concatenate([[0], np.cumsum(lengths)[:-1]])] = True
    starts[1:] |= up[:-1]
    place = index - np.maximum.accumulate(np.where(starts, index, 0))  # 0-based position in the stroke
    kept = np.flatnonzero(up | (place < 3) | (rng.random(len(rows)) >= drop))
    out = np.empty((len(kept), 3), dtype=np.float32)
    out[:, :2] = np.add.reduceat(rows[:, :2] * factors[owner], kept, axis=0)
    out[:, 2] = rows[kept, 2]
    return out, np.bincount(owner[kept], minlength=len(lengths))


def mirror(rows: NDArray[np.float32], lengths: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
    """Turn about half of the drawings, laid end to end as in augment, left to right, each within its own box.

    Not in the paper: it doubles the drawings of what has no side, such as animals.
    """
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    x = np.cumsum(rows[:, 0], dtype=np.float64)
    x -= np.repeat(x[first] - rows[first, 0], lengths)
    out = rows.copy()
    out[:, 0] *= -1
    out[first, 0] = np.maximum.reduceat(x, first) + np.minimum.reduceat(x, first) - x[first]
    return np.where(np.repeat(rng.random(len(lengths)) < 0.5, lengths)[:, None], out, rows)


@dataclass(frozen=True)
class Batch:
    """Drawings, longest first, padded to the longest: stroke-5 `rows` `(B, T, 5)` beginning with the start token and
    ending with at least one end row, `lengths` `(B,)` of real rows, `labels` `(B,)`. Inputs are rows[:, :-1],
    targets rows[:, 1:].
    """

    rows: NDArray[np.float32]
    lengths: NDArray[np.int64]
    labels: NDArray[np.int64]

    def share(self, rank: int, world: int) -> Batch:
        """The part of it that process `rank` of `world` takes."""
        return Batch(self.rows[rank::world], self.lengths[rank::world], self.labels[rank::world])


class Batches:
    """Length-bucketed batches of one set of drawings, each a function of the seed and its number alone.

    That makes resuming exact without a saved position: batch k is batch k, whatever was drawn before.
    """

    def __init__(self, drawings: Drawings, scale: float, batch: int, seed: int = 0, balance: float = 1.0) -> None:
        """`scale` divides the offsets. A class of n drawings is drawn n ** balance times as often as a class
        of one: 1 draws every drawing equally often, 0 every class."""
        self.lengths = np.array([len(one) for one in drawings.sketches], dtype=np.int64)
        self.labels = np.array(drawings.labels, dtype=np.int64)
        self.rows = np.concatenate(drawings.sketches) / np.array([scale, scale, 1], dtype=np.float32)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        self.batch, self.seed = batch, seed
        count = np.bincount(self.labels, minlength=len(drawings.classes)).astype(np.float64)
        weight = count[self.labels] ** (balance - 1)
        self.weight = weight / weight.sum()

    def train(self, number: int, recipe: Recipe) -> Batch:
        """Training batch `number`, drawn with replacement by class balance, augmented as the recipe has it."""
        pool, place = divmod(number, POOL_BATCHES)
        rng = np.random.default_rng([self.seed, pool])
        drawn = rng.choice(len(self.lengths), size=POOL_BATCHES * self.batch, p=self.weight)
        by_length = drawn[np.argsort(self.lengths[drawn] + rng.uniform(0, 8, len(drawn)), kind="stable")]
        which = by_length.reshape(POOL_BATCHES, self.batch)[rng.permutation(POOL_BATCHES)[place]]
        rows, lengths = self._gather(which)
        rng = np.random.default_rng([self.seed, number, 1])
        if recipe.mirror:
            rows = mirror(rows, lengths, rng)
        rows, lengths = augment(rows, lengths, rng, recipe.scale_augment, recipe.drop_augment)
        return pad(rows, lengths, self.labels[which])

    def all(self) -> Iterator[Batch]:
        """Every drawing once, as it is, in batches of similar length; none is left over."""
        order = np.argsort(self.lengths, kind="stable")
        for first in range(0, len(order), self.batch):
            which = order[first : first + self.batch]
            yield pad(*self._gather(which), self.labels[which])

    def _gather(self, which: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        lengths = self.lengths[which]
        first: NDArray[np.int64] = np.repeat(
            self.starts[which] - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths
        )
        return self.rows[first + np.arange(int(lengths.sum()))], lengths


def pad(rows: NDArray[np.float32], lengths: NDArray[np.int64], labels: NDArray[np.int64]) -> Batch:
    """Drawings laid end to end, rows `(sum N, 3)` in model units, as a batch."""
    padded = np.zeros((len(lengths), int(lengths.max()) + 2, 5), dtype=np.float32)
    padded[:, 0] = strokes.START_TOKEN
    ends, order = np.cumsum(lengths), np.argsort(-lengths, kind="stable")
    for one, which in enumerate(order):
        drawing = rows[ends[which] - lengths[which] : ends[which]]
        padded[one, 1:] = strokes.to_stroke5(drawing, padded.shape[1] - 1)
    return Batch(padded, lengths[order], labels[order])
