"""What is minimised and what is judged, against the paper's formulas; and stopping early."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models import checkpoint, strokes, training
from models.datasets import Batches, Drawings
from models.recipe import Recipe
from models.sketch_rnn import SketchRNN, SketchRNNConfig
from models.training import Judgement
from tests.models.test_training import TINY, finish, staircases

VAE = replace(TINY, latent=4, encoder=8, steps=6, kl_floor=0.0)
CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """The temperatures of the models made here are nobody's concern."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "calibrate", lambda _: 1.0)
        yield


def weights(folder: Path, name: str = training.STATE) -> dict[str, torch.Tensor]:
    return checkpoint.read(folder / name)[0]


def test_the_kl_is_annealed_by_powers() -> None:
    one = Recipe("x", kl_weight=0.5, kl_start=0.01, kl_rate=0.9)
    # 0.5 (1 - 0.99 x 0.9^t)
    assert one.kl_weight_at(0) == pytest.approx(0.005)
    assert one.kl_weight_at(1) == pytest.approx(0.5 * (1 - 0.891))
    assert one.kl_weight_at(2) == pytest.approx(0.5 * (1 - 0.8019))
    assert one.kl_weight_at(1000) == pytest.approx(0.5)
    assert replace(one, kl_rate=0.99999).kl_weight_at(500_000) == pytest.approx(0.5 * (1 - 0.99 * np.exp(-5)), rel=1e-4)


def test_no_gradient_comes_of_a_kl_below_its_floor(tmp_path: Path) -> None:
    kinds = {
        "none": replace(VAE, kl_weight=0.0),
        "below": replace(VAE, kl_weight=9.0, kl_start=1.0, kl_floor=1e9),
        "above": replace(VAE, kl_weight=9.0, kl_start=1.0, kl_floor=0.0),
    }
    for name, recipe in kinds.items():
        finish(training.train(recipe, staircases(), tmp_path / name))
    none, below, above = (weights(tmp_path / name) for name in kinds)
    for name, one in none.items():
        assert torch.equal(one, below[name]), name
    assert not torch.equal(none["encoder.mu.weight"], above["encoder.mu.weight"])
    kl = {name: json.loads((tmp_path / name / training.LOG).read_text())["held_out"]["kl"] for name in kinds}
    assert kl["above"] < kl["below"] == kl["none"]


def oracle(raw: NDArray[np.float64], sketch: NDArray[np.float64], components: int) -> float:
    """Nats of one drawing, the densities outside the logarithm as the paper writes them, in float64."""
    pen, pi, mu_x, mu_y, sigma_x, sigma_y, rho = np.split(raw, 3 + components * np.arange(6), axis=-1)
    pi, rho = np.exp(pi) / np.exp(pi).sum(-1, keepdims=True), np.tanh(rho)
    sigma_x, sigma_y = np.exp(sigma_x), np.exp(sigma_y)
    pen = np.log(np.exp(pen) / np.exp(pen).sum(-1, keepdims=True))
    nats = 0.0
    for n, (dx, dy, up) in enumerate(sketch):
        density = 0.0
        for m in range(components):
            s, r = np.array([sigma_x[n, m], sigma_y[n, m]]), rho[n, m]
            covariance = np.array([[s[0] ** 2, r * s[0] * s[1]], [r * s[0] * s[1], s[1] ** 2]])
            away = np.array([dx - mu_x[n, m], dy - mu_y[n, m]])
            exponent = -0.5 * away @ np.linalg.inv(covariance) @ away
            density += pi[n, m] * np.exp(exponent) / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))
        nats -= np.log(density) + pen[n, int(up)]
    return nats - pen[len(sketch), 2]


def test_a_judgement_is_the_papers_loss() -> None:
    torch.manual_seed(0)
    drawings, longest = staircases(7), 33
    network = SketchRNN(SketchRNNConfig("lstm", 8, 3, 2, 4)).eval()
    for one in network.parameters():
        one.data += 0.2 * torch.randn_like(one)
    found = training.evaluate(network, Batches(drawings, 20.0, 3), longest, CPU)
    nats = points = 0.0
    network.double().eval()
    for sketch, label in zip(drawings.sketches, drawings.labels, strict=True):
        scaled = sketch / np.array([20.0, 20, 1])
        rows = np.vstack([strokes.START_TOKEN, strokes.to_stroke5(scaled, len(scaled) + 1)])[:-1]
        condition = network.condition(torch.tensor([label]))
        with torch.no_grad():
            hidden, _ = network.cell(
                torch.tensor(rows, dtype=torch.float64)[None], network.start(condition, 1), condition
            )
            nats += oracle(network.head(hidden)[0].numpy(), scaled, 3)
        points += len(sketch)
    assert found.nats_per_point == pytest.approx(nats / points, rel=1e-5)
    assert found.reconstruction == pytest.approx(nats / (7 * longest), rel=1e-5)
    assert found.kl == 0


def test_a_judgements_kl_is_the_papers() -> None:
    torch.manual_seed(0)
    drawings = staircases(7)
    network = SketchRNN(SketchRNNConfig("lstm", 8, 3, 0, 4, 5, 6))
    for one in network.parameters():
        one.data += 0.2 * torch.randn_like(one)
    batches = Batches(drawings, 20.0, 3)
    found = training.evaluate(network, batches, 40, CPU)
    expected = []
    network.eval()
    for batch in batches.all():
        rows, lengths, _ = training.to_tensors(batch, CPU)
        with torch.no_grad():
            mu, presig = (one.double().numpy() for one in network.encoder(rows[:, 1:], lengths))
        expected += [-0.5 * (1 + presig - mu**2 - np.exp(presig))]
    assert found.kl == pytest.approx(np.concatenate(expected).mean(), rel=1e-5)
    assert (
        training.evaluate(network, Batches(drawings, 20.0, 3), 40, CPU) == found
    )  # z does not change from one to the next
    assert found.cost(0.25) == pytest.approx(found.reconstruction + 0.25 * found.kl)
    assert Judgement(9.0, -1.0, 0.5).cost(0.5) == -0.75


STOPS = replace(VAE, steps=40, evaluate_every=1, patience=3, learning_rate=3e-2, decay=0.0)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of too high a learning rate, which stops early."""
    folder = tmp_path_factory.mktemp("stopped")
    finish(training.train(STOPS, staircases(), folder))
    return folder


def costs(folder: Path) -> list[float]:
    lines = (folder / training.LOG).read_text().splitlines()
    return [Judgement(**json.loads(line)["held_out"]).cost(STOPS.kl_weight) for line in lines]


def test_a_run_stops_when_it_gets_no_better_and_keeps_its_best(stopped: Path) -> None:
    found = costs(stopped)
    assert len(found) < STOPS.steps
    best = found.index(min(found))
    assert len(found) - 1 - best == STOPS.patience
    results = checkpoint.load_model(stopped / training.MODEL).about["results"]
    assert results["held_out_reconstruction"] + 0.5 * results["held_out_kl"] == pytest.approx(found[best], abs=1e-6)
    assert results["steps"] == len(found)


@pytest.mark.parametrize("back", [1, 2, 5])
def test_a_run_interrupted_stops_where_it_would_have(stopped: Path, tmp_path: Path, back: int) -> None:
    run = training.train(STOPS, staircases(), tmp_path)
    for _ in range(len(costs(stopped)) - back):
        next(run)
    run.close()
    finish(training.train(STOPS, staircases(), tmp_path))
    assert costs(tmp_path) == costs(stopped)
    ours, theirs = weights(tmp_path, training.MODEL), weights(stopped, training.MODEL)
    for name, one in ours.items():
        assert torch.equal(one, theirs[name]), name


def test_a_judgement_interrupted_is_made_when_the_run_goes_on(
    stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = training.evaluate, iter(range(1000))

    def interrupted(*arguments: object) -> Judgement:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "evaluate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        finish(training.train(STOPS, staircases(), tmp_path))
    assert len(costs(tmp_path)) == 2
    finish(training.train(STOPS, staircases(), tmp_path))
    assert costs(tmp_path) == costs(stopped)


def test_a_vae_with_dropout_goes_on_bit_for_bit(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    recipe = replace(VAE, steps=45, keep=0.7, kl_rate=0.9)
    finish(training.train(recipe, staircases(), whole))
    for _ in range(2):
        run = training.train(recipe, staircases(), parts)
        next(run)
        run.close()
    finish(training.train(recipe, staircases(), parts))
    saved, other = weights(parts), weights(whole)
    assert saved.keys() == other.keys()
    for name, one in saved.items():
        assert torch.equal(one, other[name]), name


def test_straight_lines_of_whole_pixels_bring_no_nan(tmp_path: Path) -> None:
    # One axis of every offset is exactly 0: nothing but its limit keeps sigma from collapsing on it.
    rng = np.random.default_rng(0)
    drawings = Drawings(("line",))
    for _ in range(100):
        points = np.zeros((rng.integers(3, 8), 2))
        points[:, 1] = np.cumsum(rng.integers(1, 40, len(points)))
        drawings.sketches.append(strokes.from_polylines([points]))
        drawings.labels.append(0)
    recipe = replace(TINY, components=20, hidden=12, steps=300, learning_rate=3e-2, evaluate_every=100)
    finish(training.train(recipe, drawings, tmp_path))
    model = checkpoint.load_model(tmp_path / training.MODEL)
    assert all(torch.isfinite(one).all() for one in model.network.parameters())
    log = [
        json.loads(line)["held_out"]["nats_per_point"] for line in (tmp_path / training.LOG).read_text().splitlines()
    ]
    assert np.isfinite(log).all()
    assert log[-1] < 0  # a density that high takes a narrow sigma
    results = checkpoint.load_model(tmp_path / training.MODEL).about["results"]
    assert np.isfinite(results["baseline_nats_per_point"])
