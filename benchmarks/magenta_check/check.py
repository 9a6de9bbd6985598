"""Our network and Google's own program on the same rows of real drawings: the largest difference of what they say.

    python benchmarks/magenta_check/check.py CLASS.gen.json... --drawings FOLDER

For each decoder, the first drawings of FOLDER/CLASS.ndjson of 20 rows or more, and at every row of theirs the mixture
of the next: pi, mu and sigma (in model units), rho, and the pen's probabilities, at temperature 1. Prints a Markdown
table; ends with 1 where any differs by more than 1e-4. Needs node, and `npm install` in this folder.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models import strokes
from models.checkpoint import TrainedModel
from models.mixture import LOG_SIGMA_RANGE, RHO_LIMIT
from models.pretrained import PIXEL_FACTOR, import_magenta
from models.readers import read_ndjson

HERE = Path(__file__).parent
LIMIT, DRAWINGS, AT_LEAST = 1e-4, 12, 20
PARTS = ("pi", "mu", "sigma", "rho", "pen")

Parts = dict[str, NDArray[np.float64]]


def prefixes(path: Path, longest: int) -> list[NDArray[np.float32]]:
    """Stroke-5 rows `(1 + N, 5)` of real drawings in px: the start token, then from the first point on."""
    fitting = [one[1:] for one in read_ndjson(path)[0] if AT_LEAST < len(one) <= longest]
    return [np.vstack([strokes.START_TOKEN, strokes.to_stroke5(one, len(one) + 1)[:-1]]) for one in fitting[:DRAWINGS]]


def google(path: Path, drawings: list[NDArray[np.float32]], components: int) -> list[Parts]:
    """What `@magenta/sketch` says."""
    fed = json.dumps([one.tolist() for one in drawings])
    command = ["node", str(HERE / "google.js"), str(path), str(PIXEL_FACTOR)]
    done = subprocess.run(command, input=fed, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    said = []
    for rows in json.loads(done.stdout):
        pi, mu_x, mu_y, sigma_x, sigma_y, rho, pen = np.split(np.array(rows), components * np.arange(1, 7), axis=1)
        mu, sigma = np.stack([mu_x, mu_y], axis=-1), np.stack([sigma_x, sigma_y], axis=-1)
        said.append(dict(zip(PARTS, (pi, mu, sigma, rho, pen), strict=True)))
    return said


@torch.inference_mode()
def ours(model: TrainedModel, drawings: list[NDArray[np.float32]]) -> tuple[list[Parts], int]:
    """What our network says, and how many sigmas and rhos our mixture moved to its limits.

    Those are given here as the network put them out: the limits are ours and are counted, not compared. In float64,
    so that what differs is Google's own rounding: the largest sigmas are near 30, and float32 has seven digits.
    """
    model.network.double()
    raws: list[torch.Tensor] = []
    model.network.head.register_forward_hook(lambda _module, _inputs, output: raws.append(output))
    said, moved = [], 0
    for drawing in drawings:
        rows = torch.from_numpy(drawing / np.array([model.scale_factor, model.scale_factor, 1, 1, 1], np.float32))
        mixture, _ = model.network(rows[None].double())
        _, _, _, sigma_x, sigma_y, rho = raws.pop()[..., 3:].chunk(6, dim=-1)
        raw_sigma, raw_rho = torch.stack([sigma_x, sigma_y], dim=-1), torch.tanh(rho)
        limited = raw_sigma.clamp(*LOG_SIGMA_RANGE) != raw_sigma, raw_rho.abs() > RHO_LIMIT
        moved += sum(int(one.sum()) for one in limited)
        values = mixture.log_pi.exp(), mixture.mu, raw_sigma.exp(), raw_rho, mixture.pen_logits.softmax(-1)
        said.append({name: one[0].double().numpy() for name, one in zip(PARTS, values, strict=True)})
    return said, moved


def main() -> None:
    """Compare, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("decoders", nargs="+", type=Path, metavar="CLASS.gen.json")
    parser.add_argument("--drawings", type=Path, required=True, metavar="FOLDER")
    wanted = parser.parse_args()
    print(f"| decoder | drawings | rows | {' | '.join(PARTS)} | at our limits |\n|---|{'---:|' * 8}")
    worst = 0.0
    for path in wanted.decoders:
        model = import_magenta(path)
        name = model.classes[0]
        drawings = prefixes(wanted.drawings / f"{name}.ndjson", model.max_points)
        theirs = google(path, drawings, model.network.config.components)
        mine, moved = ours(model, drawings)
        largest = [max(np.abs(a[part] - b[part]).max() for a, b in zip(mine, theirs, strict=True)) for part in PARTS]
        rows = sum(map(len, drawings))
        share = moved / (rows * 3 * model.network.config.components)
        figures = " | ".join(f"{one:.1e}" for one in largest)
        print(f"| {name} | {len(drawings)} | {rows} | {figures} | {share:.1%} |", flush=True)
        worst = max(worst, *largest)
    print(f"\nLargest difference: {worst:.1e}; the limit is {LIMIT:g}.")
    sys.exit(not worst <= LIMIT)  # NaN fails too


if __name__ == "__main__":
    main()
