"""Training: one flat loop that can be stopped at any step and goes on as if it had not been.

Everything by chance in step k (drawings, augmentation, dropout, z) is a function of the seed, k and the process's
rank alone, so that nothing but weights, optimiser and k need be saved. Several processes, one for each GPU, share
the batches: `torchrun --nproc-per-node 2 -m plotbot train RECIPE`.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from models import checkpoint
from models.datasets import HELD_OUT_ONE_IN, Batch, Batches, Drawings, scale_factor
from models.mixture import LOG_SIGMA_RANGE, loss
from models.readers import DataError
from models.recipe import Recipe
from models.sampling import calibrate
from models.sketch_rnn import SketchRNN, kl_divergence
from models.starting import new_network

STATE, LOG, MODEL = "state.safetensors", "log.jsonl", "model.safetensors"
SAVE_EVERY_S = 60.0
READ_EVERY = 20  # steps between two looks at the loss, each of which waits for a GPU


@dataclass(frozen=True)
class Judgement:
    """What a network does with a set of drawings, none augmented.

    nats_per_point: of offset and pen, over real points. reconstruction: the paper's L_R, the same nats over B x Nmax,
    Nmax the longest drawing (rows after the end, which no one draws, are not counted; magenta's trained networks
    get next to nothing for them). kl: the paper's L_KL, unfloored, 0 without an encoder.
    """

    nats_per_point: float
    reconstruction: float
    kl: float

    def cost(self, kl_weight: float) -> float:
        """The paper's unannealed loss, L_R + w_KL L_KL."""
        return self.reconstruction + kl_weight * self.kl


@dataclass(frozen=True)
class Progress:
    """Where a run stands: nats per real point of training (running mean), and how it does on what is held out."""

    step: int
    steps: int
    train: float
    held_out: Judgement | None
    points_per_second: float


def best_device() -> torch.device:
    """The GPU of this process where there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


@contextmanager
def processes() -> Iterator[tuple[int, int]]:
    """Rank and number of the processes that train together: as `torchrun` set them up, else 0 of 1."""
    if "WORLD_SIZE" not in os.environ:
        yield 0, 1
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(best_device())
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield distributed.get_rank(), distributed.get_world_size()
    finally:
        distributed.destroy_process_group()


class Objective(nn.Module):
    """The sums that make the loss, as a module, so that DistributedDataParallel can wrap it."""

    def __init__(self, network: checkpoint.Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, rows: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
        """Nats of offset and pen, nats of KL over the width of z, real points, drawings: `(4,)`.

        rows `(B, T, 5)` with the start token; on a GPU the network runs in bfloat16, the mixture always in float32.
        """
        network, kind = self.network, rows.device.type
        with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
            z, kl = None, rows.new_zeros(())
            if isinstance(network, SketchRNN) and network.config.latent:
                mu, presig = network.encoder(rows[:, 1:], lengths)
                z = mu + torch.exp(presig / 2) * torch.randn_like(mu)
                kl = kl_divergence(mu, presig)
            mixture, _ = network(rows[:, :-1], network.condition(labels, z), lengths=lengths + 1)
        one = loss(mixture, rows[:, 1:], lengths)
        return torch.stack([one.offset + one.pen, kl, one.points.float(), one.points.new_tensor(len(rows)).float()])


def to_tensors(batch: Batch, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Rows `(B, T, 5)`, lengths `(B,)` and labels `(B,)` on the device."""
    arrays = (batch.rows, batch.lengths, batch.labels)
    rows, lengths, labels = (torch.from_numpy(one).to(device, non_blocking=True) for one in arrays)
    return rows, lengths, labels


@torch.no_grad()
def evaluate(network: checkpoint.Network, batches: Batches, longest: int, device: torch.device) -> Judgement:
    """The judgement of a network on every drawing of a set, Nmax being `longest`; z is drawn from a fixed seed."""
    training = network.training
    network.eval()
    objective = Objective(network)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        sums = torch.stack([objective(*to_tensors(batch, device)) for batch in batches.all()]).double().sum(0)
    network.train(training)
    nats, kl, points, drawings = sums.tolist()
    return Judgement(nats / points, nats / (drawings * longest), kl / drawings)


def baseline_loss(train: Drawings, held_out: Drawings, scale: float) -> float:
    """Held-out nats per point of a model that knows no order: one Gaussian for every offset, with its
    correlation, no narrower than a network's, and the frequencies of the three pen states, both measured on the
    training drawings."""
    unit = np.array([scale, scale, 1])
    rows = np.concatenate(train.sketches) / unit
    variances, axes = np.linalg.eigh(np.cov(rows[:, :2].T))
    variances = np.maximum(variances, math.exp(2 * LOG_SIGMA_RANGE[0]))
    counts = np.array([np.sum(rows[:, 2] < 0.5), np.sum(rows[:, 2] > 0.5), len(train)], dtype=np.float64)
    log_pen = np.log(counts / counts.sum())
    test = np.concatenate(held_out.sketches) / unit
    away = (test[:, :2] - rows[:, :2].mean(axis=0)) @ axes
    offset = 0.5 * (away**2 / variances + np.log(variances)).sum(axis=1) + math.log(2 * math.pi)
    pen = -log_pen[(test[:, 2] > 0.5).astype(int)].sum() - log_pen[2] * len(held_out)
    return float((offset.sum() + pen) / len(test))


@dataclass
class _Run:
    """What of a run is saved: the model, its optimiser, steps done, and the best weights where it stops early."""

    model: checkpoint.TrainedModel
    adam: torch.optim.Adam
    step: int = 0
    judged: int = 0  # the step of the last judgement
    updating: bool = False  # in the middle of an update
    best: float = math.inf
    since_best: int = 0
    best_weights: dict[str, Tensor] | None = None

    def is_due(self, recipe: Recipe) -> bool:
        """Whether a judgement is due, and not yet made."""
        return self.step != self.judged and (self.step % recipe.evaluate_every == 0 or self.step == recipe.steps)

    def judge(self, judgement: Judgement, recipe: Recipe) -> None:
        """Take note of a judgement, and of the weights where it is the best and the run may stop early."""
        cost = judgement.cost(recipe.kl_weight)
        if recipe.patience and cost < self.best:
            self.best_weights = {name: one.clone() for name, one in self.model.network.state_dict().items()}
            self.best, self.since_best = cost, 0
        elif recipe.patience:
            self.since_best += 1
        self.judged = self.step


def train(
    recipe: Recipe,
    drawings: Drawings,
    folder: Path,
    parent: checkpoint.TrainedModel | None = None,
    rank: int = 0,
    world: int = 1,
) -> Generator[Progress, None, None]:
    """Follow a recipe in `folder`, yielding progress; write `model.safetensors` at the end.

    What is minimised is L_R + w_KL max(L_KL, floor) of the paper, times Nmax over a drawing's mean length: nats per
    real point, so that padding dilutes nothing, and the KL weighs against them what it does in the paper.

    The state is saved every minute, and whenever the caller closes the iterator or Ctrl-C interrupts it; the same
    call goes on from there, bit for bit as if it had never stopped. `parent` is the model that `recipe.parent`
    names: its decoder, scale factor and, where it knows them, class embeddings are the start. `rank` of `world`
    processes takes its share of each batch, inside `processes()`; the first alone judges and writes.
    """
    device = best_device()
    training, held_out = _split(drawings)
    scale = parent.scale_factor if parent else scale_factor(training)
    batches = Batches(training, scale, recipe.batch, recipe.seed, recipe.balance)
    judged = Batches(held_out, scale, recipe.batch)
    longest = max(int(batches.lengths.max()), int(judged.lengths.max()))
    torch.manual_seed(recipe.seed)
    network = new_network(recipe, drawings.classes, parent).to(device)
    objective: nn.Module = Objective(network)
    if world > 1:
        objective = DistributedDataParallel(objective)
    adam = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, fused=True)
    folder.mkdir(parents=True, exist_ok=True)
    run = _Run(checkpoint.TrainedModel(network, drawings.classes, scale, longest, {"recipe": recipe.as_dict()}), adam)
    if (folder / STATE).exists():
        _restore(folder / STATE, run)
    running, speed, saved = math.nan, _Speed(run.step), time.monotonic()

    def look(points_per_second: float) -> Progress:
        judgement = evaluate(network, judged, longest, device) if run.is_due(recipe) else None
        progress = Progress(run.step, recipe.steps, running, judgement, points_per_second)
        if judgement:
            run.judge(judgement, recipe)
            if rank == 0:
                _log(folder / LOG, progress)
        return progress

    try:
        if run.is_due(recipe):  # it was stopped while it was judged
            yield look(math.nan)
        while run.step < recipe.steps and not (recipe.patience and run.since_best >= recipe.patience):
            torch.manual_seed(hash((recipe.seed, run.step, rank)) % 2**63)
            batch = to_tensors(batches.train(run.step, recipe).share(rank, world), device)
            nats, points = _step(run, recipe, objective, batch, longest, world)
            if run.step % READ_EVERY and not run.is_due(recipe):
                continue
            value = float(nats / points)
            if not math.isfinite(value):
                raise FloatingPointError(f"the loss is {value} at step {run.step}; lower the learning rate")
            running = value if math.isnan(running) else 0.9 * running + 0.1 * value
            progress = look(speed.of(run.step, float(points)))
            if rank == 0 and (time.monotonic() - saved > SAVE_EVERY_S or run.step == recipe.steps):
                _save(folder / STATE, run)
                saved = time.monotonic()
            yield progress
    except (KeyboardInterrupt, GeneratorExit):
        if rank == 0 and not run.updating:  # else the last saved state stands: half an update is none
            _save(folder / STATE, run)
        raise
    if rank == 0:
        network.load_state_dict(run.best_weights or network.state_dict())
        _finish(run, evaluate(network, judged, longest, device), drawings, folder)


def _finish(run: _Run, judgement: Judgement, drawings: Drawings, folder: Path) -> None:
    """Find the temperatures of a trained model, and write it with its results."""
    training, held_out = drawings.split()
    run.model.network.eval().cpu()
    run.model.about["results"] = {
        "held_out_nats_per_point": judgement.nats_per_point,
        "held_out_reconstruction": judgement.reconstruction,
        "held_out_kl": judgement.kl,
        "baseline_nats_per_point": baseline_loss(training, held_out, run.model.scale_factor),
        "training_drawings": len(training),
        "training_points": sum(map(len, training.sketches)),
        "held_out_drawings": len(held_out),
        "left_out": dict(drawings.left_out),
        "steps": run.step,
        "ended_by_themselves": calibrate(run.model),
    }
    checkpoint.save_model(folder / MODEL, run.model)


def _split(drawings: Drawings) -> tuple[Drawings, Drawings]:
    training, held_out = drawings.split()
    if not len(training) or not len(held_out):
        raise DataError(
            f"{len(drawings)} drawings are too few: about one in {HELD_OUT_ONE_IN} is held out to judge by, "
            "and here none is (or all are); add drawings, or widen min_points and max_points"
        )
    return training, held_out


def _step(
    run: _Run, recipe: Recipe, objective: nn.Module, batch: tuple[Tensor, Tensor, Tensor], longest: int, world: int
) -> tuple[Tensor, Tensor]:
    """One update; the nats and points of the whole batch, over all processes."""
    run.adam.param_groups[0]["lr"] = recipe.learning_rate_at(run.step)
    sums = objective(*batch)
    everywhere = sums.detach().clone()
    if world > 1:
        distributed.all_reduce(everywhere)
    nats, kl, points, drawings = everywhere.unbind()
    kl_weight = recipe.kl_weight_at(run.step) * longest * (kl / drawings > recipe.kl_floor)
    run.adam.zero_grad(set_to_none=True)
    ((sums[0] + kl_weight * sums[1]) * world / points).backward()
    torch.nn.utils.clip_grad_norm_(run.model.network.parameters(), recipe.clip)
    run.updating = True
    run.adam.step()
    run.step, run.updating = run.step + 1, False
    return nats, points


class _Speed:
    """Real points per second between two looks."""

    def __init__(self, step: int) -> None:
        self.step, self.since = step, time.monotonic()

    def of(self, step: int, points: float) -> float:
        """Now at `step`, in batches of about `points`."""
        now = time.monotonic()
        speed = points * (step - self.step) / max(now - self.since, 1e-9)
        self.step, self.since = step, now
        return speed


def _log(path: Path, progress: Progress) -> None:
    entry = {**vars(progress), "held_out": vars(progress.held_out)}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def _save(path: Path, run: _Run) -> None:
    tensors = dict(run.model.network.state_dict())
    for name, parameter in run.model.network.named_parameters():
        for key, value in run.adam.state[parameter].items():
            tensors[f"adam.{key}.{name}"] = value
    tensors |= {f"best.{name}": one for name, one in (run.best_weights or {}).items()}
    where: dict[str, Any] = {"step": run.step, "judged": run.judged, "since_best": run.since_best}
    where["best"] = run.best if run.best_weights else None
    checkpoint.write(path, tensors, run.model.header() | where)


def _restore(path: Path, run: _Run) -> None:
    """Put a saved state back. Raises CheckpointError if the run was another's.

    `steps` and `patience` alone may differ from the saved recipe's: a run may be lengthened, or ended sooner. A key
    that the saved recipe does not have stands at its default.
    """
    tensors, header = checkpoint.read(path)
    free = {"steps": 0, "patience": 0}
    then, now = (Recipe("").as_dict() | one["about"]["recipe"] | free for one in (header, run.model.header()))
    then |= {key: tuple(value) for key, value in then.items() if isinstance(value, list)}  # JSON has no tuples
    if then != now or header["classes"] != list(run.model.classes):
        changed = sorted(key for key in now if then.get(key) != now[key]) or ["classes"]
        raise checkpoint.CheckpointError(
            f"{path}: this run began with another recipe ({', '.join(changed)} differ); choose a new --out folder"
        )
    kinds: dict[str, dict[str, Tensor]] = {"adam": {}, "best": {}, "": {}}
    for name, one in tensors.items():
        kind = name.split(".")[0] if name.startswith(("adam.", "best.")) else ""
        kinds[kind][name.removeprefix(f"{kind}.")] = one
    run.model.network.load_state_dict(kinds[""])
    for name, parameter in run.model.network.named_parameters():
        for key in ("step", "exp_avg", "exp_avg_sq"):
            if (saved := kinds["adam"].get(f"{key}.{name}")) is not None:
                run.adam.state[parameter][key] = saved.to(parameter.device)
    run.step, run.since_best = int(header["step"]), int(header["since_best"])
    run.judged = int(header.get("judged", run.step))  # the first files do not say
    if kinds["best"]:
        run.best, run.best_weights = float(header["best"]), kinds["best"]
