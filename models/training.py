"""Training: one flat loop that can be stopped at any step and goes on as if it had not been."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from models import checkpoint
from models.datasets import HELD_OUT_ONE_IN, Batch, Batches, Drawings, scale_factor
from models.mixture import Loss, loss
from models.readers import DataError
from models.recipe import Recipe
from models.sampling import calibrate
from models.sketch_rnn import SketchRNN, SketchRNNConfig

STATE, LOG, MODEL = "state.safetensors", "log.jsonl", "model.safetensors"
SAVE_EVERY_S = 60.0
READ_EVERY = 20  # steps between two looks at the loss, each of which waits for a GPU


@dataclass(frozen=True)
class Progress:
    """Where a run stands: nats per real point of training (running mean) and, when just measured, held out."""

    step: int
    steps: int
    train: float
    held_out: float | None
    points_per_second: float


def best_device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def to_tensors(batch: Batch, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rows `(B, T, 5)`, lengths `(B,)` and labels `(B,)` on the device."""
    arrays = (batch.rows, batch.lengths, batch.labels)
    rows, lengths, labels = (torch.from_numpy(one).to(device, non_blocking=True) for one in arrays)
    return rows, lengths, labels


def batch_loss(network: SketchRNN, batch: Batch, device: torch.device) -> Loss:
    """The loss of one batch; on a GPU the recurrence runs in bfloat16, the mixture always in float32."""
    rows, lengths, labels = to_tensors(batch, device)
    conditioned = labels if network.config.classes else None
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        mixture, _ = network(rows[:, :-1], conditioned)
    return loss(mixture, rows[:, 1:], lengths)


@torch.no_grad()
def evaluate(network: SketchRNN, batches: Batches, device: torch.device) -> float:
    """Nats per real point over every drawing of a set, none augmented."""
    network.eval()
    nats = points = 0.0
    for batch in batches.all():
        one = batch_loss(network, batch, device)
        nats += float(one.offset + one.pen)
        points += float(one.points)
    network.train()
    return nats / points


def baseline_loss(train: Drawings, held_out: Drawings, scale: float) -> float:
    """Held-out nats per point of a model that knows no order: one Gaussian for every offset, with its
    correlation, and the frequencies of the three pen states, both measured on the training drawings."""
    unit = np.array([scale, scale, 1])
    rows = np.concatenate(train.sketches) / unit
    covariance = np.cov(rows[:, :2].T)
    counts = np.array([np.sum(rows[:, 2] < 0.5), np.sum(rows[:, 2] > 0.5), len(train)], dtype=np.float64)
    log_pen = np.log(counts / counts.sum())
    test = np.concatenate(held_out.sketches) / unit
    away = test[:, :2] - rows[:, :2].mean(axis=0)
    squared = np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away)
    offset = 0.5 * squared + 0.5 * math.log(float(np.linalg.det(covariance))) + math.log(2 * math.pi)
    pen = -log_pen[(test[:, 2] > 0.5).astype(int)].sum() - log_pen[2] * len(held_out)
    return float((offset.sum() + pen) / len(test))


def train(
    recipe: Recipe, drawings: Drawings, folder: Path, parent: checkpoint.TrainedModel | None = None
) -> Generator[Progress, None, None]:
    """Follow a recipe in `folder`, yielding progress; write `model.safetensors` at the end.

    The state (network, optimiser, step, random state) is saved every minute, and whenever the caller closes the
    iterator or Ctrl-C interrupts it; the same call goes on from there, bit for bit as if it had never stopped.
    `parent` is the model that `recipe.parent` names: its weights, scale factor and, where it knows them, class
    embeddings are the start.
    """
    device = best_device()
    training, held_out = drawings.split()
    if not len(training) or not len(held_out):
        raise DataError(
            f"{len(drawings)} drawings are too few: about one in {HELD_OUT_ONE_IN} is held out to judge by, "
            "and here none is (or all are); add drawings, or widen min_points and max_points"
        )
    scale = parent.scale_factor if parent else scale_factor(training)
    batches = Batches(training, scale, recipe.batch, recipe.seed, recipe.balance)
    judged = Batches(held_out, scale, recipe.batch)
    torch.manual_seed(recipe.seed)
    network = _new_network(recipe, drawings, parent).to(device)
    adam = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, fused=True)
    folder.mkdir(parents=True, exist_ok=True)
    model = checkpoint.TrainedModel(
        network,
        drawings.classes,
        scale,
        max(int(batches.lengths.max()), int(judged.lengths.max())),
        {"recipe": recipe.as_dict()},
    )
    first = _restore(folder / STATE, model, adam) if (folder / STATE).exists() else 0
    running, seen, read, since, saved = math.nan, 0.0, first, time.monotonic(), time.monotonic()
    done, updating = first, False
    try:
        for step in range(first, recipe.steps):
            adam.param_groups[0]["lr"] = recipe.learning_rate_at(step)
            one = batch_loss(network, batches.train(step, recipe), device)
            adam.zero_grad(set_to_none=True)
            one.per_point.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
            updating = True
            adam.step()
            done, updating = step + 1, False
            last = done == recipe.steps
            judge = done % recipe.evaluate_every == 0 or last
            if done % READ_EVERY == 0 or judge:
                value = float(one.per_point.detach())
                if not math.isfinite(value):
                    raise FloatingPointError(f"the loss is {value} at step {done}; lower the learning rate")
                running = value if math.isnan(running) else 0.9 * running + 0.1 * value
                seen = float(one.points) * (done - read) / max(time.monotonic() - since, 1e-9)
                since, read = time.monotonic(), done
                judgement = evaluate(network, judged, device) if judge else None
                progress = Progress(done, recipe.steps, running, judgement, seen)
                if judge:
                    _log(folder / LOG, progress)
                if time.monotonic() - saved > SAVE_EVERY_S or last:
                    _save(folder / STATE, model, adam, done)
                    saved = time.monotonic()
                yield progress
    except (KeyboardInterrupt, GeneratorExit):
        if not updating:  # else the last saved state stands: half an update is none
            _save(folder / STATE, model, adam, done)
        raise
    judgement = evaluate(network, judged, device)
    network.eval().cpu()
    model.about["results"] = {
        "held_out_nats_per_point": judgement,
        "baseline_nats_per_point": baseline_loss(training, held_out, scale),
        "training_drawings": len(training),
        "training_points": int(batches.lengths.sum()),
        "held_out_drawings": len(held_out),
        "left_out": dict(drawings.left_out),
        "ended_by_themselves": calibrate(model),
    }
    checkpoint.save_model(folder / MODEL, model)


def _new_network(recipe: Recipe, drawings: Drawings, parent: checkpoint.TrainedModel | None) -> SketchRNN:
    if parent is None:
        shape = SketchRNNConfig(recipe.hidden, recipe.components, len(drawings.classes), recipe.embedding)
        return SketchRNN(shape)
    shape = SketchRNNConfig(**{**vars(parent.network.config), "classes": len(drawings.classes)})
    network = SketchRNN(shape)
    weights = dict(parent.network.state_dict())
    old = weights["embedding.weight"]
    rows = [old[parent.classes.index(name)] if name in parent.classes else old.mean(0) for name in drawings.classes]
    weights["embedding.weight"] = torch.stack(rows)
    network.load_state_dict(weights)
    return network


def _log(path: Path, progress: Progress) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(vars(progress)) + "\n")


def _save(path: Path, model: checkpoint.TrainedModel, adam: torch.optim.Adam, step: int) -> None:
    tensors = dict(model.network.state_dict())
    for name, parameter in model.network.named_parameters():
        for key, value in adam.state[parameter].items():
            tensors[f"adam.{key}.{name}"] = value
    tensors["random.torch"] = torch.get_rng_state()
    checkpoint.write(path, tensors, model.header() | {"step": step})


def _restore(path: Path, model: checkpoint.TrainedModel, adam: torch.optim.Adam) -> int:
    """Put a saved state back; returns the step to go on from. Raises CheckpointError if the run was another's.

    `steps` alone may differ from the saved recipe's: a run may be lengthened, or ended sooner.
    """
    tensors, header = checkpoint.read(path)
    then, now = ({**one["about"]["recipe"], "steps": 0} for one in (header, model.header()))
    then["classes"] = tuple(then["classes"])
    if then != now or header["classes"] != list(model.classes):
        changed = sorted(key for key in now if then.get(key) != now[key]) or ["classes"]
        raise checkpoint.CheckpointError(
            f"{path}: this run began with another recipe ({', '.join(changed)} differ); choose a new --out folder"
        )
    torch.set_rng_state(tensors.pop("random.torch"))
    state = {name: one for name, one in tensors.items() if not name.startswith("adam.")}
    model.network.load_state_dict(state)
    for name, parameter in model.network.named_parameters():
        for key in ("step", "exp_avg", "exp_avg_sq"):
            if (saved := tensors.get(f"adam.{key}.{name}")) is not None:
                adam.state[parameter][key] = saved.to(parameter.device)
    return int(header["step"])
