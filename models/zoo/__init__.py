"""The zoo: the trained models that ship, one safetensors file and one card each."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from models.checkpoint import CheckpointError, TrainedModel, load_model, read_header

FOLDER = Path(__file__).parent
FALLBACK = "everything"


@dataclass(frozen=True)
class Entry:
    """A shipped model: its name, its weights and its card."""

    name: str
    weights: Path
    card: Path


def shipped() -> list[Entry]:
    """Every model of the zoo, by name."""
    return [Entry(one.stem, one, one.with_suffix(".md")) for one in sorted(FOLDER.glob("*.safetensors"))]


def find(class_name: str) -> tuple[TrainedModel, str]:
    """The model that draws a class, and the class as the model spells it.

    Its own model where there is one, else the one that knows every class; upper case and underscores are free.

    Raises CheckpointError, offering the nearest names, for a class that no model knows.
    """
    entries = {one.name: one for one in shipped()}
    class_name = class_name.replace("_", " ").strip()
    if class_name in entries and class_name != FALLBACK:
        return load_model(entries[class_name].weights), class_name
    if FALLBACK not in entries:
        raise CheckpointError(f"no model for {class_name!r}, and {FOLDER / FALLBACK}.safetensors is missing")
    classes = list(read_header(entries[FALLBACK].weights)["classes"])
    same = {one.lower(): one for one in classes}
    if class_name.lower() not in same:
        near = difflib.get_close_matches(class_name, classes, n=4, cutoff=0.4)
        hint = f"the nearest are {', '.join(near)}" if near else "`plotbot models list` shows them all"
        raise CheckpointError(f"no class {class_name!r} among the {len(classes)} that are known; {hint}")
    return load_model(entries[FALLBACK].weights), same[class_name.lower()]
