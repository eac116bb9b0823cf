"""Training pictures from videos."""
