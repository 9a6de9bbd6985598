"""Google's published decoders: the numbers they mean, and one sentence for whatever is not one."""

from __future__ import annotations

import base64
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models import strokes
from models.checkpoint import CheckpointError, TrainedModel, load_model, save_model
from models.fetch import FetchError
from models.pretrained import fetch_magenta, import_magenta
from models.sampling import SamplingError, sample
from tests.models.storage import serving

HIDDEN, COMPONENTS = 7, 2
SHAPES = [
    [HIDDEN, 3 + 6 * COMPONENTS],
    [3 + 6 * COMPONENTS],
    [5, 4 * HIDDEN],
    [HIDDEN, 4 * HIDDEN],
    [4 * HIDDEN],
]
INFO = {"mode": 2, "version": 6, "max_seq_len": 30, "name": "ice_cream", "scale_factor": 60.5}


def quantised() -> list[NDArray[np.int16]]:
    random = np.random.default_rng(5)
    return [random.integers(-4000, 4000, shape).astype("<i2") for shape in SHAPES]  # up to about 1.2


def decoder() -> list[Any]:
    return [
        dict(INFO),
        [list(one) for one in SHAPES],
        [base64.b64encode(one.tobytes()).decode() for one in quantised()],
    ]


def written(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def tiny(tmp_path: Path) -> TrainedModel:
    return import_magenta(written(tmp_path / "ice_cream.gen.json", decoder()))


def by_hand(rows: NDArray[np.float64]) -> list[list[float]]:
    """magenta's LSTM cell and output, number by number in double precision: raw outputs after each row."""
    w_out, b_out, w_x, w_h, bias = [one.astype(np.float64) * 10 / 32767 for one in quantised()]

    def sigmoid(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    h, c = [0.0] * HIDDEN, [0.0] * HIDDEN
    said = []
    for row in rows:
        gates = [
            bias[k] + sum(row[n] * w_x[n, k] for n in range(5)) + sum(h[n] * w_h[n, k] for n in range(HIDDEN))
            for k in range(4 * HIDDEN)
        ]
        h, before = [], c
        c = []
        for unit in range(HIDDEN):
            i, j, f, o = (gates[block * HIDDEN + unit] for block in range(4))
            c.append(before[unit] * sigmoid(f + 1.0) + sigmoid(i) * math.tanh(j))
            h.append(math.tanh(c[unit]) * sigmoid(o))
        said.append([b_out[k] + sum(h[n] * w_out[n, k] for n in range(HIDDEN)) for k in range(len(b_out))])
    return said


def test_the_network_says_what_magentas_definitions_say(tiny: TrainedModel) -> None:
    rows = np.random.default_rng(6).normal(size=(20, 5))
    with torch.inference_mode():
        mixture, _ = tiny.network(torch.from_numpy(rows.astype(np.float32))[None])
    for step, raw in enumerate(by_hand(rows)):
        pen, pi, mu_x, mu_y, sigma_x, sigma_y, rho = np.split(np.array(raw), 3 + COMPONENTS * np.arange(6))
        np.testing.assert_allclose(mixture.pen_logits[0, step], pen, atol=1e-5)
        np.testing.assert_allclose(mixture.log_pi[0, step].exp(), np.exp(pi) / np.exp(pi).sum(), atol=1e-5)
        np.testing.assert_allclose(mixture.mu[0, step], np.column_stack([mu_x, mu_y]), atol=1e-5)
        sigma = np.exp(np.column_stack([sigma_x, sigma_y]))
        np.testing.assert_allclose(mixture.log_sigma[0, step].exp(), sigma, atol=1e-5)
        np.testing.assert_allclose(mixture.rho[0, step], np.tanh(rho), atol=1e-5)


def test_what_the_file_says_of_itself_is_kept(tiny: TrainedModel) -> None:
    assert (tiny.classes, tiny.scale_factor, tiny.max_points) == (("ice cream",), 60.5 / 4, 30)
    assert "Apache-2.0" in tiny.about["licence"]
    assert "/ice_cream.gen.json" in tiny.about["source"]


def test_saved_and_loaded_it_says_the_same_to_the_bit(tiny: TrainedModel, tmp_path: Path) -> None:
    save_model(tmp_path / "tiny.safetensors", tiny, torch.float32)
    again = load_model(tmp_path / "tiny.safetensors")
    assert again.header() == tiny.header()
    weights = tiny.network.state_dict()
    assert all(torch.equal(one, weights[name]) for name, one in again.network.state_dict().items())


def test_a_sample_begins_at_its_first_point_and_its_first_move_draws(tiny: TrainedModel) -> None:
    elsewhere = TrainedModel(tiny.network, (), tiny.scale_factor, tiny.max_points)
    for google, ours in zip(sample(tiny, 5, seed=1), sample(elsewhere, 5, seed=1), strict=True):
        np.testing.assert_array_equal(google.stroke3[0], [0, 0, 0])
        np.testing.assert_array_equal(google.stroke3[1:], ours.stroke3)
        first = strokes.to_polylines(google.stroke3)[0]
        assert len(first) >= 2
        np.testing.assert_array_equal(first[0], [0, 0])


def test_it_draws_its_own_class_and_no_other(tiny: TrainedModel) -> None:
    assert len(sample(tiny, 2, "ice cream")) == 2
    with pytest.raises(SamplingError, match="draws 'ice cream' and nothing else, not 'cat'"):
        sample(tiny, 1, "cat")


def test_a_decoder_is_fetched_once_under_googles_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    body = json.dumps(decoder()).encode()
    with serving() as storage:
        storage.files = {"/sketchRNN/models/ice_cream.gen.json": body}
        storage.cut_at = 100
        with pytest.raises(FetchError, match=f"cut off after 100 of {len(body):,} bytes"):
            fetch_magenta("ice cream", tmp_path, storage.url)
        assert not (tmp_path / "ice_cream.gen.json").exists()
        storage.cut_at = None
        path = fetch_magenta("ice cream", tmp_path, storage.url)
        assert path.read_bytes() == body
        asked = len(storage.asked)
        assert fetch_magenta("ice cream", tmp_path, storage.url) == path
        assert len(storage.asked) == asked
    assert [one.name for one in tmp_path.iterdir()] == ["ice_cream.gen.json"]


def test_what_comes_and_is_no_decoder_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with serving() as storage:
        storage.files = {"/sketchRNN/models/cat.gen.json": b"<html>log in</html>"}
        with pytest.raises(FetchError, match=r"not a whole gen\.json file"):
            fetch_magenta("cat", tmp_path, storage.url)
        with pytest.raises(FetchError, match="there is no such file"):
            fetch_magenta("unicorn", tmp_path, storage.url)
    with pytest.raises(FetchError, match="cannot be reached"):
        fetch_magenta("cat", tmp_path, storage.url)  # the server is gone
    assert not (tmp_path / "cat.gen.json").exists()


def changed(change: Callable[[list[Any]], object]) -> str:
    content = decoder()
    change(content)
    return json.dumps(content)


MALFORMED = {
    "nothing": ("", "JSON"),
    "not JSON": ("<html>404</html>", "JSON"),
    "cut": (json.dumps(decoder())[:-40], "JSON"),
    "deep": ("[" * 100_000, "JSON"),
    "foreign list": ("[1, 2, 3]", "info, shapes, weights"),
    "foreign object": ('{"drawing": []}', "info, shapes, weights"),
    "one too many": (changed(lambda one: one.append(0)), "info, shapes, weights"),
    "no scale": (changed(lambda one: one[0].pop("scale_factor")), "scale_factor"),
    "NaN scale": (changed(lambda one: one[0].update(scale_factor=math.nan)), "scale_factor"),
    "infinite scale": (changed(lambda one: one[0].update(scale_factor=math.inf)), "scale_factor"),
    "scale 0": (changed(lambda one: one[0].update(scale_factor=0)), "scale_factor"),
    "true scale": (changed(lambda one: one[0].update(scale_factor=True)), "scale_factor"),
    "text length": (changed(lambda one: one[0].update(max_seq_len="30")), "max_seq_len"),
    "endless": (changed(lambda one: one[0].update(max_seq_len=10**12)), "max_seq_len"),
    "no name": (changed(lambda one: one[0].update(name=None)), "name"),
    "four arrays": (changed(lambda one: (one[1].pop(), one[2].pop())), "five arrays"),
    "shapes no list": (changed(lambda one: one.__setitem__(1, 5)), "five arrays"),
    "shape no list": (changed(lambda one: one[1].__setitem__(0, 5)), "first shape"),
    "not 3 + 6 M": (changed(lambda one: one[1].__setitem__(0, [HIDDEN, 16])), "mixture components"),
    "negative": (changed(lambda one: one[1].__setitem__(0, [-7, 15])), "mixture components"),
    "text shape": (changed(lambda one: one[1].__setitem__(0, ["7", 15])), "mixture components"),
    "vast": (changed(lambda one: one[1].__setitem__(0, [10**9, 15])), "shapes"),
    "transposed": (changed(lambda one: one[1][2].reverse()), "shapes"),
    "short weights": (changed(lambda one: one[2].__setitem__(3, one[2][3][:-4])), "weights 3"),
    "long weights": (changed(lambda one: one[2].__setitem__(1, one[2][1] + "AAAA")), "weights 1"),
    "no base64": (changed(lambda one: one[2].__setitem__(0, "!" + one[2][0][1:])), "weights 0 are not base64"),
    "weights no text": (changed(lambda one: one[2].__setitem__(4, [0.5])), "weights 4 are not base64"),
    "accents": (changed(lambda one: one[2].__setitem__(4, "é")), "weights 4 are not base64"),
}


@pytest.mark.parametrize(("content", "named"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_decoder_is_one_sentence(tmp_path: Path, content: str, named: str) -> None:
    path = tmp_path / "bird.gen.json"
    path.write_text(content)
    with pytest.raises(CheckpointError, match=named) as refused:
        import_magenta(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < len(str(path)) + 250


def test_a_missing_and_a_huge_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        import_magenta(tmp_path / "bird.gen.json")
    with (tmp_path / "huge.gen.json").open("wb") as file:
        file.truncate(60_000_000)
    with pytest.raises(CheckpointError, match="larger than 50 MB"):
        import_magenta(tmp_path / "huge.gen.json")


@pytest.mark.parametrize("name", ["bird", "dog", "bicycle", "mosquito"])
def test_googles_own_decoders_draw_and_end(name: str) -> None:
    if "PLOTBOT_DATA" not in os.environ:
        pytest.skip("PLOTBOT_DATA is not set: it names the folder with pretrained/*.gen.json")
    path = Path(os.environ["PLOTBOT_DATA"]) / "pretrained" / f"{name}.gen.json"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    model = import_magenta(path)
    assert model.classes == (name,)
    sketches = sample(model, 32, name)
    assert sum(one.finished for one in sketches) >= 16
    extents = [np.ptp(np.concatenate(strokes.to_polylines(one.stroke3)), axis=0).max() for one in sketches]
    assert 150 < np.median(extents) < 320  # px of about 0..255
