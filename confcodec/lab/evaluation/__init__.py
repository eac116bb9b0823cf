"""Codecs side by side: rows, curves, tables, plots, pages."""
