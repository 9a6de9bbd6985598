"""Recipes: how a model is trained, in TOML, so that anyone can train it again. See recipes/*.toml."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from models.cells import CELLS

FOLDER = Path(__file__).parent / "recipes"
NETWORKS = ("rnn", "transformer")


class RecipeError(ValueError):
    """A recipe that cannot be followed; the message names the file, the key and the remedy."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run but the data folder and the machine."""

    name: str
    classes: tuple[str, ...] = ()  # none: every class of the data folder
    files: tuple[str, ...] = ()  # the files of the classes, where they are called otherwise
    attribution: str = ""  # of other drawings than Quick, Draw!, and their licence
    parent: str = ""  # a shipped model to go on from; its network and scale factor are taken over
    min_points: int = 2  # drawings under or over are left out, and counted
    max_points: int = 250
    balance: float = 1.0  # a class of n drawings is drawn n ** balance times as often as a class of one
    labels: bool = True  # condition the network on the class; False: it is told nothing, as in the paper
    network: str = "rnn"  # or transformer
    cell: str = "lstm"  # of an rnn
    layers: int = 4  # of a transformer, as heads
    heads: int = 4  # twice their number divides hidden
    hidden: int = 512
    components: int = 20
    embedding: int = 32
    latent: int = 0  # width of z; 0: decoder only
    encoder: int = 256
    keep: float = 0.90  # dropout keeps this share
    kl_weight: float = 0.5  # w_KL
    kl_start: float = 0.01  # eta_min: what share of the weight the annealing begins at
    kl_rate: float = 0.99995  # R: what is missing from the whole weight shrinks by this at every step
    kl_floor: float = 0.20  # KL_min: below it the KL costs no more
    steps: int = 10_000
    batch: int = 100
    learning_rate: float = 1e-3
    warmup: int = 200  # steps from 0 to the learning rate
    decay: float = 0.4  # the last share of the steps, over which the learning rate falls to nothing
    clip: float = 1.0  # gradient norm
    scale_augment: float = 0.15
    drop_augment: float = 0.10
    mirror: bool = False  # draw about half of the drawings left to right: for what has no side
    evaluate_every: int = 500
    patience: int = 0  # stop after so many evaluations without a better one, and keep the best; 0: never
    seed: int = 0

    def learning_rate_at(self, step: int) -> float:
        """Warm up, stay, then fall linearly to zero: a run can be lengthened, or its fall begun early."""
        fall = max(1.0, self.decay * self.steps)
        return self.learning_rate * min(1.0, (step + 1) / max(1, self.warmup), (self.steps - step) / fall)

    def kl_weight_at(self, step: int) -> float:
        """w_KL times eta = 1 - (1 - eta_min) R^step (Ha and Eck, supplement, equation 4)."""
        return self.kl_weight * (1 - (1 - self.kl_start) * self.kl_rate**step)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def load_recipe(name_or_path: str | Path) -> Recipe:
    """A shipped recipe by name, or a TOML file by path. Raises RecipeError."""
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = FOLDER / f"{name_or_path}.toml"
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in FOLDER.glob("*.toml")))
        raise RecipeError(f"no recipe {name_or_path!s}: name a .toml file or one of {known}")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not valid TOML: {error}") from None
    defaults: dict[str, Any] = {one.name: one.default for one in fields(Recipe)} | {"name": path.stem}
    checked: dict[str, Any] = {"name": path.stem}
    for key, value in table.items():
        if key not in defaults:
            raise RecipeError(f"{path}: unknown key '{key}'; known are {', '.join(defaults)}")
        kind = type(defaults[key])
        if kind is float and type(value) is int:
            value = float(value)  # noqa: PLW2901
        if kind is tuple and isinstance(value, list) and all(isinstance(one, str) for one in value):
            value = tuple(value)  # noqa: PLW2901
        if type(value) is not kind:
            raise RecipeError(f"{path}: {key} must be of type {kind.__name__}, not {value!r}")
        if kind in (int, float) and value < 0:
            raise RecipeError(f"{path}: {key} must not be negative, and is {value}")
        checked[key] = value
    recipe = Recipe(**checked)
    _check(recipe, path)
    return recipe


def _check(recipe: Recipe, path: Path) -> None:
    if recipe.network not in NETWORKS:
        raise RecipeError(f"{path}: no network {recipe.network!r}; there are {', '.join(NETWORKS)}")
    if recipe.cell not in CELLS:
        raise RecipeError(f"{path}: no cell {recipe.cell!r}; there are {', '.join(CELLS)}")
    if recipe.files and len(recipe.files) != len(recipe.classes):
        raise RecipeError(f"{path}: files and classes must be equally many, or files left out")
    if not 0 < recipe.keep <= 1:
        raise RecipeError(f"{path}: keep is the share kept by dropout, above 0 and up to 1, and not {recipe.keep:g}")
    if recipe.steps < 1 or recipe.batch < 1 or recipe.hidden < 1 or recipe.components < 1:
        raise RecipeError(f"{path}: steps, batch, hidden and components must be at least 1")
    if recipe.network == "transformer":
        _check_transformer(recipe, path)


def _check_transformer(recipe: Recipe, path: Path) -> None:
    if recipe.latent:
        raise RecipeError(f"{path}: a transformer has no latent space; leave out latent, or choose network = 'rnn'")
    if recipe.layers < 1 or recipe.heads < 1:
        raise RecipeError(f"{path}: layers and heads must be at least 1")
    if recipe.hidden % (2 * recipe.heads):
        raise RecipeError(
            f"{path}: twice the heads must divide hidden, and {recipe.hidden} is no multiple of {2 * recipe.heads}"
        )
