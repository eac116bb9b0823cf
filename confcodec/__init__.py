"""Live video calls whose every frame is coded by a learned autoencoder."""

__version__ = "0.1.0"
