"""Sampling: a trained network draws, point after point, many drawings at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models import strokes
from models.checkpoint import TrainedModel
from models.judge import Judge
from models.mixture import Mixture

LADDER = ((0.25, 0.625), (0.25, 0.75), (0.25, 0.85), (0.25, 1.0), (0.3, 1.0), (0.35, 1.0), (0.4, 1.0))
ENOUGH = 0.97
SLACK = 1.5  # a cold network draws on a little longer than what it learnt from
TOGETHER = 500  # sketches of a batch; more share the cores, batch by batch, whatever their number
GO_ON = 0.9  # where fewer than this share of a batch still draw, the others leave it
ROUNDS = 5  # in which what did not end is drawn again
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


def temperatures(model: TrainedModel, temperature: float | None, pen_temperature: float | None) -> tuple[float, float]:
    """tau of equation 8 (sigma squared times tau, mixture weights to the power 1/tau) and the pen's own.

    Where not given, the first is the model's own, the second the larger of the model's own and
    `pen_temperature_for(temperature)`. Raises SamplingError out of range.
    """
    temperature = model.temperature if temperature is None else temperature
    if pen_temperature is None:
        pen_temperature = max(pen_temperature_for(temperature), model.pen_temperature)
    return checked(temperature, pen_temperature)


def checked(temperature: float, pen_temperature: float) -> tuple[float, float]:
    """The two temperatures. Raises SamplingError where one is out of range."""
    if not (0 < temperature <= 2 and 0 < pen_temperature <= 2):
        raise SamplingError(f"temperatures lie above 0 and up to 2, not {temperature:g} and {pen_temperature:g}")
    return temperature, pen_temperature


def labels_of(model: TrainedModel, count: int, class_name: str | None) -> torch.Tensor | None:
    """`count` labels of a class, None for a network that is told none. A model of one class needs no name.

    Raises SamplingError, with what the model knows."""
    if class_name is not None and class_name not in model.classes:
        if len(model.classes) == 1:
            raise SamplingError(f"this model draws {model.classes[0]!r} and nothing else, not {class_name!r}")
        raise SamplingError(f"this model does not know {class_name!r}; it knows {', '.join(model.classes[:8])}")
    if not model.network.config.classes:
        if class_name is not None and len(model.classes) > 1:
            both = " and ".join(model.classes)
            raise SamplingError(
                f"this model draws {both} as they come and cannot be told which; leave out {class_name!r}"
            )
        return None
    if class_name is None and len(model.classes) > 1:
        raise SamplingError(f"this model must be told what to draw: {', '.join(model.classes[:8])}, ...")
    return torch.full((count,), 0 if class_name is None else model.classes.index(class_name))


def sample(
    model: TrainedModel,
    count: int,
    class_name: str | None = None,
    temperature: float | None = None,
    pen_temperature: float | None = None,
    seed: int = 0,
) -> list[Sketch]:
    """Draw `count` sketches of a class the model knows (None for an unconditional one), all in one batch.

    For `temperatures`, see there; a VAE's z are drawn from N(0, 1). A sketch ends at its first p3, or is cut at
    `cap_of(model)` points and says so in `finished`; no sketch ends before its second point.
    Raises SamplingError for a class the model does not draw or a temperature out of range.
    """
    z = None
    if width := model.network.config.latent:
        z = torch.randn(count, width, generator=torch.Generator().manual_seed(seed + 1))
    return decode(model, count, z, class_name, temperatures(model, temperature, pen_temperature), seed)


def decode(
    model: TrainedModel,
    count: int,
    z: torch.Tensor | None,
    class_name: str | None,
    heat: tuple[float, float],
    seed: int,
    given: NDArray[np.float32] | None = None,
) -> list[Sketch]:
    """Draw `count` sketches from latent vectors `(count, latent)`, or None, at the two temperatures `heat`.

    With `given`, the rows `(P, 3)` of an unfinished drawing in px of 0..255, each sketch begins with them, untouched.
    Raises SamplingError.
    """
    labels = labels_of(model, count, class_name)
    scale = np.array([model.scale_factor, model.scale_factor, 1], dtype=np.float32)
    given = np.zeros((0, 3), dtype=np.float32) if given is None else given
    origin = np.zeros((int(model.starts_at_first_point and not len(given)), 3), dtype=np.float32)
    prefix = strokes.to_stroke5(given / scale, len(given) + 1)[int(model.starts_at_first_point) : len(given)]
    if len(given) >= cap_of(model):
        raise SamplingError(
            f"the drawing has {len(given)} points, and this model's are at most {cap_of(model)}; simplify it"
        )
    places = [slice(first, first + TOGETHER) for first in range(0, count, TOGETHER)]

    def some(place: slice) -> tuple[torch.Tensor, torch.Tensor]:
        number, start = len(range(count)[place]), seed + place.start * 1_000_003
        some_labels, some_z = (None if one is None else one[place] for one in (labels, z))
        return _draw(model, number, some_labels, some_z, heat, start, torch.from_numpy(prefix))

    alone: dict[str, Any] = {"initializer": torch.set_num_threads, "initargs": (1,)}
    with one_thread() as threads, ThreadPoolExecutor(threads, **alone) as pool:
        drawn = list(pool.map(some, places))
    return [
        Sketch(np.concatenate([origin, given, strokes.from_stroke5(one) * scale]), bool(end))
        for rows, ended in drawn
        for one, end in zip(rows.numpy(), ended, strict=True)
    ]


@contextmanager
def one_thread() -> Iterator[int]:
    """torch at one thread, giving how many it had: a step is too small to share, and so nothing drawn or learnt depends
    on the count of cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


@torch.inference_mode()
def _draw(
    model: TrainedModel,
    count: int,
    labels: torch.Tensor | None,
    z: torch.Tensor | None,
    heat: tuple[float, float],
    seed: int,
    prefix: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """New rows `(B, cap - P, 5)` in model units after those of `prefix` `(P, 5)`, and which drawings ended `(B,)`."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.cat([torch.from_numpy(strokes.START_TOKEN)[None], prefix]).expand(count, -1, 5)
    condition = model.network.condition(labels, z)
    state = model.network.start(condition, count)
    steps = cap_of(model) - len(prefix)
    rows, ended = torch.zeros(count, steps, 5), torch.zeros(count, dtype=torch.bool)
    going = torch.arange(count)
    for step in range(steps):
        mixture, state = model.network(inputs, condition, state)
        mixture = mixture.last().sharpen(*heat)
        if step + len(prefix) < AT_LEAST:
            mixture = without_end(mixture)
        offset, pen = mixture.sample(generator)  # (B, 1, 2), (B, 1)
        inputs = torch.cat([offset, torch.nn.functional.one_hot(pen, 3).float()], dim=-1)
        rows[going, step] = inputs[:, 0]
        ended[going] |= pen[:, 0] == strokes.END
        more = ~ended[going]
        if not more.any():
            break
        if more.sum() < GO_ON * len(going):
            going, inputs, state = going[more], inputs[more], state[more]
            condition = None if condition is None else condition[more]
    return rows, ended


def sample_finished(
    model: TrainedModel,
    count: int,
    class_name: str | None = None,
    temperature: float | None = None,
    pen_temperature: float | None = None,
    seed: int = 0,
    critic: Judge | None = None,
    tries: int = 1,
) -> tuple[list[Sketch], int]:
    """`count` sketches as `sample` draws them, those that did not end by themselves replaced by others that did.

    With a critic, each is the one of `tries` that the critic most surely takes for its class: a judge trained on
    real drawings alone knows a failed sketch where the network that drew it does not.
    Returns the sketches and how many were replaced. After five rounds what has not ended stays as it is.
    Raises SamplingError as `sample` does, and for a class that the critic does not know.
    """
    tries = tries if critic else 1
    name = class_name or "".join(model.classes[:1])
    if critic and name not in critic.classes:
        raise SamplingError(f"the critic does not know {name!r}; let it pick none")

    def best(wanted: int, start: int) -> list[Sketch]:
        made = sample(model, wanted * tries, class_name, temperature, pen_temperature, start)
        if not critic:
            return made
        sure = critic.look([one.stroke3 for one in made])[0].log_softmax(-1)[:, critic.classes.index(name)]
        sure[torch.tensor([not one.finished for one in made])] = -torch.inf
        chosen = sure.view(wanted, tries).argmax(-1)
        return [made[place * tries + int(one)] for place, one in enumerate(chosen)]

    sketches = best(count, seed)
    return sketches, redraw(sketches, lambda one: one.finished, lambda poor, start: best(len(poor), start), seed)


def redraw(
    sketches: list[Sketch], good: Callable[[Sketch], bool], draw: Callable[[list[int], int], list[Sketch]], seed: int
) -> int:
    """Replace, in place, the sketches that are not good by what `draw` makes of their places and a new seed.

    After five rounds what is not good stays as it is. Returns how many were drawn again.
    """
    replaced = 0
    for attempt in range(1, ROUNDS + 1):
        poor = [place for place, one in enumerate(sketches) if not good(one)]
        if not poor:
            break
        replaced += len(poor)
        for place, one in zip(poor, draw(poor, seed + attempt * 1_000_003), strict=True):
            sketches[place] = one
    return replaced


def calibrate(model: TrainedModel, count: int = 690) -> float:
    """Set the model's own temperatures: the coldest of LADDER at which at least 97 % of its samples end.

    `count` samples, spread over the classes. Where little data left a model unsure of the end, sharpening the pen
    sharpens the end away. Returns the share that ends at the temperatures chosen.
    """
    classes, labels, z = model.network.config.classes, None, None
    if classes:
        labels = torch.arange(classes).repeat(-(-count // classes))
        count = len(labels)
    if width := model.network.config.latent:
        z = torch.randn(count, width, generator=torch.Generator().manual_seed(1))
    share = 0.0
    for heat in LADDER:
        model.temperature, model.pen_temperature = heat
        with one_thread():
            _, ended = _draw(model, count, labels, z, heat, 0, torch.zeros(0, 5))
        share = float(ended.float().mean())
        if share >= ENOUGH:
            break
    return share


def without_end(mixture: Mixture) -> Mixture:
    """The same mixture, given that the drawing goes on."""
    pen_logits = mixture.pen_logits.clone()
    pen_logits[..., strokes.END] = -torch.inf
    return Mixture(mixture.log_pi, mixture.mu, mixture.log_sigma, mixture.rho, pen_logits)
