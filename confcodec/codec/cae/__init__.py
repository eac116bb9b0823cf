"""`cae`, the published compressive autoencoder."""
