"""Training on several processes: the same as on one, and begun, stopped and gone on with as one."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import distributed

from models import checkpoint, training
from models.datasets import Drawings
from models.readers import read_ndjson
from models.recipe import load_recipe
from tests.models.test_training import TINY, finish, staircases

pytestmark = pytest.mark.skipif(
    torch.cuda.is_available() or not distributed.is_gloo_available(), reason="two processes on the CPU, by gloo"
)
ROOT = Path(__file__).parents[2]
# A batch of 15: eight drawings for the one, seven for the other.
ODD = replace(TINY, keep=1.0, batch=15, evaluate_every=20, decay=0.0, learning_rate=1e-3)
FEW = replace(ODD, batch=1, steps=4)  # one drawing for the one, none for the other
VAE = replace(ODD, latent=4, encoder=8, keep=0.9, kl_floor=0.0, patience=2, evaluate_every=1, steps=6)


def work(folder: Path) -> None:
    """What each of the processes that a test starts does."""
    with training.processes() as (rank, world):
        progress = finish(training.train(ODD, staircases(), folder / "odd", rank=rank, world=world))
        (folder / f"{rank}.json").write_text(json.dumps([one.train for one in progress]))
        finish(training.train(VAE, staircases(), folder / "vae", rank=rank, world=world))
        finish(training.train(FEW, staircases(), folder / "few", rank=rank, world=world))


def environment(**more: object) -> dict[str, str]:
    ours = {"PYTHONPATH": ROOT, "OMP_NUM_THREADS": 1, **more}
    return os.environ | {name: str(value) for name, value in ours.items()}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which two processes have worked."""
    folder = tmp_path_factory.mktemp("two")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = f"from pathlib import Path; from tests.models.test_processes import work; work(Path({str(folder)!r}))"
    place = {"WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment(RANK=rank, LOCAL_RANK=rank, **place),
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [one.communicate(timeout=120)[1] for one in running]
    finally:
        for one in running:
            one.kill()
    assert [one.returncode for one in running] == [0, 0], said
    return folder


def test_two_processes_learn_what_one_learns(two: Path, tmp_path: Path) -> None:
    alone = [one.train for one in finish(training.train(ODD, staircases(), tmp_path))]
    for rank in range(2):
        assert json.loads((two / f"{rank}.json").read_text()) == pytest.approx(alone, abs=1e-4)
    assert_same(two / "odd", tmp_path)
    logs = [(folder / training.LOG).read_text().splitlines() for folder in (two / "odd", tmp_path)]
    assert [[json.loads(line)["step"] for line in one] for one in logs] == [[20, 40, 60]] * 2


def test_a_process_may_have_no_drawing_at_all(two: Path, tmp_path: Path) -> None:
    finish(training.train(FEW, staircases(), tmp_path))
    assert_same(two / "few", tmp_path)


def assert_same(one: Path, other: Path) -> None:
    """Both folders hold a state of the same weights, to what the order of a sum may change."""
    tensors, others = (checkpoint.read(folder / training.STATE)[0] for folder in (one, other))
    for name, tensor in tensors.items():
        torch.testing.assert_close(tensor, others[name], atol=1e-4, rtol=1e-3, msg=name)


def test_a_vae_trains_on_two_processes(two: Path) -> None:
    results = checkpoint.load_model(two / "vae" / training.MODEL).about["results"]
    assert results["held_out_kl"] > 0
    log = [json.loads(line) for line in (two / "vae" / training.LOG).read_text().splitlines()]
    assert len(log) == results["steps"]


RECIPE = """
classes = ['stairs']
hidden = 32
components = 3
embedding = 4
steps = {}
batch = 15
warmup = 5
decay = 0.0
keep = 1.0
learning_rate = 1e-3
evaluate_every = 20
"""


def test_torchrun_trains_stops_at_ctrl_c_and_goes_on(tmp_path: Path) -> None:
    sketches = staircases().sketches
    points = ([one[:, 0].cumsum().tolist(), one[:, 1].cumsum().tolist()] for one in sketches)
    (tmp_path / "stairs.ndjson").write_text("\n".join(json.dumps({"drawing": [one]}) for one in points))
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    train = ("-m", "plotbot", "train", "two.toml", "--data", ".", "--threads", "1")
    (tmp_path / "two.toml").write_text(RECIPE.format(1_000_000))
    running = subprocess.Popen(
        [sys.executable, *launch, *train],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment(),
    )
    assert running.stdout
    said = [running.stdout.readline(), running.stdout.readline()]
    running.send_signal(signal.SIGINT)
    rest, errors = running.communicate(timeout=120)
    assert "2 processes" in said[0], errors
    said += rest.splitlines()
    assert all("held out" in line for line in said[1:])
    assert len(set(said)) == len(said)  # the first process alone speaks
    folder = tmp_path / "runs/two"
    stopped = checkpoint.read(folder / training.STATE)[1]["step"]
    assert stopped >= 20
    steps = (stopped // 20 + 2) * 20
    (tmp_path / "two.toml").write_text(RECIPE.format(steps))
    done = subprocess.run(
        [sys.executable, *launch, *train],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(),
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("The model is runs/two/model.safetensors") == 1
    plan = load_recipe(tmp_path / "two.toml")
    drawings = Drawings(plan.classes, read_ndjson(tmp_path / "stairs.ndjson")[0], [0] * len(sketches))
    finish(training.train(plan, drawings, tmp_path / "alone"))
    assert_same(folder, tmp_path / "alone")
