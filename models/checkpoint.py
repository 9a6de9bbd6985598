"""Weights on disk: safetensors with a JSON header, never a pickle, so that a stranger's file can run no code."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from models.sketch_rnn import SketchRNN, SketchRNNConfig
from models.sketch_transformer import SketchTransformer, SketchTransformerConfig

FORMAT = "plotbot-model/1"
Network = SketchRNN | SketchTransformer


class CheckpointError(ValueError):
    """A checkpoint that is missing or not one; the message names the file and what to do."""


@dataclass
class TrainedModel:
    """A network and what is needed to use it.

    classes: in the order of its labels (none: unconditional). scale_factor: px of 0..255 per model unit.
    max_points: the longest drawing it was trained on, which caps its samples. about: recipe and results, or where
    it comes from. temperature, pen_temperature: its defaults, see sampling.calibrate.
    starts_at_first_point: the origin is the drawing's first point, and the first row already draws.
    """

    network: Network
    classes: tuple[str, ...]
    scale_factor: float
    max_points: int
    about: dict[str, Any] = field(default_factory=dict)
    temperature: float = 0.25
    pen_temperature: float = 0.625
    starts_at_first_point: bool = False

    def header(self) -> dict[str, Any]:
        """What the file says beside the weights, as JSON."""
        return {
            "format": FORMAT,
            "kind": "transformer" if isinstance(self.network, SketchTransformer) else "rnn",
            "network": asdict(self.network.config),
            "classes": list(self.classes),
            "scale_factor": self.scale_factor,
            "max_points": self.max_points,
            "about": self.about,
            "temperature": self.temperature,
            "pen_temperature": self.pen_temperature,
            "starts_at_first_point": self.starts_at_first_point,
        }


def write(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors and a JSON header beside `path`, then rename: a cut never leaves half a file."""
    beside = path.with_name(path.name + ".part")
    blob = save({name: one.contiguous().cpu() for name, one in tensors.items()}, {"plotbot": json.dumps(header)})
    with beside.open("wb") as file:
        file.write(blob)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def read_header(path: Path, form: str = FORMAT) -> dict[str, Any]:
    """The header alone of such a file as `read` reads; no weights are read. Raises CheckpointError."""
    return _read(path, form, with_tensors=False)[1]


def read(path: Path, form: str = FORMAT) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and header of a file that `write` wrote, in the form `form`. Raises CheckpointError."""
    return _read(path, form, with_tensors=True)


def _read(path: Path, form: str, with_tensors: bool) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such model file; `plotbot models list` shows those at hand")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})["plotbot"])
            names = file.keys() if with_tensors else ()
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, KeyError, ValueError):
        raise CheckpointError(
            f"{path}: not a plotbot checkpoint (safetensors with a plotbot header); train one or choose another"
        ) from None
    if not isinstance(header, dict) or header.get("format") != form:
        raise CheckpointError(f"{path}: its format is {str(header)[:40]!r} and not {form!r}; choose another file")
    return tensors, header


def save_model(path: Path, model: TrainedModel, precision: torch.dtype = torch.float16) -> None:
    """A model for use, in half precision: half the size, and the held-out loss stays the same to four digits."""
    write(path, {name: one.to(precision) for name, one in model.network.state_dict().items()}, model.header())


def load_model(path: Path, device: torch.device | str = "cpu") -> TrainedModel:
    """A model ready to sample or to train on, in float32. Raises CheckpointError."""
    tensors, header = read(path)
    weights = {name: one.float() for name, one in tensors.items() if not name.startswith(("adam.", "best."))}
    try:
        network = _network(header)
        network.load_state_dict(weights)
        model = TrainedModel(
            network.to(device).eval(),
            tuple(header["classes"]),
            float(header["scale_factor"]),
            int(header["max_points"]),
            dict(header["about"]),
            float(header.get("temperature", TrainedModel.temperature)),
            float(header.get("pen_temperature", TrainedModel.pen_temperature)),
            bool(header.get("starts_at_first_point", False)),
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path}: its header and its weights do not fit together ({error})") from None
    return model


def _network(header: Mapping[str, Any]) -> Network:
    """The network a header means, its weights by chance. Raises ValueError for a kind unknown here."""
    kind = header.get("kind", "rnn")  # the first files do not say
    if kind == "transformer":
        return SketchTransformer(SketchTransformerConfig(**header["network"]))
    if kind == "rnn":
        return SketchRNN(SketchRNNConfig(**header["network"]))
    raise ValueError(f"a network of the kind {kind!r} is not known here")
