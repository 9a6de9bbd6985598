"""The latent space of a VAE: drawings into vectors z, the ways between these, and back into drawings.

(Ha and Eck, "A Neural Representation of Sketch Drawings", sections 3.2 and 4.2 to 4.4.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models import strokes, zoo
from models.checkpoint import TrainedModel, read_header
from models.sampling import SamplingError, Sketch, cap_of, decode, redraw
from models.sketch_rnn import SketchRNN

STRAIGHT = 1e-6  # sine of the angle under which two vectors count as parallel


@torch.inference_mode()
def encode(model: TrainedModel, sketches: Sequence[NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    """Drawings `(N_i, 3)`, stroke-3 in px of 0..255, to mu and sigma of their z, each `(B, latent)`, all in one batch.

    mu is the drawing's place; its neighbours within sigma decode to drawings like it. (Ha and Eck, equations 1, 2.)
    Raises SamplingError for a model without an encoder, and for a drawing that is empty, not finite or half as long
    again as any that the model was trained on.
    """
    network = model.network
    if not isinstance(network, SketchRNN) or not network.config.latent:
        able = [one.name for one in zoo.shipped() if read_header(one.weights)["network"].get("latent")]
        remedy = f"choose {' or '.join(able)}" if able else "train one whose recipe has `latent`"
        raise SamplingError(f"this model only draws and has no encoder to read a drawing with; {remedy}")
    for place, one in enumerate(sketches, start=1):
        if not 0 < len(one) <= cap_of(model):
            raise SamplingError(f"drawing {place} has {len(one):,} points, and this model reads 1 to {cap_of(model)}")
        if not np.isfinite(one).all():
            raise SamplingError(f"drawing {place} holds a coordinate that is not a finite number; correct it")
    lengths = [len(one) for one in sketches]
    scale = np.array([model.scale_factor, model.scale_factor, 1], dtype=np.float32)
    rows = np.stack([strokes.to_stroke5(one / scale, max(lengths) + 1) for one in sketches])
    mu, presig = network.encoder(torch.from_numpy(rows), torch.tensor(lengths))
    return mu, torch.exp(presig / 2)


def slerp(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """`steps` vectors from a to b, each `(latent,)`, along the great circle: `(steps, latent)`.

    Where a and b lie on one line, or one is zero, there is no such circle and the way is straight. (Shoemake 1985;
    Ha and Eck, section 4.2, have it from White 2016.)
    """
    t = torch.linspace(0, 1, steps, dtype=torch.float64)[:, None]
    first, last = a.double(), b.double()
    cosine = first @ last / (first.norm() * last.norm())
    omega = torch.arccos(cosine.clamp(-1, 1))
    if torch.sin(omega) > STRAIGHT:  # false for the NaN of a zero vector
        way = (torch.sin((1 - t) * omega) * first + torch.sin(t * omega) * last) / torch.sin(omega)
    else:
        way = (1 - t) * first + t * last
    return way.to(a.dtype)


def grid(corners: Tensor, rows: int, columns: int) -> Tensor:
    """The corners `(4, latent)` top left, top right, bottom left, bottom right, and what lies between, by slerp down
    both sides and then across: `(rows, columns, latent)`."""
    left, right = slerp(corners[0], corners[2], rows), slerp(corners[1], corners[3], rows)
    return torch.stack([slerp(one, other, columns) for one, other in zip(left, right, strict=True)])


def analogy(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """What has of a all but b, and c instead: a - (b - c), so that a stays a where b is c. (Section 4.4.)"""
    return a - (b - c)


def nearby(z: Tensor, sigma: Tensor, count: int, spread: float, seed: int) -> Tensor:
    """`count` neighbours of z `(latent,)`: z + spread * sigma * eps, eps from N(0, 1): `(count, latent)`.

    At spread 1 these are what the decoder learnt to draw the drawing from. (Equation 2.)"""
    eps = torch.randn(count, len(z), generator=torch.Generator().manual_seed(seed))
    return z + spread * sigma * eps


def draw(
    model: TrainedModel,
    count: int,
    z: Tensor | None,
    class_name: str | None,
    heat: tuple[float, float],
    seed: int,
    given: NDArray[np.float32] | None = None,
) -> list[Sketch]:
    """`decode`, and again what did not end by itself or adds nothing to what is given; after five rounds it stays."""
    there = 0 if given is None else len(given)

    def again(poor: list[int], start: int) -> list[Sketch]:
        return decode(model, len(poor), None if z is None else z[poor], class_name, heat, start, given)

    sketches = decode(model, count, z, class_name, heat, seed, given)
    redraw(sketches, lambda one: one.finished and len(one.stroke3) > there, again, seed)
    return sketches
