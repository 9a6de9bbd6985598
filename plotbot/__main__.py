"""`python -m plotbot`: the same as the `plotbot` command."""

from __future__ import annotations

from plotbot.cli import main

main()
