"""Training the learned codecs."""
