"""Training: it learns, it stops and goes on exactly, and its files are safe."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models import checkpoint, recipe, strokes, training
from models.checkpoint import CheckpointError
from models.datasets import Batches, Drawings
from models.readers import DataError
from models.recipe import Recipe, RecipeError, load_recipe

TINY = Recipe("tiny", hidden=32, components=3, embedding=4, steps=60, batch=16, warmup=5, learning_rate=1e-2)


def staircases(count: int = 200) -> Drawings:
    """Two classes that a small network can tell apart: stairs up and stairs down."""
    rng = np.random.default_rng(0)
    drawings = Drawings(("down", "up"))
    for number in range(count):
        step = rng.integers(10, 30)
        turn = np.tile([[step, 0], [0, step if number % 2 else -step]], (rng.integers(3, 7), 1))
        drawings.sketches.append(strokes.from_polylines([np.cumsum(turn, axis=0).astype(float)]))
        drawings.labels.append(int(number % 2 == 0))
    return drawings


def finish(run: object) -> list[training.Progress]:
    return list(run)  # type: ignore[call-overload, no-any-return]


def weights(path: Path) -> dict[str, torch.Tensor]:
    return checkpoint.read(path)[0]


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    finish(training.train(TINY, staircases(), folder))
    return folder


def test_training_beats_a_model_without_memory(whole_run: Path) -> None:
    results = checkpoint.load_model(whole_run / training.MODEL).about["results"]
    assert results["held_out_nats_per_point"] < results["baseline_nats_per_point"] - 0.5
    assert results["training_drawings"] + results["held_out_drawings"] == 200


def test_a_run_that_was_interrupted_ends_in_the_same_weights(whole_run: Path, tmp_path: Path) -> None:
    run = training.train(TINY, staircases(), tmp_path)
    assert next(run).step == 20
    run.close()  # what Ctrl-C does
    assert not (tmp_path / training.MODEL).exists()
    finish(training.train(TINY, staircases(), tmp_path))
    saved, other = weights(tmp_path / training.STATE), weights(whole_run / training.STATE)
    assert saved.keys() == other.keys()
    assert any(name.startswith("adam.exp_avg_sq.") for name in saved)
    for name, one in saved.items():
        assert torch.equal(one, other[name]), name


def test_ctrl_c_saves_the_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = training.to_tensors, iter(range(1000))

    def interrupted(*arguments: object) -> object:
        if next(calls) == 7:
            raise KeyboardInterrupt
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "to_tensors", interrupted)
    with pytest.raises(KeyboardInterrupt):
        finish(training.train(TINY, staircases(), tmp_path))
    assert checkpoint.read(tmp_path / training.STATE)[1]["step"] == 7


def test_another_recipes_run_is_not_gone_on_with(whole_run: Path) -> None:
    with pytest.raises(CheckpointError, match=r"another recipe \(batch differ\)"):
        finish(training.train(replace(TINY, batch=8), staircases(), whole_run))


def test_a_child_starts_from_its_parent(whole_run: Path, tmp_path: Path) -> None:
    parent = checkpoint.load_model(whole_run / training.MODEL)
    drawings = Drawings(("up",), staircases(600).sketches[1::2], [0] * 300)
    child = replace(TINY, name="up", parent="tiny", steps=1, learning_rate=0.0)
    finish(training.train(child, drawings, tmp_path, parent))
    model = checkpoint.load_model(tmp_path / training.MODEL)
    assert model.scale_factor == parent.scale_factor
    torch.testing.assert_close(
        model.network.embedding.weight[0], parent.network.embedding.weight[parent.classes.index("up")]
    )
    torch.testing.assert_close(model.network.head.weight, parent.network.head.weight)


def test_too_few_drawings_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2 drawings are too few"):
        finish(training.train(TINY, staircases(2), tmp_path))


def test_the_baseline_is_the_loss_of_its_own_distributions() -> None:
    drawings = Drawings(("a",), [np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 1]], dtype=np.float32)] * 3, [0])
    drawings.labels = [0, 0, 0]
    # Mean 0, variance of each axis 6/11 (ddof 1 over 12 rows), no correlation; pen 9 down, 3 up, 3 ends of 15.
    variance = 6 / 11
    offset = 0.5 / variance + math.log(variance) + math.log(2 * math.pi)
    pen = -(3 * math.log(9 / 15) + math.log(3 / 15) + math.log(3 / 15)) / 4
    assert training.baseline_loss(drawings, drawings, 1.0) == pytest.approx(offset + pen)


def test_the_learning_rate_warms_up_stays_and_falls() -> None:
    one = Recipe("x", steps=100, warmup=10, decay=0.5, learning_rate=1.0)
    assert one.learning_rate_at(0) == pytest.approx(0.1)
    assert one.learning_rate_at(9) == one.learning_rate_at(50) == 1.0
    assert one.learning_rate_at(75) == pytest.approx(0.5)
    assert one.learning_rate_at(99) == pytest.approx(0.02)


def test_evaluation_does_not_depend_on_the_batch_size(whole_run: Path) -> None:
    model = checkpoint.load_model(whole_run / training.MODEL)
    judged = (
        training.evaluate(model.network, Batches(staircases(), model.scale_factor, size), 20, torch.device("cpu"))
        for size in (7, 64)
    )
    assert vars(next(judged)) == pytest.approx(vars(next(judged)), rel=1e-5)


def test_the_log_has_a_line_for_every_judgement(whole_run: Path) -> None:
    lines = [json.loads(line) for line in (whole_run / training.LOG).read_text().splitlines()]
    assert [one["step"] for one in lines] == [60]
    assert lines[0]["held_out"]["nats_per_point"] < lines[0]["train"]  # which is augmented, and a running mean


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_training_on_a_gpu_learns_the_same(whole_run: Path, tmp_path: Path) -> None:
    finish(training.train(TINY, staircases(), tmp_path))
    on_cpu, on_gpu = (
        checkpoint.load_model(one / training.MODEL).about["results"]["held_out_nats_per_point"]
        for one in (whole_run, tmp_path)
    )
    assert on_gpu == pytest.approx(on_cpu, abs=0.2)


def test_a_model_survives_the_disk_to_four_digits(whole_run: Path) -> None:
    model = checkpoint.load_model(whole_run / training.MODEL)
    state = checkpoint.load_model(whole_run / training.STATE)  # full precision
    judged = Batches(staircases(), model.scale_factor, 64)
    half, full = (training.evaluate(one.network, judged, 20, torch.device("cpu")) for one in (model, state))
    assert half.nats_per_point == pytest.approx(full.nats_per_point, abs=1e-3)


@pytest.mark.parametrize("blob", [b"", b"not weights at all", b"\x80\x04\x95pickle", b"\xff" * 64])
def test_what_is_not_a_checkpoint_is_refused_in_a_sentence(tmp_path: Path, blob: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(blob)
    with pytest.raises(CheckpointError, match="not a plotbot checkpoint"):
        checkpoint.load_model(path)


def test_a_header_that_does_not_fit_the_weights_is_refused(whole_run: Path, tmp_path: Path) -> None:
    tensors, header = checkpoint.read(whole_run / training.MODEL)
    header["network"]["hidden"] = 7
    checkpoint.write(tmp_path / "bad.safetensors", tensors, header)
    with pytest.raises(CheckpointError, match="do not fit together"):
        checkpoint.load_model(tmp_path / "bad.safetensors")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    checkpoint.write(path, {"a": torch.ones(2)}, {"format": checkpoint.FORMAT})

    def full_disk(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        checkpoint.write(path, {"a": torch.zeros(2)}, {"format": checkpoint.FORMAT})
    assert checkpoint.read(path)[0]["a"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps = 'many'", "steps must be of type int, not 'many'"),
        ("stepz = 3", "unknown key 'stepz'"),
        ("steps = -3", "must not be negative"),
        ("steps = 0", "at least 1"),
        ("steps = [", "not valid TOML"),
        ("classes = [1]", "classes must be of type tuple"),
    ],
)
def test_a_broken_recipe_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=message.replace("[", r"\[")):
        load_recipe(path)


def test_every_shipped_recipe_loads() -> None:
    names = sorted(path.stem for path in recipe.FOLDER.glob("*.toml"))
    assert names
    assert [load_recipe(name).name for name in names] == names
    with pytest.raises(RecipeError, match=r"no recipe unicorn: name a \.toml file or one of"):
        load_recipe("unicorn")


def test_judging_leaves_a_network_as_it_was(whole_run: Path) -> None:
    """Else a model that was judged would go on to sample with dropout."""
    network = checkpoint.load_model(whole_run / training.MODEL).network
    for mode in (False, True):
        network.train(mode)
        training.evaluate(network, Batches(staircases(), 40.0, 64), 20, torch.device("cpu"))
        assert network.training is mode
