"""GRBL 1.1: its G-code, what it says, and how it is driven."""
