"""Google's published decoders: the `CLASS.gen.json` files of its browser demos, read as models of ours.

A file is `[info, shapes, weights]`: five arrays, each a base64 string of little-endian int16 (value * 32767 / 10), in
the order of `SketchRNN.instantiateFromJSON` of `@magenta/sketch`: output kernel (H, 3 + 6 M) and bias, LSTM kernels
of the input (5, 4 H) and of the hidden state (H, 4 H), LSTM bias. Its gates stand in the order i, j, f, o, and 1 is
added to f when it runs. The outputs stand in our order: pen, pi, mu x, mu y, sigma x, sigma y, rho. There is no z.

In Google's data a drawing begins at its first point and no row leads there, so that the first move already draws;
and drawings are about a thousand px large, not 0..255.
"""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.checkpoint import CheckpointError, TrainedModel
from models.fetch import Progress, fetch_file
from models.sketch_rnn import SketchRNN, SketchRNNConfig

STORAGE = "https://storage.googleapis.com/quickdraw-models"
LAYOUT = "sketchRNN/models/{}.gen.json"
LARGEST_FILE = 50_000_000  # bytes; Google's are 3 MB
LONGEST = 10_000  # rows of a drawing; Google's longest are a few hundred
LARGEST_VALUE = 10.0  # what 32767 stands for
OUR_GATES = (0, 2, 3, 1)  # i, f, o, j among their i, j, f, o
FORGET_BIAS = 1.0
PIXEL_FACTOR = 4.0  # Google's px per px of 0..255: the longer side of what its decoders draw is 870 to 1,030 (medians)

Arrays = list[NDArray[np.float64]]


def fetch_magenta(class_name: str, folder: Path, storage: str = STORAGE, progress: Progress = lambda *_: None) -> Path:
    """`FOLDER/CLASS.gen.json` from Google, unless it is there; a cut download goes on where it stopped.

    Google writes these names with underscores. Raises FetchError.
    """
    return fetch_file(class_name.replace(" ", "_"), folder, "gen.json", storage, LAYOUT, _is_decoder, progress)


def _is_decoder(path: Path) -> bool:
    try:
        import_magenta(path)
    except CheckpointError:
        return False
    return True


def import_magenta(path: Path) -> TrainedModel:
    """One of Google's `CLASS.gen.json` files as an unconditional model that starts at its first point.

    Raises CheckpointError, naming the file, for anything else.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file; give one of Google's CLASS.gen.json")
    if path.stat().st_size > LARGEST_FILE:
        raise CheckpointError(f"{path}: larger than {LARGEST_FILE // 10**6} MB, and Google's decoders are 3 MB")
    try:
        whole = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        raise CheckpointError(f"{path}: not readable as JSON; fetch the CLASS.gen.json again") from None
    try:
        name, scale_factor, rows = _info(whole)
        arrays = _arrays(whole)
    except ValueError as error:
        raise CheckpointError(f"{path}: not a decoder that Google published: {error}") from None
    about = {
        "source": f"{STORAGE}/{LAYOUT.format(name)}, from {path.name}",
        "licence": "Apache-2.0 (Magenta, Google); the drawings it learnt from: Quick, Draw! Dataset, Google, CC BY 4.0",
    }
    return TrainedModel(
        _network(arrays).eval(),
        (name.replace("_", " "),),
        scale_factor / PIXEL_FACTOR,
        rows,
        about,
        starts_at_first_point=True,
    )


def _info(whole: Any) -> tuple[str, float, int]:
    """Name, scale factor (Google's px) and the longest drawing's rows; else ValueError, a half sentence."""
    if not (isinstance(whole, list) and len(whole) == 3 and isinstance(whole[0], dict)):
        raise ValueError("it is JSON, but not [info, shapes, weights]")
    info = whole[0]
    name, scale, rows = info.get("name"), info.get("scale_factor"), info.get("max_seq_len")
    if not (isinstance(name, str) and 0 < len(name) <= 100):
        raise ValueError("its info has no name of 1 to 100 letters")
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale < 1e6:  # NaN is JSON to Python
        raise ValueError("its info has no positive, finite scale_factor")
    if isinstance(rows, bool) or not isinstance(rows, int) or not 2 <= rows <= LONGEST:
        raise ValueError(f"its info has no max_seq_len of 2 to {LONGEST:,}")
    return name, float(scale), rows


def _arrays(whole: list[Any]) -> Arrays:
    """The five arrays in the file's order, dequantised; raises ValueError, a half sentence, where they do not fit."""
    shapes, texts = whole[1:]
    if not (isinstance(shapes, list) and isinstance(texts, list) and len(shapes) == len(texts) == 5):
        raise ValueError("a decoder has five arrays with a shape each (the larger .vae.json files are not decoders)")
    try:
        hidden, out = shapes[0]
    except (TypeError, ValueError):
        raise ValueError("its first shape is not that of a matrix") from None
    if type(hidden) is not int or type(out) is not int or hidden < 1 or out < 9 or (out - 3) % 6:
        raise ValueError(f"its output kernel is {hidden!r:.40} by {out!r:.40}, not units by 3 + 6 mixture components")
    expected = [[hidden, out], [out], [5, 4 * hidden], [hidden, 4 * hidden], [4 * hidden]]
    if shapes != expected:
        raise ValueError(f"its shapes are {str(shapes)[:80]}, and a decoder of {hidden} units has {expected}")
    return [_dequantise(text, shape, place) for place, (text, shape) in enumerate(zip(texts, expected, strict=True))]


def _dequantise(text: Any, shape: list[int], place: int) -> NDArray[np.float64]:
    try:
        data = base64.b64decode(text, validate=True)
    except (TypeError, ValueError):
        raise ValueError(f"its weights {place} are not base64") from None
    if len(data) != 2 * math.prod(shape):
        raise ValueError(f"its weights {place} are {len(data):,} bytes, and {shape} needs {2 * math.prod(shape):,}")
    return np.frombuffer(data, dtype="<i2").reshape(shape) * (LARGEST_VALUE / 32767)


def _network(arrays: Arrays) -> SketchRNN:
    """The five arrays as a network in float32, gates in our order, the forget bias added once and for all."""
    output_kernel, output_bias, input_kernel, hidden_kernel, bias = arrays
    hidden, out = output_kernel.shape
    bias = bias.copy()
    bias[2 * hidden : 3 * hidden] += FORGET_BIAS

    def gates(columns: NDArray[np.float64]) -> NDArray[np.float64]:
        blocks = np.split(columns, 4, axis=-1)
        return np.concatenate([blocks[gate] for gate in OUR_GATES], axis=-1).T

    weights = {
        "cell.input_weight": gates(input_kernel),
        "cell.recurrent_weight": gates(hidden_kernel),
        "cell.bias": gates(bias),
        "head.weight": output_kernel.T,
        "head.bias": output_bias,
    }
    network = SketchRNN(SketchRNNConfig(hidden=hidden, components=(out - 3) // 6))
    network.load_state_dict({name: torch.from_numpy(one.astype(np.float32)) for name, one in weights.items()})
    return network
