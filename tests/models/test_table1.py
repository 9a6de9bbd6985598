"""The paper's Table 1: what is in it, how its models are trained, and what is read off a finished run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models import table1, training
from models.datasets import load
from models.readers import DataError
from tests.models.test_training import finish, staircases


def npz(path: Path, train: int = 60, held_out: int = 5) -> None:
    """A sketch-rnn file of staircases, with its split."""
    sketches = np.empty(train + 2 * held_out, dtype=object)
    sketches[:] = [one.astype(np.int16) for one in staircases(len(sketches)).sketches]
    np.savez(path, train=sketches[:train], valid=sketches[train : train + held_out], test=sketches[train + held_out :])


def test_the_papers_figures_trade_one_loss_for_the_other() -> None:
    assert len(table1.PAPER) == 10
    for name, row in table1.PAPER.items():
        (*with_z, (decoder,)) = row
        reconstruction, kl = zip(*with_z, strict=True)
        assert decoder > reconstruction[0] > reconstruction[1] > reconstruction[2], name
        assert 0.2 <= kl[0] < kl[1] < kl[2], name


def test_forty_models_are_trained_as_the_paper_has_it() -> None:
    entries = table1.entries()
    assert len({one.recipe.name for one in entries}) == 40
    one = next(one for one in entries if one.data_set == "cat+pig" and one.kl_weight == 0.25)
    assert one.paper == (-1.50, 0.98)
    assert (one.recipe.classes, one.recipe.labels) == (("cat", "pig"), False)
    assert (one.recipe.cell, one.recipe.hidden, one.recipe.encoder) == ("hyper_lstm", 2048, 512)
    assert (one.recipe.latent, one.recipe.components, one.recipe.batch, one.recipe.keep) == (128, 20, 100, 0.9)
    assert {one.recipe.learning_rate_at(step) for step in (0, 1000, table1.STEPS - 1)} == {1e-4}
    assert one.recipe.kl_weight_at(table1.STEPS) == pytest.approx(0.25, rel=0.01)
    assert [one.recipe.latent for one in entries[:4]] == [128, 128, 128, 0]
    assert [one.column for one in entries[:4]] == ["w_KL 1.00", "w_KL 0.50", "w_KL 0.25", "decoder only"]


def test_a_finished_run_stands_beside_the_paper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "calibrate", lambda _: 1.0)
    for name in ("cat", "pig"):
        npz(tmp_path / f"{name}.npz")
    entries = table1.entries(["cat+pig"], steps=2, cell="lstm", hidden=8)
    first = entries[0]
    assert table1.figures(tmp_path, first) is None
    drawings = load(tmp_path, first.recipe.classes)
    progress = finish(training.train(first.recipe, drawings, tmp_path / first.recipe.name))
    found = table1.figures(tmp_path, first)
    assert found
    assert progress[-1].held_out
    assert found.losses == pytest.approx((progress[-1].held_out.reconstruction, progress[-1].held_out.kl))
    assert (found.drawings, found.longest) == (120, max(map(len, drawings.sketches)))
    lines = table1.markdown(tmp_path, entries).splitlines()
    ours = f"{found.losses[0]:.2f} / {found.losses[1]:.2f}"
    assert lines[-1] == (
        f"| cat+pig | 120 | {found.longest} | {found.scale_factor:.2f} | -1.02 / 0.22 | {ours} | -1.24 / 0.49 | - "
        "| -1.50 / 0.98 | - | -0.75 | - |"
    )
    assert {line.count("|") for line in lines if line.startswith("|")} == {13}
    longer = replace(first, recipe=replace(first.recipe, steps=3))
    assert table1.figures(tmp_path, longer) is None  # it is not finished, and will be gone on with


def test_missing_drawings_are_named_with_what_fetches_them(tmp_path: Path) -> None:
    (tmp_path / "cat.ndjson").touch()
    (tmp_path / "face.npz").touch()
    wanted = table1.entries(["cat", "crab+face+pig+rabbit"])
    with pytest.raises(DataError, match="no drawings of crab, pig, rabbit; `plotbot data fetch crab pig rabbit --to "):
        table1.check_data(tmp_path, wanted)
    table1.check_data(tmp_path, table1.entries(["cat", "face"]))
