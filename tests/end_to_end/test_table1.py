"""`evaluate`: the paper's table, and a model's losses without a judge."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models import checkpoint
from tests.end_to_end.conftest import Run
from tests.models.test_table1 import npz


def test_table1_is_trained_gone_on_with_and_written(plotbot: Run, tmp_path: Path) -> None:
    for name in ("cat", "pig"):
        npz(tmp_path / f"{name}.npz")
    small = ("--data", ".", "--steps", 2, "--cell", "lstm", "--hidden", 8, "--out", "table")
    done = plotbot("evaluate", "--table1", "--only", "cat+pig", *small, at=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(", ours")[0] for line in lines[:4]] == [
        " 1 of 4  cat+pig, w_KL 1.00: paper -1.02 / 0.22",
        " 2 of 4  cat+pig, w_KL 0.50: paper -1.24 / 0.49",
        " 3 of 4  cat+pig, w_KL 0.25: paper -1.50 / 0.98",
        " 4 of 4  cat+pig, decoder only: paper -0.75",
    ]
    table = (tmp_path / "table/table1.md").read_text()
    assert table in done.stdout
    runs = sorted((tmp_path / "table").glob("*/model.safetensors"))
    assert len(runs) == 4
    assert checkpoint.read_header(runs[0])["about"]["results"]["held_out_drawings"] == 20  # the files' own split
    runs[1].unlink()
    before = [one.stat().st_mtime_ns for one in (runs[0], *runs[2:])]
    again = plotbot("evaluate", "--table1", "--only", "cat+pig", *small, "--json", "-o", "t.json", at=tmp_path)
    assert again.returncode == 0, again.stderr
    assert [one.stat().st_mtime_ns for one in (runs[0], *runs[2:])] == before  # finished ones are not trained again
    assert (tmp_path / "table/table1.md").read_text() == table
    facts = json.loads(again.stdout)
    assert facts == json.loads((tmp_path / "t.json").read_text())
    assert [len(one["ours"]["losses"]) for one in facts["runs"]] == [2, 2, 2, 1]

    # One of these, judged by its losses alone, is what the table has of it.
    found = plotbot("evaluate", "table/cat+pig_w1.00/model.safetensors", "--data", ".", "--json", at=tmp_path)
    assert found.returncode == 0, found.stderr
    losses = json.loads(found.stdout)
    assert [losses["held_out_reconstruction"], losses["held_out_kl"]] == pytest.approx(
        facts["runs"][0]["ours"]["losses"], abs=2e-3
    )  # the model is in half precision
    assert (losses["longest"], losses["rdp_epsilon"]) == (facts["runs"][0]["ours"]["longest"], 2.0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--table1", "--data", "."), "plotbot data fetch cat pig crab face rabbit firetruck"),
        (("--table1", "--only", "dog"), "no such data set; it has cat, pig, cat+pig"),
        (("--table1", "--cell", "rnn"), "--cell rnn: there is no such cell; there are lstm"),
        (("cat", "--table1"), "leave out the model"),
        (("cat", "--steps", "3"), "go with --table1 alone"),
        ((), "name a model"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(
    plotbot: Run, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    done = plotbot("evaluate", *arguments, at=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert sentence in done.stderr
    assert not any(tmp_path.iterdir())
