"""`plotbot data`: fetched from a storage on this machine, shown, trained on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.end_to_end.conftest import Run
from tests.models.storage import Storage, npz, serving


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Storage]:
    """A storage to fetch from, and an empty cache to fetch to."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    monkeypatch.delenv("PLOTBOT_DATA", raising=False)
    with serving() as held:
        yield held


def test_what_is_fetched_can_be_shown_and_trained_on(plotbot: Run, storage: Storage, tmp_path: Path) -> None:
    fetched = plotbot("data", "fetch", "cat", "--mirror", storage.url, "--json", at=tmp_path)
    assert fetched.returncode == 0, fetched.stderr
    facts = json.loads(fetched.stdout)["cat"]
    assert Path(facts["file"]) == tmp_path / "cache/plotbot/quickdraw/cat.npz"
    assert facts["bytes"] == len(storage.files["/sketchrnn/cat.npz"])

    shown = plotbot("data", "show", "cat", "-o", "sheet.png", "--json", at=tmp_path)
    assert shown.returncode == 0, shown.stderr
    facts = json.loads(shown.stdout)
    assert facts["drawings"] == 2002
    assert {name: one["drawings"] for name, one in facts["splits"].items()} == {"train": 2000, "valid": 2}
    assert (facts["points_min"], facts["points_median"], facts["points_max"]) == (40, 40, 40)
    picture = np.asarray(Image.open(tmp_path / "sheet.png"))
    cells = [cell for row in np.array_split(picture, 6) for cell in np.array_split(row, 8, axis=1)]
    assert all((cell < 128).any() for cell in cells)
    assert "valid" in plotbot("data", "show", "cat", at=tmp_path).stdout

    (tmp_path / "tiny.toml").write_text("classes = ['cat']\nhidden = 8\nsteps = 2\nbatch = 10\n")
    trained = plotbot("train", "tiny.toml", "--threads", 1, at=tmp_path)
    assert trained.returncode == 0, trained.stderr
    card = (tmp_path / "runs/tiny/card.md").read_text()
    assert "| training drawings | 2,000 " in card
    assert "| held-out drawings | 2, never trained on |" in card


def test_ndjson_is_fetched_to_a_folder_and_shown_with_its_unrecognised(
    plotbot: Run, storage: Storage, tmp_path: Path
) -> None:
    body = storage.files["/full/simplified/ice%20cream.ndjson"]
    unrecognised = b'{"recognized":false,"drawing":[[[7,7],[9,9]]]}\n'
    dot = b'{"recognized":true,"drawing":[[[7,7],[9,9]]]}\n'
    storage.files["/full/simplified/ice%20cream.ndjson"] = body + unrecognised + dot
    arguments = ("ice cream", "--format", "ndjson", "--to", ".", "--mirror", storage.url)
    assert plotbot("data", "fetch", *arguments, at=tmp_path).returncode == 0
    facts = json.loads(plotbot("data", "show", "ice cream.ndjson", "--json", at=tmp_path).stdout)
    assert (facts["drawings"], facts["recognised"], facts["strokes"], facts["dots"]) == (5002, 5001, 5001, 1)
    assert facts["splits"] == {}


def test_ctrl_c_keeps_what_has_come_and_the_same_command_goes_on(
    plotbot: Run, storage: Storage, tmp_path: Path
) -> None:
    storage.cut_at, storage.held_until = 100_000, threading.Event()
    fetch = ("data", "fetch", "cat", "--to", "here", "--mirror", storage.url)
    running = subprocess.Popen(
        [sys.executable, "-m", "plotbot", *fetch], stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    try:
        part = tmp_path / "here/cat.npz.part"
        while not part.exists() or part.stat().st_size < 100_000:
            assert running.poll() is None, running.communicate()
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    finally:
        running.kill()
        storage.held_until.set()
    assert running.returncode == 130
    assert "the same command goes on" in said
    assert "Traceback" not in said
    assert part.stat().st_size == 100_000
    storage.cut_at = storage.held_until = None
    done = plotbot(*fetch, at=tmp_path)
    assert done.returncode == 0, done.stderr
    assert storage.asked[-1][1:] == ("bytes=100000-", 206)
    assert (tmp_path / "here/cat.npz").read_bytes() == storage.files["/sketchrnn/cat.npz"]


REFUSED = [
    (("fetch", "kat"), "the nearest classes are"),
    (("fetch", "../cat"), "not the name of a class"),
    (("fetch", "cat", "--format", "zip"), "choose npz or ndjson"),
    (("show", "cat"), "plotbot data fetch 'cat'"),
    (("show", "missing.npz"), "missing.npz"),
    (("show", "broken.bin"), "broken.bin, byte 10: the file ends"),
    (("show", "empty.ndjson"), "holds no drawings"),
    (("show", "good.npz", "-o", "sheet.pdf"), "name it .png"),
    (("show", "good.npz", "-o", "nowhere/sheet.png"), "nowhere"),
    (("show", "good.txt"), "what is this"),
]


@pytest.mark.parametrize(("arguments", "named"), REFUSED, ids=[" ".join(one) for one, _ in REFUSED])
def test_bad_input_is_one_sentence(
    plotbot: Run, storage: Storage, tmp_path: Path, arguments: tuple[str, ...], named: str
) -> None:
    (tmp_path / "broken.bin").write_bytes(bytes(10))
    (tmp_path / "empty.ndjson").touch()
    (tmp_path / "good.txt").touch()
    (tmp_path / "good.npz").write_bytes(npz(2))
    mirror = ("--mirror", storage.url, "--to", ".") if arguments[0] == "fetch" else ()
    before = sorted(tmp_path.iterdir())
    done = plotbot("data", *arguments, *mirror, at=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert named in done.stderr
    assert sorted(tmp_path.iterdir()) == before
