"""The zoo: the trained models that ship, one safetensors file and one card each, and the critic that picks sketches."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from models.checkpoint import CheckpointError, TrainedModel, load_model, read_header
from models.judge import Judge, load_judge

FOLDER = Path(__file__).parent
FALLBACK = "everything"
CRITIC = "critic"  # a judge of every class, trained apart from those that evaluate


@dataclass(frozen=True)
class Entry:
    """A shipped model: its name, its weights and its card."""

    name: str
    weights: Path
    card: Path


def shipped() -> list[Entry]:
    """Every model of the zoo, by name."""
    weights = (one for one in sorted(FOLDER.glob("*.safetensors")) if one.stem != CRITIC)
    return [Entry(one.stem, one, one.with_suffix(".md")) for one in weights]


def weights_of(name: str) -> Path:
    """The file of a shipped model, by its name; any other name is the path of a file, which may not exist."""
    return {one.name: one.weights for one in shipped()}.get(name, Path(name))


def critic_of(class_name: str | None) -> Judge | None:
    """The judge that picks the best of several sketches; None where it does not know the class."""
    judge = load_judge(FOLDER / f"{CRITIC}.safetensors")
    return judge if class_name in judge.classes else None


def find(class_name: str) -> tuple[TrainedModel, str | None]:
    """The model that draws a class, and the class as the model spells it.

    A model of that name where there is one, else of those that can be told the class the one that knows the fewest;
    upper case and underscores are free. A model of several classes that cannot be told which is found by its own
    name, and draws what it likes (None).

    Raises CheckpointError, offering the nearest names, for a class that no model knows.
    """
    entries = {one.name: one for one in shipped()}
    spelt = class_name.replace("_", " ").strip()
    for name in (class_name, spelt):
        if name in entries and name != FALLBACK:
            model = load_model(entries[name].weights)
            return model, model.classes[0] if len(model.classes) == 1 else None
    knowing: dict[str, list[tuple[int, Entry, str]]] = {}  # by class in lower case
    for entry in entries.values():
        header = read_header(entry.weights)
        if header["network"].get("classes"):
            for name in header["classes"]:
                knowing.setdefault(name.lower(), []).append((len(header["classes"]), entry, name))
    if spelt.lower() not in knowing:
        near = difflib.get_close_matches(spelt, knowing, n=4, cutoff=0.4)
        hint = f"the nearest are {', '.join(near)}" if near else "`plotbot models list` shows them all"
        raise CheckpointError(f"no class {spelt!r} among the {len(knowing)} that are known; {hint}")
    _, entry, name = min(knowing[spelt.lower()], key=lambda one: one[0])
    return load_model(entry.weights), name
