"""`encode`, `decode` and `info`: pictures and videos to bitstream files and back."""
