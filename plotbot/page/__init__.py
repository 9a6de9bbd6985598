"""From sketches and SVG files to an ordered toolpath on paper, and the picture of what was drawn."""

from __future__ import annotations
