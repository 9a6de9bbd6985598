"""Every other command: what it writes, and the one sentence it says when it cannot."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from gcode.profile import load_profile
from gcode.program import ink, read_program
from gcode.virtual.machine import VirtualPlotter
from models import strokes
from plotbot.sketches import read_sketches
from tests.end_to_end.conftest import Run
from tests.gcode.driving import started

SQUARE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="100mm" height="100mm" viewBox="0 0 100 100">'
    '<path d="M10 10H60V60H10Z" fill="none" stroke="black"/><path d="M80 80l0 0" stroke="black"/></svg>'
)


@pytest.fixture
def square(tmp_path: Path) -> Path:
    path = tmp_path / "square.svg"
    path.write_text(SQUARE)
    return path


def test_gcode_of_a_real_page_is_compact(plotbot: Run, data: Path, tmp_path: Path) -> None:
    arguments = ("-o", "p.gcode", "--machine", "grbl-servo", "--json")
    done = plotbot("gcode", data / "pages/page192.svg", *arguments, at=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["strokes"] == 891
    assert (tmp_path / "p.gcode").stat().st_size <= 0.55 * 253_287


def test_the_predicted_time_is_the_virtual_machines(plotbot: Run, data: Path, tmp_path: Path) -> None:
    done = plotbot("simulate", data / "pages/page192.svg", "--json", at=tmp_path)
    facts = json.loads(done.stdout)
    assert facts["predicted_seconds"] == pytest.approx(facts["simulated_seconds"], rel=0.01)
    assert (facts["strokes"], facts["strokes_lost"], facts["dots_lost"]) == (891, 0, 0)
    assert facts["largest_deviation_mm"] <= 0.03


def test_simulate_says_what_the_pen_leaves(plotbot: Run, square: Path, tmp_path: Path) -> None:
    done = plotbot("simulate", square, "--out", "seen", "--json", at=tmp_path)
    facts = json.loads(done.stdout)
    assert (facts["lifts"], facts["dots_lost"]) == (2, 0)
    assert facts["drawn_mm"] == pytest.approx(200, abs=0.05)
    assert {path.name for path in (tmp_path / "seen").iterdir()} == {"ink.svg", "ink.png", "report.json"}


def test_stroke3_to_page_to_gcode_and_back(plotbot: Run, tmp_path: Path) -> None:
    # Every pen state, a dot among them: what went in is what comes out, up to the place and size on the page.
    lines = [np.array([[0.0, 0], [40, 0], [40, 30]]), np.array([[90.0, 20]]), np.array([[10.0, 100], [100, 100]])]
    members = np.empty(1, dtype=object)
    members[0] = strokes.from_polylines(lines).astype(np.int16)
    np.savez(tmp_path / "one.npz", train=members)
    page = ("page", "one.npz", "-o", "one.svg", "--paper", "120x120mm", "--pen-width", "0mm")
    assert plotbot(*page, at=tmp_path).returncode == 0
    assert plotbot("gcode", "one.svg", "-o", "one.gcode", at=tmp_path).returncode == 0
    profile = load_profile("virtual")
    drawn = ink(read_program(tmp_path / "one.gcode", profile), profile)
    # Scale 1 (100 px fill the 100 mm between the margins); y up, origin at the paper's bottom left corner.
    expected = [np.column_stack([line[:, 0] + 10, 110 - line[:, 1]]).round(3).tolist() for line in lines]
    found = [line.round(3).tolist() for line in drawn]
    found += [line[::-1] for line in found]
    assert len(drawn) == 3
    assert all(line in found for line in expected)


def test_page_lays_sketches_out_and_shortens_the_travel(plotbot: Run, data: Path, tmp_path: Path) -> None:
    source = (data / "quickdraw/cat.ndjson").read_text().splitlines()[:20]
    (tmp_path / "cats.ndjson").write_text("\n".join(source))
    done = plotbot("page", "cats.ndjson", "-o", "cats.svg", "--paper", "a5", "--json", at=tmp_path)
    facts = json.loads(done.stdout)
    assert facts["travel_after_mm"] < 0.7 * facts["travel_before_mm"]
    assert facts["strokes_after"] <= facts["strokes_before"]
    again = plotbot("page", "cats.svg", "-o", "twice.svg", "--json", at=tmp_path)
    assert json.loads(again.stdout)["strokes_before"] == facts["strokes_after"]


def test_sample_writes_every_form(plotbot: Run, tmp_path: Path) -> None:
    for name in ("cats.svg", "cats.png", "cats.ndjson", "cats.npz"):
        done = plotbot("sample", "cat", "-n", 3, "-o", name, at=tmp_path)
        assert done.returncode == 0, done.stderr
    assert [len(read_sketches(tmp_path / name)) for name in ("cats.ndjson", "cats.npz")] == [3, 3]


def test_plot_streams_to_any_port_pyserial_opens(plotbot: Run, square: Path, tmp_path: Path) -> None:
    profile = load_profile("virtual")
    with VirtualPlotter(profile, link="socket") as machine:
        assert machine.port.startswith("socket://")
        done = plotbot("plot", square, "--port", machine.port, at=tmp_path)
        assert done.returncode == 0, done.stderr
        drawn = machine.ink
    assert [len(line) for line in drawn] == [5, 1]
    assert not machine.pen_down


@contextmanager
def plotting(tmp_path: Path, stdin: int) -> Iterator[tuple[subprocess.Popen[str], VirtualPlotter]]:
    """`plotbot plot` of thirty lines, more than a machine can buffer, on one that has begun the first."""
    lines = "".join(f'<path d="M10 {10 + y}H30" stroke="black"/>' for y in range(30))
    (tmp_path / "lines.svg").write_text(SQUARE[: SQUARE.index("<path")] + lines + "</svg>")
    with VirtualPlotter(load_profile("virtual"), speed=4.0, link="socket") as machine:
        command = [sys.executable, "-m", "plotbot", "plot", "lines.svg", "--port", machine.port]
        pipe = subprocess.PIPE
        with started(command, stdin=stdin, stdout=pipe, stderr=pipe, cwd=tmp_path) as running:
            while not machine.pen_down:
                assert running.poll() is None, running.communicate()
            yield running, machine


def test_ctrl_c_stops_a_plot_with_the_pen_up(tmp_path: Path) -> None:
    with plotting(tmp_path, subprocess.DEVNULL) as (running, machine):
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
        assert not machine.pen_down
        assert len(machine.ink) < 5  # what was buffered is not drawn
    assert running.returncode == 130
    assert "the pen is up" in said


def test_train_stops_at_ctrl_c_and_goes_on(plotbot: Run, data: Path, tmp_path: Path) -> None:
    source = (data / "quickdraw/circle.ndjson").read_text().splitlines()[:200]
    (tmp_path / "circle.ndjson").write_text("\n".join(source))
    recipe = "classes = ['circle']\nhidden = 24\nsteps = {}\nbatch = 20\nevaluate_every = 20\n"
    (tmp_path / "round.toml").write_text(recipe.format(1_000_000))
    command = [sys.executable, "-m", "plotbot", "train", "round.toml", "--data", ".", "--threads", "1"]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as running:
        assert running.stdout
        while "held out" not in (line := running.stdout.readline()):
            assert line, running.stderr and running.stderr.read()
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "goes on from there" in said
    assert (tmp_path / "runs/round/loss.png").stat().st_size > 1000
    before = json.loads((tmp_path / "runs/round/log.jsonl").read_text().splitlines()[-1])["step"]
    (tmp_path / "round.toml").write_text(recipe.format((before // 20 + 3) * 20))
    done = plotbot("train", "round.toml", "--data", ".", "--threads", 1, at=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "held-out loss" in (tmp_path / "runs/round/card.md").read_text()
    assert (tmp_path / "runs/round/samples.png").stat().st_size > 10_000
    look = ("sample", "circle", "--model", "runs/round/model.safetensors", "-n", 2, "-o", "two.svg")
    assert plotbot(*look, at=tmp_path).returncode == 0


def test_evaluate_reports_real_beside_generated(plotbot: Run, data: Path, tmp_path: Path) -> None:
    from models.datasets import load
    from models.judge import Judge, save_judge, train_judge

    for name in ("cat", "circle"):
        lines = (data / f"quickdraw/{name}.ndjson").read_text().splitlines()[:300]
        (tmp_path / f"{name}.ndjson").write_text("\n".join(lines))
    judge = Judge(("cat", "circle"))
    list(train_judge(judge, load(tmp_path, judge.classes).split()[0], steps=60))
    save_judge(tmp_path / "judge.safetensors", judge)
    arguments = (
        "--judge",
        "judge.safetensors",
        "--data",
        ".",
        "--per-class",
        12,
        "--temperatures",
        "0.25,0.8",
        "--json",
    )
    done = plotbot("evaluate", "everything", *arguments, at=tmp_path)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert [one["temperature"] for one in facts["generated"]] == [0.25, 0.8]
    assert facts["real"]["top1"] > 0.9
    assert facts["generated"][0]["top1"] > 0.8  # cats that are cats
    assert all(one["blank"] == 0 for one in facts["generated"])


def test_models_and_machines_are_listed_and_shown(plotbot: Run, tmp_path: Path) -> None:
    shipped = {"cat", "dog", "horse", "bird", "duck", "butterfly", "mosquito", "owl", "crab", "face", "line"}
    shipped |= {"twenty", "everything", "cat_vae", "cat_pig_vae"}
    assert set(json.loads(plotbot("models", "list", "--json", at=tmp_path).stdout)) == shipped
    assert "held-out loss" in plotbot("models", "show", "cat", at=tmp_path).stdout
    assert "ice cream" in plotbot("models", "show", "everything", at=tmp_path).stdout
    listed = json.loads(plotbot("machine", "list", "--json", at=tmp_path).stdout)
    assert set(listed) == {"virtual", "grbl-servo", "grbl-z", "grblhal", "fluidnc", "marlin-servo", "marlin-z"}
    assert json.loads(plotbot("machine", "show", "grbl-z", "--json", at=tmp_path).stdout)["pen"]["kind"] == "z"


BAD_TOML = "description = 'x'\nwidth = \n"
REFUSED = [
    (("draw", "kat", "--out", "x"), "cat"),
    (("draw", "cat", "--paper", "a9", "--out", "x"), "a9"),
    (("draw", "cat", "--paper", "a0", "--out", "x"), "841 x 1189 mm"),
    (("draw", "cat", "--margin", "10", "--out", "x"), "10mm"),
    (("draw", "cat", "--temperature", "9", "--out", "x"), "temperature"),
    (("draw", "cat", "--machine", "broken.toml", "--out", "x"), "broken.toml"),
    (("draw", "cat", "--machine", "grbl-servoo", "--out", "x"), "grbl-servo"),
    (("draw", "cat", "-n", "1", "--out", "square.svg"), "square.svg"),
    (("sample", "cat", "--model", "missing.safetensors", "-o", "x.svg"), "missing.safetensors"),
    (("sample", "cat", "--model", "square.svg", "-o", "x.svg"), "not a plotbot checkpoint"),
    (("sample", "cat", "-o", "x.docx"), "x.docx"),
    (("sample", "cat", "-o", "nowhere/x.svg"), "nowhere"),
    (("page", "missing.svg", "-o", "x.svg"), "missing.svg"),
    (("page", "broken.svg", "-o", "x.svg"), "broken.svg"),
    (("page", "broken.ndjson", "-o", "x.svg"), "broken.ndjson, line 1"),
    (("gcode", "broken.svg", "-o", "x.gcode"), "broken.svg"),
    (("gcode", "square.svg", "-o", "nowhere/x.gcode"), "nowhere"),
    (("gcode", "huge.svg", "-o", "x.gcode"), "huge.svg|2000"),
    (("plot", "square.svg", "--port", "/dev/plotter-that-is-not-there"), "/dev/plotter-that-is-not-there"),
    (("plot", "square.svg", "--machine", "grbl-servo"), "--port"),
    (("plot", "missing.gcode"), "missing.gcode"),
    (("simulate", "broken.gcode"), "broken.gcode, line 2"),
    (("simulate", "far.gcode", "--machine", "grbl-servo"), "far.gcode: block 'G1X900' leaves the work area"),
    (("evaluate", "everything", "--judge", "none.safetensors", "--data", "."), "none.safetensors"),
    (("evaluate", "square.svg", "--judge", "square.svg", "--data", "."), "square.svg"),
    (("train", "unicorn", "--data", "."), "unicorn"),
    (("train", "broken.toml", "--data", "."), "broken.toml"),
    (("train", "cat", "--data", "nowhere"), "nowhere"),
    (("models", "show", "unicornfish"), "unicornfish"),
    (("machine", "show", "broken.toml"), "broken.toml"),
]


@pytest.mark.parametrize(("arguments", "named"), REFUSED, ids=[" ".join(one[:3]) for one, _ in REFUSED])
def test_bad_input_is_one_sentence(
    plotbot: Run, square: Path, tmp_path: Path, arguments: tuple[str, ...], named: str
) -> None:
    (tmp_path / "broken.svg").write_text(SQUARE[:60])
    (tmp_path / "huge.svg").write_text(SQUARE.replace('width="100mm" height="100mm"', 'width="2000mm" height="2000mm"'))
    (tmp_path / "broken.toml").write_text(BAD_TOML)
    (tmp_path / "broken.ndjson").write_text("{")
    (tmp_path / "far.gcode").write_text("G21G90G17\nF1000\nG1X900\n")
    (tmp_path / "broken.gcode").write_text("G21\nG1X5Q7\n")
    before = sorted(tmp_path.iterdir())
    done = plotbot(*arguments, at=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    sentence = done.stderr.strip()
    assert len(sentence.splitlines()) == 1, sentence
    assert any(one in sentence for one in named.split("|")), sentence
    assert sorted(tmp_path.iterdir()) == before
    assert square.read_text() == SQUARE
