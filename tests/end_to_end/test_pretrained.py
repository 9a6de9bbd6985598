"""Google's published decoders from the file to the picture, as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Run
from tests.models.storage import serving
from tests.models.test_pretrained import decoder


def test_an_imported_decoder_draws(plotbot: Run, tmp_path: Path) -> None:
    (tmp_path / "ice_cream.gen.json").write_text(json.dumps(decoder()))
    done = plotbot("models", "import", "ice_cream.gen.json", "-o", "ice.safetensors", at=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "ice cream" in done.stdout
    assert "Apache-2.0" in done.stdout
    for output in ("ice.png", "ice.ndjson"):
        done = plotbot("sample", "ice_cream", "--model", "ice.safetensors", "-o", output, "-n", 3, at=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"3 x ice cream in {output}; ")
    assert (tmp_path / "ice.png").read_bytes().startswith(b"\x89PNG")
    words = [json.loads(line)["word"] for line in (tmp_path / "ice.ndjson").read_text().splitlines()]
    assert words == ["ice cream"] * 3


def test_it_says_so_when_asked_for_another_class(plotbot: Run, tmp_path: Path) -> None:
    (tmp_path / "ice.gen.json").write_text(json.dumps(decoder()))
    assert plotbot("models", "import", "ice.gen.json", "-o", "ice.safetensors", at=tmp_path).returncode == 0
    done = plotbot("sample", "cat", "--model", "ice.safetensors", "-o", "cats.png", at=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "plotbot: this model draws 'ice cream' and nothing else, not 'cat'\n"
    assert not (tmp_path / "cats.png").exists()


@pytest.mark.parametrize(
    ("file", "output", "named"),
    [
        ("broken.gen.json", "x.safetensors", "broken.gen.json: not readable as JSON"),
        ("missing.gen.json", "x.safetensors", "missing.gen.json: there is no such file"),
        ("good.gen.json", "nowhere/x.safetensors", "nowhere/x.safetensors: cannot be written"),
    ],
)
def test_what_cannot_be_imported_is_one_sentence(
    plotbot: Run, tmp_path: Path, file: str, output: str, named: str
) -> None:
    (tmp_path / "broken.gen.json").write_text("[")
    (tmp_path / "good.gen.json").write_text(json.dumps(decoder()))
    done = plotbot("models", "import", file, "-o", output, at=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"plotbot: {named}")
    assert done.stderr.count("\n") == 1
    assert sorted(one.name for one in tmp_path.iterdir()) == ["broken.gen.json", "good.gen.json"]


def test_a_decoder_is_fetched_and_imported(plotbot: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fetch = ("models", "fetch", "--google", "ice cream", "-o", "ice.safetensors", "--mirror")
    with serving() as storage:
        storage.files = {"/sketchRNN/models/ice_cream.gen.json": json.dumps(decoder()).encode()}
        done = plotbot(*fetch, storage.url, at=tmp_path)
        assert done.returncode == 0, done.stderr
    (tmp_path / "ice.safetensors").unlink()
    assert plotbot(*fetch, storage.url, at=tmp_path).returncode == 0  # the server is gone; the cache is not
    assert (tmp_path / "ice.safetensors").is_file()
    other = ("models", "fetch", "--google", "dog", "-o", "dog.safetensors", "--mirror", storage.url)
    done = plotbot(*other, at=tmp_path)
    assert done.returncode == 2
    assert "cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "dog.safetensors").exists()
