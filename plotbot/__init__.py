"""Compose: where drawings go on the sheet, and the commands a person types."""
