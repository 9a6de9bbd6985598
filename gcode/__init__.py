"""Drive: how the machine draws it. Knows G-code and plotters, nothing of sketches or torch."""
