"""The search by kicks: shorter than without, the same by seed, and no harm where it cannot be compiled."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from gcode.profile import load_profile
from plotbot.lines.kicks import Kicks
from plotbot.lines.rapids import LENGTH, Rapids, travel_seconds
from plotbot.lines.tour import Tour, greedy
from plotbot.lines.travel import order_strokes, travel_mm

HOME = (0.0, 0.0)


def strokes(count: int, seed: int = 0) -> list[np.ndarray]:
    chance = np.random.default_rng(seed)
    starts = chance.uniform(0, 200, (count, 1, 2))
    return list(starts + chance.uniform(-5, 5, (count, 2, 2)))


@pytest.mark.parametrize("rapids", [LENGTH, *(Rapids.of(load_profile(name)) for name in ("grbl-servo", "marlin-z"))])
def test_a_tour_stays_whole_and_what_it_says_it_costs_is_true(rapids: Rapids) -> None:
    ends = np.concatenate([*strokes(150), np.zeros((2, 2))])
    tour = Tour(ends, rapids, np.arange(0, len(ends), 2, dtype=np.int32))
    tour.follow(greedy(tour))
    kicks, before = Kicks(tour, 1), tour.total
    for _ in range(20):
        kicks(50)
        assert tour.total <= before + 1e-9
        before = tour.total
        assert sorted((tour.order >> 1).tolist()) == list(range(151))
        anew = Tour(ends, rapids, tour.order)
        assert np.array_equal(tour.mate, anew.mate)
        assert np.array_equal(tour.place, anew.place)
        assert np.allclose(tour.mate_cost, anew.mate_cost, rtol=1e-12)


def test_more_effort_is_less_travel_and_the_seed_decides() -> None:
    lines = strokes(300)
    fast = order_strokes(lines, HOME)
    normal = order_strokes(lines, HOME, effort="normal", seed=3)
    assert travel_mm(normal, HOME) < 0.99 * travel_mm(fast, HOME)
    again = order_strokes(lines, HOME, effort="normal", seed=3)
    assert [line.tobytes() for line in again] == [line.tobytes() for line in normal]
    other = order_strokes(lines, HOME, effort="normal", seed=4)
    assert [line.tobytes() for line in other] != [line.tobytes() for line in normal]


def test_the_search_is_for_the_machines_own_time() -> None:
    lines, rapids = strokes(300), Rapids.of(load_profile("grbl-servo"))
    quick = order_strokes(lines, HOME, rapids, "normal")
    short = order_strokes(lines, HOME, LENGTH, "normal")
    assert travel_seconds(quick, HOME, rapids) < travel_seconds(short, HOME, rapids)
    assert travel_mm(short, HOME) < travel_mm(quick, HOME)


def test_progress_is_told_up_to_the_end() -> None:
    told: list[tuple[float, str]] = []
    order_strokes(strokes(200), HOME, effort="normal", progress=lambda *said: told.append(said))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert told[-1][1].endswith("% less")


def test_a_search_can_be_left() -> None:
    def leave(share: float, remark: str) -> None:
        if share > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        order_strokes(strokes(200), HOME, effort=1e6, progress=leave)


def test_without_numba_the_order_is_the_quick_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "plotbot.lines.kicks")
    lines = strokes(50)
    ordered = order_strokes(lines, HOME, effort="best")
    assert [line.tobytes() for line in ordered] == [line.tobytes() for line in order_strokes(lines, HOME)]
    assert "numba cannot be imported" in caplog.text
