"""Anybody's own codec in the place of ours."""
