"""A GRBL 1.1 plotter in software: its firmware, its motion, its pen, and a port to open."""
