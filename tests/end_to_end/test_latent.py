"""The latent space and completions as a person runs them, with a tiny untrained VAE.

The commands run in this process: there are many, and most of the time of a new one goes into loading libraries.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from models import strokes
from models.checkpoint import TrainedModel, save_model
from models.sketch_rnn import SketchRNN, SketchRNNConfig
from plotbot.cli import main
from plotbot.page.layout import document_lines, page_size
from plotbot.page.reading import read_page
from plotbot.sketches import read_sketches, write_sketches

Run = Callable[..., tuple[int, str]]

HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="90mm" height="70mm" viewBox="0 0 90 70">'
    '<path d="M20 30L12.345 40L25 55L45 50L44 33" fill="none" stroke="black"/>'
    '<path d="M18 29L20 15L30 26" fill="none" stroke="black"/></svg>'
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with models, drawings and what is none."""
    folder = tmp_path_factory.mktemp("latent")
    for name, latent in (("vae", 8), ("decoder", 0)):
        torch.manual_seed(0)
        network = SketchRNN(SketchRNNConfig("lstm", 16, 3, 0, 4, latent, 8)).eval()
        network.head.bias.data[2] = -1.0  # the end is rare enough that sketches have a few strokes
        model = TrainedModel(network, ("cat",), scale_factor=40.0, max_points=40)
        save_model(folder / f"{name}.safetensors", model)
    rng = np.random.default_rng(0)
    sketches = [
        strokes.from_polylines(strokes.fit([rng.uniform(0, 255, (5, 2)), rng.uniform(0, 255, (4, 2))]))
        for _ in range(4)
    ]
    write_sketches(sketches, "cat", folder / "cats.ndjson")
    write_sketches(sketches, "cat", folder / "cats.npz")
    (folder / "head.svg").write_text(HEAD)
    (folder / "empty.ndjson").write_text('{"word": "cat", "drawing": []}\n')
    (folder / "none.ndjson").write_text("")
    (folder / "dot.ndjson").write_text('{"word": "cat", "drawing": [[[5], [5]]]}\n')
    (folder / "nan.ndjson").write_text('{"word": "cat", "drawing": [[[5, NaN], [5, 9]]]}\n')
    long = rng.integers(0, 256, (2, 5000)).tolist()
    (folder / "long.ndjson").write_text(json.dumps({"word": "cat", "drawing": [long]}) + "\n")
    save_file({"weight": torch.zeros(3)}, folder / "foreign.safetensors")
    return folder


@pytest.fixture
def plotbot(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `plotbot ARGUMENTS` in that folder: its exit code and what it says on standard error."""
    monkeypatch.chdir(place)

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["plotbot", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit:
            main()
        return int(exit.value.code or 0), capsys.readouterr().err

    return run


def cats(*numbers: int) -> list[str]:
    return [f"cats.ndjson:{number}" for number in numbers]


@pytest.mark.parametrize(
    ("command", "drawings"),
    [
        (["reconstruct", *cats(1, 2), "-n", "2"], 6),
        (["vary", "cats.npz:3", "-n", "5"], 5),
        (["interpolate", *cats(1, 4), "-n", "4"], 4),
        (["grid", *cats(1, 2, 3, 4), "--rows", "2", "--columns", "3"], 6),
        (["analogy", "cats.npz:1", "head.svg", "cats.ndjson:3"], 4),
        (["complete", "cats.npz:2", "-n", "3"], 3),
    ],
)
def test_every_command_ends_in_drawings_and_in_a_page(
    plotbot: Run, place: Path, tmp_path: Path, command: list[str], drawings: int
) -> None:
    model = ("--model", "vae.safetensors")
    for name in ("a.npz", "a.svg"):
        assert plotbot(*command, *model, "-o", tmp_path / name) == (0, "")
    sketches = read_sketches(tmp_path / "a.npz")
    assert len(sketches) == drawings
    # One layer, which is one pen, whatever the colours; as many lines as the drawings have strokes; `page` takes it.
    document = read_page(tmp_path / "a.svg")
    assert list(document.layers) == [1]
    assert len(document.layers[1]) == sum(map(len, sketches))
    assert plotbot("page", tmp_path / "a.svg", "-o", tmp_path / "page.svg") == (0, "")
    plotbot(*command, *model, "-o", tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == (tmp_path / "a.svg").read_bytes()


def test_colours_go_over_from_corner_to_corner(plotbot: Run, place: Path, tmp_path: Path) -> None:
    grid = ("grid", *cats(1, 2, 3, 4), "--rows", "3", "--columns", "3", "--model", "vae.safetensors", "-o")
    assert plotbot(*grid, tmp_path / "grid.svg") == (0, "")
    found = list(dict.fromkeys(re.findall(r'polyline stroke="(#......)"', (tmp_path / "grid.svg").read_text())))
    assert len(found) == 9
    rgb = np.array([list(bytes.fromhex(one[1:])) for one in found], dtype=float).reshape(3, 3, 3)
    corners = rgb[::2, ::2]
    assert np.abs(rgb[1, 1] - corners.mean(axis=(0, 1))).max() <= 1
    assert np.abs(rgb[0, 1] - corners[0].mean(axis=0)).max() <= 1
    assert np.abs(rgb[1, 2] - corners[:, 1].mean(axis=0)).max() <= 1
    assert plotbot(*grid, tmp_path / "grid.png", "--paper", "60x60mm") == (0, "")
    with Image.open(tmp_path / "grid.png") as picture:
        pixels = np.asarray(picture).reshape(-1, 3)
    assert all((pixels == list(bytes.fromhex(one[1:]))).all(axis=1).any() for one in found)


@pytest.mark.parametrize("model", ["vae", "decoder"])
@pytest.mark.parametrize("still_open", [False, True])
def test_what_is_given_stays_in_its_place_on_its_page(
    plotbot: Run, place: Path, tmp_path: Path, model: str, still_open: bool
) -> None:
    command = ("complete", "head.svg", "-n", "1", "--model", f"{model}.safetensors", "-o", tmp_path / "whole.svg")
    assert plotbot(*command, *(["--open"] if still_open else [])) == (0, "")
    document, given = read_page(tmp_path / "whole.svg"), read_page(place / "head.svg")
    assert page_size(document) == pytest.approx((90, 70))
    text = (tmp_path / "whole.svg").read_text()
    assert '"20,30 12.345,40 25,55 45,50 44,33"' in text
    assert '"18,29 20,15 30,26"' in text
    lines = document_lines(document)[1]
    assert len(lines) > len(document_lines(given)[1])
    if still_open:
        assert '#2060d0" points="30,26 ' in text


@pytest.mark.parametrize("file", ["cats.ndjson:3", "cats.npz:3"])
def test_what_is_given_stays_exactly_as_it_is(plotbot: Run, place: Path, tmp_path: Path, file: str) -> None:
    command = ("complete", file, "-n", "4", "--model", "decoder.safetensors", "-o", tmp_path / "whole.npz")
    for options, strokes_given in ((), 2), (("--first", "1"), 1):
        assert plotbot(*command, *options) == (0, "")
        given = read_sketches(place / file.removesuffix(":3"))[2]
        endings = read_sketches(tmp_path / "whole.npz")
        for one in endings:
            assert all(np.array_equal(kept, line) for kept, line in zip(one, given[:strokes_given], strict=False))
        assert len({len(one) for one in endings} | {strokes_given}) > 1  # something was added


BAD = {
    "empty.ndjson": "empty.ndjson, line 1: not a Quick, Draw! drawing",
    "none.ndjson": "none.ndjson: holds no sketch",
    "dot.ndjson": "dot.ndjson: is a single point",
    "nan.ndjson": "not a finite number",
    "long.ndjson": "long.ndjson: has 5,000 points, and the network takes at most",
    "cats.ndjson:9": "has no sketch 9; choose a number from 1 to 4",
    "missing.svg": "missing.svg: cannot be read",
}
VAE, DECODER = ["--model", "vae.safetensors"], ["--model", "decoder.safetensors"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        *((["vary", file, *VAE], said) for file, said in BAD.items()),
        *((["complete", file, *DECODER], said) for file, said in BAD.items()),
        (["vary", "cats.ndjson", *DECODER], "has no encoder to read a drawing with"),
        (["vary", "cats.ndjson", "--model", "foreign.safetensors"], "not a plotbot checkpoint"),
        (["complete", "cats.ndjson", "--model", "foreign.safetensors"], "not a plotbot checkpoint"),
        (["interpolate", "cats.ndjson:1", "dot.ndjson", *VAE], "dot.ndjson: is a single point"),
        (["vary", "cats.ndjson", "--model", "nothing"], "nothing: there is no such model file"),
        (["vary", "cats.ndjson", "--class", "dog", *VAE], "draws 'cat' and nothing else"),
        (["vary", "cats.ndjson", "--temperature", "3", *VAE], "temperatures lie above 0"),
        (["complete", "cats.ndjson"], "Say --class cat, or name a --model"),
        (["complete", "cats.ndjson", "--first", "2", *DECODER], "--first 2 leaves none out"),
        (["complete", "head.svg", "--size", "1", *DECODER], "1 px is no size for a sketch"),
    ],
)
def test_bad_input_is_one_sentence(plotbot: Run, place: Path, tmp_path: Path, command: list[str], said: str) -> None:
    code, sentence = plotbot(*command, "-o", tmp_path / "out.svg")
    assert code == 2
    assert sentence.startswith("plotbot: ")
    assert said in sentence
    assert len(sentence.splitlines()) == 1
    assert not list(tmp_path.iterdir())
