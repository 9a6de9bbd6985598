"""Patterns: motifs laid out as on cloth, in a tile that repeats, on a sheet, or over a run of sheets."""

from __future__ import annotations
