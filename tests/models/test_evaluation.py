"""Pictures, the judge and its figures, against numbers worked out another way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models import metrics, strokes
from models.checkpoint import CheckpointError, TrainedModel
from models.datasets import Drawings
from models.evaluation import Exhibition, loss_on
from models.judge import Judge, load_judge, save_judge, train_judge
from models.raster import rasterise
from models.readers import DataError
from models.sketch_rnn import SketchRNN, SketchRNNConfig


def bars(count: int, seed: int = 0) -> Drawings:
    """Two classes that anybody tells apart: a line across and a line down, of many slants and lengths."""
    rng = np.random.default_rng(seed)
    drawings = Drawings(("across", "down"))
    for number in range(count):
        points = np.column_stack([np.linspace(0, 200, 6), np.cumsum(rng.normal(0, 6, 6))])
        drawings.sketches.append(strokes.from_polylines([points[:, :: -1 if number % 2 else 1]]))
        drawings.labels.append(number % 2)
    return drawings


@pytest.fixture(scope="module")
def judge() -> Judge:
    one = Judge(("across", "down"))
    assert list(train_judge(one, bars(400), steps=40))[-1].step == 40
    return one


def test_a_picture_holds_its_ink_where_it_was_drawn() -> None:
    across = strokes.from_polylines([np.array([[0.0, 0], [100, 0]])])
    picture = rasterise([across])[0]
    assert picture.shape == (40, 40)
    rows = picture.sum(axis=1)
    assert rows[[19, 20]].sum() == pytest.approx(rows.sum())  # centred, between the two middle rows
    assert picture[19:21, 3:37].sum(axis=0) == pytest.approx(2.0)  # it lies between two rows, and inks both
    assert not picture[:, :2].any()
    assert not picture[:, 38:].any()


def test_a_picture_does_not_depend_on_size_or_place() -> None:
    line = np.array([[3.0, 4], [50, 9], [20, 70]])
    one, other = rasterise([strokes.from_polylines([line]), strokes.from_polylines([line * 7 + 100])])
    np.testing.assert_allclose(one, other, atol=1e-3)
    assert not rasterise([np.zeros((0, 3), dtype=np.float32)]).any()


def test_the_judge_tells_what_anybody_tells(judge: Judge) -> None:
    held_out = bars(60, seed=9)
    logits, features = judge.look(held_out.sketches)
    assert features.shape == (60, 128)
    assert metrics.top(logits, torch.tensor(held_out.labels), 1) >= 0.95


def test_the_judge_survives_the_disk(judge: Judge, tmp_path: Path) -> None:
    save_judge(tmp_path / "judge.safetensors", judge)
    again = load_judge(tmp_path / "judge.safetensors")
    some = bars(5).sketches
    torch.testing.assert_close(again.look(some)[0], judge.look(some)[0])
    with pytest.raises(CheckpointError, match="no such model file"):
        load_judge(tmp_path / "other.safetensors")


def test_frechet_of_known_gaussians() -> None:
    # Two axes, variances 1 and 4 against 9 and 4, means 3 apart: 9 + (3 - 1)^2 + 0.
    base = torch.tensor([[1.0, 2], [1, -2], [-1, 2], [-1, -2]], dtype=torch.float64) * (3 / 4) ** 0.5  # ddof 1
    other = base * torch.tensor([3.0, 1]) + torch.tensor([0.0, 3])
    assert metrics.frechet(base, other) == pytest.approx(9 + 4, abs=1e-9)
    assert metrics.frechet(base, base) == pytest.approx(0, abs=1e-9)


def test_precision_and_recall_of_a_generator_that_knows_half() -> None:
    torch.manual_seed(0)
    left, right = torch.randn(200, 4), torch.randn(200, 4) + 50
    precision, recall = metrics.precision_recall(torch.cat([left, right]), torch.randn(200, 4))
    assert precision > 0.8  # all that it makes is real
    assert 0.35 < recall <= 0.5  # and half of what is real it never makes
    assert metrics.precision_recall(left, torch.randn(200, 4) + 1000) == (0, 0)


def test_top_k_counts() -> None:
    logits = torch.tensor([[3.0, 2, 1], [1, 2, 3], [2, 3, 1]])
    labels = torch.tensor([0, 0, 0])
    assert metrics.top(logits, labels, 1) == pytest.approx(1 / 3)
    assert metrics.top(logits, labels, 2) == pytest.approx(2 / 3)
    assert metrics.top(logits, labels, 5) == 1


def test_a_copier_is_told_by_its_memorisation(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    from models import evaluation
    from models.sampling import Sketch

    training, held_out = bars(300), bars(100, seed=5)
    hall = Exhibition(judge, training, held_out)
    model = TrainedModel(SketchRNN(SketchRNNConfig("lstm", 8, 2, 2, 4)), ("across", "down"), 40.0, 20)

    def hung(source: Drawings) -> dict[str, float]:
        def sampled(model: object, count: int, name: str, *rest: object, **more: object) -> list[Sketch]:
            label = source.classes.index(name)
            mine = [one for one, its in zip(source.sketches, source.labels, strict=True) if its == label]
            return [Sketch(one, True) for one in mine[:count]]

        monkeypatch.setattr(evaluation, "sample", sampled)
        return hall.generated(model, ["across", "down"], 0.25, 40)

    copied, honest = hung(training), hung(bars(100, seed=77))
    assert copied["memorisation"] < 0.2
    assert 0.7 < honest["memorisation"] < 1.4
    assert honest["top1"] >= 0.95
    assert honest["ended_by_themselves"] == 1
    assert honest["blank"] == 0


def test_a_model_is_judged_on_its_own_classes_only() -> None:
    model = TrainedModel(SketchRNN(SketchRNNConfig("lstm", 8, 2, 1, 4)).eval(), ("across",), 40.0, 20)
    assert np.isfinite(loss_on(model, bars(20)).nats_per_point)
    model.classes = ("sideways",)
    with pytest.raises(DataError, match="none of the held-out drawings"):
        loss_on(model, bars(20))
