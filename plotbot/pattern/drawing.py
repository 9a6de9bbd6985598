"""Where motifs come from: samples of a class, the sketches of a file, or what lies between drawings."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from models import latent, strokes, zoo
from models.sampling import cap_of, temperatures
from plotbot.pattern.motif import Motif, checked
from plotbot.samples import draw_samples
from plotbot.sketches import read_given, read_sketches
from plotbot.units import InputError

log = logging.getLogger(__name__)

FILES = (".svg", ".ndjson", ".npz", ".bin")
SURE = 0.1  # the temperature between drawings: chance in the lines would hide the way from one to the other

STEPS = 129  # of the way from one drawing to another


def draw_motifs(
    sources: Sequence[str], kinds: Sequence[int], temperature: float | None, pick: int, seed: int
) -> list[Motif]:
    """A motif of `sources[kind]` for each of `kinds`: each another sample of a class, the best of `pick` by the critic,
    or another sketch of a file (.svg, .ndjson, .npz, .bin), from its start again when it has no more.

    Raises InputError, CheckpointError, SamplingError and DataError for what is not known, not read or empty.
    """
    stock = []
    for kind, source in enumerate(sources):
        wanted = list(kinds).count(kind)
        if Path(source).suffix.lower() in FILES:
            drawn = read_sketches(Path(source))
            if 0 < len(drawn) < wanted:
                log.warning("%s has %d sketches for %d motifs: some are there again.", source, len(drawn), wanted)
        elif wanted:
            drawn = draw_samples(source, wanted, temperature, None, pick, seed).sketches
        else:
            drawn = []
        if wanted and not drawn:
            raise InputError(f"{source}: holds no sketch; choose another file.")
        stock.append([checked(one, f"Sketch {number} of {source}") for number, one in enumerate(drawn, start=1)])
    taken = [0] * len(sources)
    motifs = []
    for kind in kinds:
        motifs.append(Motif(stock[kind][taken[kind] % len(stock[kind])], kind))
        taken[kind] += 1
    return motifs


def morph_motifs(
    source: str, between: Sequence[str], places: np.ndarray, wraps: bool, temperature: float | None, seed: int
) -> list[Motif]:
    """A motif for each of `places` (N, 2), shares of the pattern's width and height, from the latent space of the VAE
    `source`: the pattern's corners are four drawings by chance, or `between` has those at its left and its right side;
    all others lie between them, on the way that `models.latent.grid` goes. In a pattern that wraps the way leads to
    the middle and back, so that it has no end at the edge.

    Raises what reading these drawings and `models.latent.encode` raise.
    """
    model, _ = zoo.find(source)
    if between:
        left, right = latent.encode(model, [read_given(one, cap_of(model)).stroke3 for one in between])[0]
        corners = torch.stack([left, right, left, right])
    else:
        latent.encode(model, [np.array([[0, 0, 0], [9, 9, 1]], dtype=np.float32)])  # says so where it cannot
        corners = torch.randn(4, model.network.config.latent, generator=torch.Generator().manual_seed(seed + 1))
    ways = 1 - np.abs(1 - 2 * (places % 1)) if wraps else places
    columns, rows = np.round(ways * (STEPS - 1)).astype(int).T
    z = latent.grid(corners, STEPS, STEPS)[rows, columns]
    heat = temperatures(model, SURE if temperature is None else temperature, None)
    return [Motif(strokes.to_polylines(one.stroke3)) for one in latent.draw(model, len(z), z, None, heat, seed)]
