"""Cameras: which there are, opening them, their pictures."""
