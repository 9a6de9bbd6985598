"""Recurrent cells over whole sequences: LSTM, GRU, LayerNorm LSTM and HyperLSTM, each with a hand-written backward.

A plain loop in autograd spends most of its time in backward: a weight gradient for each step, and a dozen small
operations around it. Here the matmuls of the inputs are hoisted out of the loop, what is the same at every step (the
latent vector, a class) is multiplied once, rows whose drawing has ended are skipped, and each weight gradient is one
matmul over all steps at the end.

All gates stand in the order input, forget, output, candidate, so that one sigmoid serves the first three. The forget
gate's bias starts at 1. Recurrent dropout falls on the candidate alone, afresh at every step, "without memory loss"
(Semeniuta and others 2016); a kept unit is divided by the share kept.

Definitions: LSTM as in magenta's sketch-rnn, GRU as in Cho and others 2014 with the reset gate after the matmul,
layer normalisation as in Ba and others 2016, HyperLSTM as in Ha and others 2016, appendix A.2.2.
"""

from __future__ import annotations

from typing import Literal

from models.cells.normed import EPSILON, HyperLSTM, LayerNormLSTM
from models.cells.plain import GRU, LSTM
from models.cells.recurrence import KEEP, Cell

__all__ = ["CELLS", "EPSILON", "GRU", "KEEP", "LSTM", "Cell", "HyperLSTM", "Kind", "LayerNormLSTM"]

Kind = Literal["lstm", "gru", "layer_norm_lstm", "hyper_lstm"]

CELLS: dict[str, type[Cell]] = {
    "lstm": LSTM,
    "gru": GRU,
    "layer_norm_lstm": LayerNormLSTM,
    "hyper_lstm": HyperLSTM,
}
