"""Generate: what to draw. Knows drawings, nothing of paper or machines."""
