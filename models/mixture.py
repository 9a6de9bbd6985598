"""The output of a sketch network: M bivariate Gaussians for the offset and three states for the pen.

Everything stays in log space: integer offsets make dx == 0 exact on straight lines, sigma collapses, and a density
computed outside the logarithm turns to NaN. (Ha and Eck, equations 3 to 8; Graves 2013, equations 23 to 25.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

LOG_SIGMA_RANGE = (-5.0, 5.0)  # in units of the scale factor: sigma never under a fifth of a pixel of 0..255
RHO_LIMIT = 0.999


@dataclass(frozen=True)
class Mixture:
    """What the network says of the next row. Leading shape `...` is any, `(B, T)` in training.

    log_pi `(..., M)`, mu `(..., M, 2)`, log_sigma `(..., M, 2)`, rho `(..., M)` for the offset in model units;
    pen_logits `(..., 3)` for p1, p2, p3.
    """

    log_pi: Tensor
    mu: Tensor
    log_sigma: Tensor
    rho: Tensor
    pen_logits: Tensor

    @staticmethod
    def width(components: int) -> int:
        """How many numbers a network must put out for M components: 3 pen logits and 6 M."""
        return 3 + 6 * components

    @classmethod
    def split(cls, raw: Tensor) -> Mixture:
        """A network's raw output `(..., 3 + 6 M)`, in the reference's order: pen, pi, mu x, mu y, sigma x,
        sigma y, rho. Computed in float32 whatever the network ran in."""
        raw = raw.float()
        pi, mu_x, mu_y, sigma_x, sigma_y, rho = raw[..., 3:].chunk(6, dim=-1)
        return cls(
            log_pi=F.log_softmax(pi, dim=-1),
            mu=torch.stack([mu_x, mu_y], dim=-1),
            log_sigma=torch.stack([sigma_x, sigma_y], dim=-1).clamp(*LOG_SIGMA_RANGE),
            rho=torch.tanh(rho).clamp(-RHO_LIMIT, RHO_LIMIT),
            pen_logits=raw[..., :3],
        )

    def last(self) -> Mixture:
        """What is said at the last step of `(B, T)`, as `(B, 1)`."""
        fields = (self.log_pi, self.mu, self.log_sigma, self.rho, self.pen_logits)
        return Mixture(*(one[:, -1:] for one in fields))

    def log_density(self, offset: Tensor) -> Tensor:
        """Log density `(...)` of offsets `(..., 2)` (equation 3, and 24 to 25 of Graves)."""
        z = (offset.unsqueeze(-2) - self.mu) * torch.exp(-self.log_sigma)  # (..., M, 2)
        zx, zy = z.unbind(-1)
        left = 1 - self.rho**2
        quadratic = (zx**2 + zy**2 - 2 * self.rho * zx * zy) / left
        log_normal = -0.5 * quadratic - self.log_sigma.sum(-1) - 0.5 * torch.log(left) - math.log(2 * math.pi)
        return torch.logsumexp(self.log_pi + log_normal, dim=-1)

    def sharpen(self, temperature: float, pen_temperature: float) -> Mixture:
        """Less of chance: pi and the pen's probabilities to the power 1/tau, sigma squared times tau (equation 8).

        Both temperatures in (0, 1] as a rule; 1 changes nothing. Note that magenta's Python multiplies sigma
        itself by tau: its notebooks at tau wobble as this does at tau squared.
        """
        return Mixture(
            log_pi=F.log_softmax(self.log_pi / temperature, dim=-1),
            mu=self.mu,
            log_sigma=self.log_sigma + 0.5 * math.log(temperature),
            rho=self.rho,
            pen_logits=self.pen_logits / pen_temperature,
        )

    def sample(self, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """One offset `(..., 2)` and one pen state `(...)`, 0, 1 or 2 for p1, p2, p3, drawn from the mixture."""
        lead = self.rho.shape[:-1]
        flat_pi = self.log_pi.exp().reshape(-1, self.log_pi.shape[-1])
        which = torch.multinomial(flat_pi, 1, generator=generator).reshape(*lead, 1)
        mu = self.mu.gather(-2, which.unsqueeze(-1).expand(*lead, 1, 2)).squeeze(-2)
        sigma = self.log_sigma.exp().gather(-2, which.unsqueeze(-1).expand(*lead, 1, 2)).squeeze(-2)
        rho = self.rho.gather(-1, which).squeeze(-1)
        noise = torch.randn(*lead, 2, generator=generator, device=mu.device)
        across = rho * noise[..., 0] + torch.sqrt(1 - rho**2) * noise[..., 1]
        offset = mu + sigma * torch.stack([noise[..., 0], across], dim=-1)
        pen = torch.multinomial(F.softmax(self.pen_logits, -1).reshape(-1, 3), 1, generator=generator)
        return offset, pen.reshape(lead)


@dataclass(frozen=True)
class Loss:
    """Nats, summed over a batch: of the offsets and of the pen; and the real points they are summed over."""

    offset: Tensor
    pen: Tensor
    points: Tensor

    @property
    def per_point(self) -> Tensor:
        """Nats per real point, what training minimises: free of padding, Nmax and batch size."""
        return (self.offset + self.pen) / self.points


def loss(mixture: Mixture, target: Tensor, lengths: Tensor) -> Loss:
    """The reconstruction loss of stroke-5 targets `(B, T, 5)` whose drawings have `lengths` `(B,)` real rows.

    Offsets count on the N real rows, the pen on N + 1, the last of which is the end (equation 9 without its
    padding: rows after the first end row teach nothing and only dilute).
    """
    steps = torch.arange(target.shape[1], device=target.device)
    real = steps < lengths[:, None]  # (B, T)
    with_end = steps <= lengths[:, None]
    offset = -(mixture.log_density(target[..., :2]) * real).sum()
    pen_each = F.cross_entropy(mixture.pen_logits.flatten(0, 1), target[..., 2:].argmax(-1).flatten(), reduction="none")
    return Loss(offset, (pen_each * with_end.flatten()).sum(), lengths.sum())
