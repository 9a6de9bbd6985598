"""What is done to the lines of a page before they are drawn: polylines (N, 2) in mm, in and out."""

from __future__ import annotations
