"""Samples of a class as sketches to be laid on paper, and how they came about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models import strokes, zoo
from models.checkpoint import load_model
from models.sampling import sample_finished

if TYPE_CHECKING:
    from models.sampling import Sketch as Sample
    from plotbot.sketches import Sketch


@dataclass(frozen=True)
class Samples:
    """Samples of the class `name` by the model of that name at a temperature; `replaced` did not end by themselves and
    were drawn again."""

    name: str
    model: str
    temperature: float
    picked_from: int
    replaced: int
    drawn: list[Sample]

    @property
    def sketches(self) -> list[Sketch]:
        """As polylines (N, 2), px, y down."""
        return [strokes.to_polylines(one.stroke3) for one in self.drawn]


def draw_samples(
    class_name: str,
    count: int,
    temperature: float | None = None,
    pen_temperature: float | None = None,
    pick: int = 4,
    seed: int = 0,
    model: Path | None = None,
) -> Samples:
    """`count` samples of a class by the shipped model that draws it, or by the one in the file `model`; each the best
    of `pick` by the critic, where there is one that knows the class. The same seed draws the same.

    Raises CheckpointError for a class that no model knows and a file that is none, and SamplingError where too few end.
    """
    trained, name = (load_model(model), class_name.replace("_", " ").strip()) if model else zoo.find(class_name)
    critic = zoo.critic_of(name) if pick > 1 else None
    drawn, replaced = sample_finished(trained, count, name, temperature, pen_temperature, seed, critic, pick)
    return Samples(
        name or class_name,
        trained.about.get("recipe", {}).get("name", "") or (model.stem if model else ""),
        trained.temperature if temperature is None else temperature,
        pick if critic else 1,
        replaced,
        drawn,
    )
