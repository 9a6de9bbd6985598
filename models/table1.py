"""Table 1 of Ha and Eck: L_R and L_KL of ten data sets, each with three weights of the KL and without an encoder.

The settings are the paper's (section 4.1 and its supplement), not the smaller ones of magenta's code: a HyperLSTM of
2048 units, which an LSTM a quarter as wide in each direction encodes for, z of 128, dropout that keeps 0.90, scaling
by up to 10 % and no dropped points, a learning rate of 1e-4 throughout, R = 0.99999. It does not say how long it
trained: at STEPS the KL has all but 1 % of its weight.

What remains different: a gradient is clipped by its norm and not by element, the KL is reported unfloored (in the
paper's column it never falls below its floor of 0.20), rows after a drawing's end count nothing, and losses are of a
file's valid and test drawings together; nothing is chosen by either. L_R compares only where files, Nmax and scale
factor are the paper's.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.checkpoint import read_header
from models.evaluation import RDP_EPSILON
from models.fetch import cache_folder
from models.readers import SUFFIXES, DataError
from models.recipe import Recipe
from models.training import MODEL

STEPS = 500_000
KL_WEIGHTS = (1.0, 0.5, 0.25, 0.0)  # w_KL of the table's columns; 0: decoder only
PAPER = {  # a data set, its classes with + between them: L_R and L_KL by column
    "cat": ((-0.98, 0.29), (-1.33, 0.70), (-1.46, 1.01), (-0.57,)),
    "pig": ((-1.14, 0.22), (-1.37, 0.49), (-1.52, 0.80), (-0.82,)),
    "cat+pig": ((-1.02, 0.22), (-1.24, 0.49), (-1.50, 0.98), (-0.75,)),
    "crab+face+pig+rabbit": ((-0.91, 0.22), (-1.04, 0.40), (-1.47, 1.17), (-0.67,)),
    "face": ((-1.13, 0.27), (-1.55, 0.71), (-1.90, 1.44), (-0.73,)),
    "firetruck": ((-1.24, 0.22), (-1.26, 0.24), (-1.78, 1.10), (-0.90,)),
    "garden": ((-0.79, 0.20), (-0.81, 0.25), (-0.99, 0.54), (-0.62,)),
    "owl": ((-0.93, 0.20), (-1.03, 0.34), (-1.29, 0.77), (-0.66,)),
    "mosquito": ((-0.67, 0.30), (-1.02, 0.66), (-1.41, 1.54), (-0.34,)),
    "yoga": ((-0.80, 0.24), (-1.07, 0.55), (-1.51, 1.33), (-0.48,)),
}


@dataclass(frozen=True)
class Entry:
    """One of the table's 40: what the paper has, L_R and (with an encoder) L_KL, and how ours is trained."""

    data_set: str
    kl_weight: float
    paper: tuple[float, ...]
    recipe: Recipe

    @property
    def column(self) -> str:
        """How its column is headed."""
        return f"w_KL {self.kl_weight:.2f}" if self.kl_weight else "decoder only"


@dataclass(frozen=True)
class Figures:
    """What a finished run says: L_R and (with an encoder) L_KL held out, training drawings, Nmax, and scale factor
    in px of 0..255."""

    losses: tuple[float, ...]
    drawings: int
    longest: int
    scale_factor: float


def entries(
    data_sets: Iterable[str] = PAPER, steps: int = STEPS, cell: str = "hyper_lstm", hidden: int = 2048
) -> list[Entry]:
    """The table's entries for some data sets, row by row; the decoder's cell and units are the paper's if not given."""
    found = []
    for name in data_sets:
        for weight, paper in zip(KL_WEIGHTS, PAPER[name], strict=True):
            recipe = Recipe(
                name=f"{name}_w{weight:.2f}" if weight else f"{name}_decoder",
                classes=tuple(name.split("+")),
                labels=False,
                cell=cell,
                hidden=hidden,
                latent=128 if weight else 0,
                encoder=max(1, hidden // 4),
                kl_weight=weight,
                kl_rate=0.99999,
                steps=steps,
                learning_rate=1e-4,
                warmup=0,
                decay=0.0,
                scale_augment=0.10,
                drop_augment=0.0,
                evaluate_every=5000,
            )
            found.append(Entry(name, weight, paper, recipe))
    return found


def check_data(folder: Path, wanted: Iterable[Entry]) -> None:
    """Raises DataError, with the command that fetches them, where the drawings of a class are not in the folder."""
    classes = dict.fromkeys(name for one in wanted for name in one.recipe.classes)
    missing = [name for name in classes if not any((folder / f"{name}{suffix}").exists() for suffix in SUFFIXES)]
    if missing:
        command = shlex.join(["plotbot", "data", "fetch", *missing])
        where = "" if folder == cache_folder() else f" --to {shlex.quote(str(folder))}"
        raise DataError(f"{folder}: no drawings of {', '.join(missing)}; `{command}{where}` fetches them")


def figures(folder: Path, one: Entry) -> Figures | None:
    """Those of an entry, if its run in a folder of its own in `folder` is finished and followed the same recipe."""
    path = folder / one.recipe.name / MODEL
    if not path.exists():
        return None
    header = read_header(path)
    if header["about"].get("recipe") != json.loads(json.dumps(one.recipe.as_dict())):
        return None
    results = header["about"]["results"]
    losses = (results["held_out_reconstruction"], results["held_out_kl"])[: len(one.paper)]
    return Figures(losses, results["training_drawings"], header["max_points"], header["scale_factor"])


def as_dicts(folder: Path, wanted: Iterable[Entry]) -> list[dict[str, Any]]:
    """The entries, each with the paper's figures and ours, as JSON has them."""
    return [
        {"data_set": one.data_set, "kl_weight": one.kl_weight, "paper": one.paper}
        | {"ours": asdict(its) if (its := figures(folder, one)) else None}
        for one in wanted
    ]


def shown(losses: Iterable[float]) -> str:
    """L_R, and L_KL after a stroke."""
    return " / ".join(f"{one:.2f}" for one in losses)


def markdown(folder: Path, wanted: list[Entry]) -> str:
    """The table as far as it has come, the paper's figures beside ours."""
    recipe = wanted[0].recipe
    columns = [f"{one.column}: paper | ours" for one in wanted[: len(KL_WEIGHTS)]]
    lines = [
        "# Table 1 of sketch-rnn\n",
        f"L_R / L_KL held out, nats; the paper's beside ours: {recipe.cell} {recipe.hidden}, {recipe.steps:,} steps of "
        f"{recipe.batch}.",
        "They compare only on the same drawings (the paper's are 70,000 of each class), with their Nmax and scale "
        f"factor (px of 0..255); Ramer-Douglas-Peucker epsilon {RDP_EPSILON:.1f}.\n",
        f"| data set | drawings | Nmax | scale | {' | '.join(columns)} |",
        "|---" * (4 + 2 * len(KL_WEIGHTS)) + "|",
    ]
    for first in range(0, len(wanted), len(KL_WEIGHTS)):
        row = wanted[first : first + len(KL_WEIGHTS)]
        ours = [figures(folder, one) for one in row]
        known = next((one for one in ours if one), None)
        facts = (f"{known.drawings:,}", f"{known.longest}", f"{known.scale_factor:.2f}") if known else ("-",) * 3
        pairs = [
            f"{shown(one.paper)} | {shown(its.losses) if its else '-'}" for one, its in zip(row, ours, strict=True)
        ]
        lines.append(f"| {row[0].data_set} | {' | '.join([*facts, *pairs])} |")
    return "\n".join(lines) + "\n"
