"""Sampling: a trained network draws, point after point, many drawings at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models import strokes
from models.checkpoint import TrainedModel
from models.mixture import Mixture

LADDER = ((0.25, 0.625), (0.25, 0.75), (0.25, 0.85), (0.25, 1.0), (0.3, 1.0), (0.35, 1.0), (0.4, 1.0))
ENOUGH = 0.97
SLACK = 1.5  # a cold network draws on a little longer than what it learnt from
AT_LEAST = 2  # points of a drawing: the data hold none shorter


class SamplingError(ValueError):
    """A class the model does not know, or a temperature out of range; the message says what would do."""


def pen_temperature_for(temperature: float) -> float:
    """0.5 + 0.5 tau: one temperature for all sharpens the rare "end" away, and sketches scribble on for ever.

    (The rule of magenta's browser demos.) A model may need more: see calibrate.
    """
    return 0.5 + 0.5 * temperature


def cap_of(model: TrainedModel) -> int:
    """The most points of a sample: half as many again as the longest drawing that the model was trained on."""
    return round(SLACK * model.max_points)


@dataclass(frozen=True)
class Sketch:
    """A drawing `(N, 3)` in stroke-3, px of about 0..255, and whether it ended by itself rather than at the cap."""

    stroke3: NDArray[np.float32]
    finished: bool


def sample(
    model: TrainedModel,
    count: int,
    class_name: str | None = None,
    temperature: float | None = None,
    pen_temperature: float | None = None,
    seed: int = 0,
) -> list[Sketch]:
    """Draw `count` sketches of a class the model knows (None for an unconditional one), all in one batch.

    `temperature` is tau of equation 8: sigma squared times tau, mixture weights to the power 1/tau. The pen's three
    states have a temperature of their own. Unless given, the first is the model's own, the second the larger of
    the model's own and `pen_temperature_for(temperature)`. A sketch ends at its first p3, or is cut at `cap_of(model)`
    points and says so in `finished`; no sketch ends before its second point.
    Raises SamplingError for a class the model does not draw or a temperature out of range.
    """
    temperature = model.temperature if temperature is None else temperature
    if pen_temperature is None:
        pen_temperature = max(pen_temperature_for(temperature), model.pen_temperature)
    if not (0 < temperature <= 2 and 0 < pen_temperature <= 2):
        raise SamplingError(f"temperatures lie above 0 and up to 2, not {temperature:g} and {pen_temperature:g}")
    labels = None
    if model.classes:
        if class_name not in model.classes:
            raise SamplingError(f"this model does not know {class_name!r}; it knows {', '.join(model.classes[:8])}")
        labels = torch.full((count,), model.classes.index(class_name))
    elif class_name is not None and class_name != model.about.get("draws", class_name):
        raise SamplingError(f"this model draws {model.about['draws']!r} and nothing else, not {class_name!r}")
    rows, ended = _draw(model, count, labels, (temperature, pen_temperature), seed)
    scale = np.array([model.scale_factor, model.scale_factor, 1], dtype=np.float32)
    origin = np.zeros((int(model.starts_at_first_point), 3), dtype=np.float32)
    return [
        Sketch(np.concatenate([origin, strokes.from_stroke5(one[: cap_of(model)]) * scale]), bool(end))
        for one, end in zip(rows.numpy(), ended, strict=True)
    ]


@torch.inference_mode()
def _draw(
    model: TrainedModel, count: int, labels: torch.Tensor | None, temperatures: tuple[float, float], seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows `(B, cap + 1, 5)` in model units, and which of them ended `(B,)`."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # one step is too small to share, and so no drawing depends on the count of cores
    generator = torch.Generator().manual_seed(seed)
    row = torch.from_numpy(strokes.START_TOKEN).expand(count, 1, 5)
    state = model.network.start(labels, count)
    cap = cap_of(model)
    rows = torch.zeros(count, cap + 1, 5)
    ended = torch.zeros(count, dtype=torch.bool)
    for step in range(cap + 1):
        mixture, state = model.network(row, labels, state)
        mixture = mixture.sharpen(*temperatures)
        if step < AT_LEAST:
            mixture = without_end(mixture)
        offset, pen = mixture.sample(generator)  # (B, 1, 2), (B, 1)
        row = torch.cat([offset, torch.nn.functional.one_hot(pen, 3).float()], dim=-1)
        rows[:, step] = row[:, 0]
        ended |= pen[:, 0] == strokes.END
        if ended.all():
            break
    torch.set_num_threads(threads)
    return rows, ended


def sample_finished(
    model: TrainedModel,
    count: int,
    class_name: str | None = None,
    temperature: float | None = None,
    pen_temperature: float | None = None,
    seed: int = 0,
) -> tuple[list[Sketch], int]:
    """`count` sketches as `sample` draws them, those that did not end by themselves replaced by others that did.

    Returns the sketches and how many were replaced. After five rounds what has not ended stays as it is.
    """
    sketches = sample(model, count, class_name, temperature, pen_temperature, seed)
    replaced = 0
    for attempt in range(1, 6):
        open_ended = [place for place, one in enumerate(sketches) if not one.finished]
        if not open_ended:
            break
        again = sample(model, len(open_ended), class_name, temperature, pen_temperature, seed + attempt * 1_000_003)
        replaced += len(open_ended)
        for place, one in zip(open_ended, again, strict=True):
            sketches[place] = one
    return sketches, replaced


def calibrate(model: TrainedModel, count: int = 690) -> float:
    """Set the model's own temperatures: the coldest of LADDER at which at least 97 % of its samples end.

    `count` samples, spread over the classes. Where little data left a model unsure of the end, sharpening the pen
    sharpens the end away. Returns the share that ends at the temperatures chosen.
    """
    labels = torch.arange(len(model.classes)).repeat(-(-count // len(model.classes))) if model.classes else None
    share = 0.0
    for temperatures in LADDER:
        model.temperature, model.pen_temperature = temperatures
        _, ended = _draw(model, count if labels is None else len(labels), labels, temperatures, seed=0)
        share = float(ended.float().mean())
        if share >= ENOUGH:
            break
    return share


def without_end(mixture: Mixture) -> Mixture:
    """The same mixture, given that the drawing goes on."""
    pen_logits = mixture.pen_logits.clone()
    pen_logits[..., strokes.END] = -torch.inf
    return Mixture(mixture.log_pi, mixture.mu, mixture.log_sigma, mixture.rho, pen_logits)
