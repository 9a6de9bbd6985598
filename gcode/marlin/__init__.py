"""Marlin: its G-code, what it says, and how it is driven."""
