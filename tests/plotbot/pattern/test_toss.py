"""A toss is dense, even, and nothing in it touches."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import shapely

from plotbot.pattern.motif import Jitter, Motif, Placed, hull_size
from plotbot.pattern.toss import toss
from plotbot.units import InputError
from tests.plotbot.pattern.motifs import BOAT, FLAG, lines_of

FREE = Jitter(0.3, 0.0, 180.0, mirror=True)
MOTIFS = [Motif(lines_of(FLAG if number % 2 else BOAT), number % 2) for number in range(14)]


def inks(placed: Sequence[Placed]) -> np.ndarray:
    return np.array(
        [shapely.MultiLineString([line if len(line) > 1 else [line[0]] * 2 for line in one.lines]) for one in placed]
    )


@pytest.mark.parametrize(("wraps", "seed"), [(True, 0), (True, 5), (False, 1)])
def test_motifs_keep_their_distance_and_fill_the_area(wraps: bool, seed: int) -> None:
    area, spacing = (120.0, 90.0), 0.2
    placed, size = toss(MOTIFS, area, None, spacing, FREE, wraps, seed)
    assert size == area
    scale = max(hull_size(one.lines) for one in placed)
    near = [placed]
    if wraps:
        near = [
            [one.moved(np.array(area) * step) for one in placed] for step in itertools.product((-1, 0, 1), repeat=2)
        ]
    everywhere = inks([one for tile in near for one in tile])
    pairs = shapely.STRtree(everywhere).query(inks(placed), "dwithin", 0.65 * spacing * scale)
    assert pairs.shape[1] == len(placed)  # each is near itself alone
    assert sum(shapely.convex_hull(one).area for one in inks(placed)) > 0.33 * area[0] * area[1]
    if not wraps:
        points = np.concatenate([line for one in placed for line in one.lines])
        assert (points >= 0).all()
        assert (points <= area).all()


def test_the_same_seed_tosses_the_same_and_another_does_not() -> None:
    first, again, other = (toss(MOTIFS[:5], (50, 50), None, 0.2, FREE, True, seed)[0] for seed in (3, 3, 4))
    assert all((one.lines[0] == two.lines[0]).all() for one, two in zip(first, again, strict=True))
    assert not any(np.allclose(one.lines[0], two.lines[0]) for one, two in zip(first, other, strict=True))


def test_a_tile_is_as_large_as_its_motifs_take() -> None:
    placed, size = toss(MOTIFS[:6], None, 20.0, 0.2, Jitter(angle=180), True, 0)
    assert [hull_size(one.lines) for one in placed] == pytest.approx([20.0] * 6)
    assert 6 * 20**2 < size[0] * size[1] < 3 * 6 * 20**2


def test_motifs_stay_upright_within_their_angle() -> None:
    upright, _ = toss(MOTIFS[:8], (90, 90), None, 0.2, Jitter(angle=10), True, 2)
    for one in upright:
        stroke = one.lines[0][1] - one.lines[0][0]
        meant = np.array([120, 0]) if one.kind == 0 else np.array([0, -100])
        cosine = stroke @ meant / np.hypot(*stroke) / np.hypot(*meant)
        assert cosine >= np.cos(np.radians(10)) - 1e-9


def test_what_does_not_fit_is_told_how_many_do() -> None:
    with pytest.raises(InputError, match=r"14 motifs of 60 mm cannot be packed in 100 x 100 mm: about \d fit"):
        toss(MOTIFS, (100.0, 100.0), 60.0, 0.2, FREE, True, 0)


def test_a_dot_a_single_stroke_and_parts_far_from_each_other_are_motifs_too() -> None:
    dot, stroke = Motif([np.array([[3.0, 3.0]])]), Motif([np.array([[0.0, 0.0], [50.0, 0.0]])])
    apart = Motif([dot.lines[0], np.array([[90.0, 90.0], [91.0, 99.0]])])
    placed, _ = toss([dot, stroke, apart], (30.0, 30.0), None, 0.2, FREE, True, 0)
    assert len(placed[0].lines[0]) == 1
    assert np.isfinite(np.concatenate([line for one in placed for line in one.lines])).all()
