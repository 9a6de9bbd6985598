"""How good generated sketches are, by more than their own loss; each figure goes beside its real-against-real floor."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def top(logits: Tensor, labels: Tensor, k: int) -> float:
    """The share of sketches whose class `(B,)` is among the k likeliest of `(B, classes)`."""
    likeliest = logits.topk(min(k, logits.shape[-1]), dim=-1).indices
    return float((likeliest == labels[:, None]).any(-1).float().mean())


def frechet(one: Tensor, other: Tensor) -> float:
    """Frechet distance between two sets of features `(n, d)` and `(m, d)`, each taken for a Gaussian
    (Heusel and others 2017, equation 6). Comparable only within one judge and one n."""
    means = one.mean(0).double(), other.mean(0).double()
    covariances = torch.cov(one.T.double()), torch.cov(other.T.double())
    values, vectors = torch.linalg.eigh(covariances[0])
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    # trace of sqrt(A B) = the sum of the roots of the eigenvalues of sqrt(A) B sqrt(A), which is symmetric
    cross = torch.linalg.eigvalsh(root @ covariances[1] @ root).clamp(min=0).sqrt().sum()
    apart = ((means[0] - means[1]) ** 2).sum()
    return float(apart + covariances[0].trace() + covariances[1].trace() - 2 * cross)


def precision_recall(real: Tensor, generated: Tensor, k: int = 3) -> tuple[float, float]:
    """k-nearest precision and recall of features `(n, d)` (Kynkaanniemi and others 2019): the share of generated
    sketches that lie among the real ones, and of the real ones that lie among the generated."""

    def within(points: Tensor, of: Tensor) -> float:
        radius = torch.cdist(of, of).kthvalue(k + 1, dim=-1).values  # the nearest is itself
        return float((torch.cdist(points, of) <= radius).any(-1).float().mean())

    return within(generated, real), within(real, generated)


def nearest(pictures: NDArray[np.float32], among: NDArray[np.float32]) -> NDArray[np.float64]:
    """The pixel distance of each picture `(n, s, s)` to the nearest of others `(m, s, s)`."""
    apart = torch.cdist(torch.from_numpy(pictures).flatten(1), torch.from_numpy(among).flatten(1))
    return np.asarray(apart.min(-1).values, dtype=np.float64)
