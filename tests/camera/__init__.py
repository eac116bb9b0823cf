"""A real camera without a camera: the camera code on a V4L2 driver in an emulated machine."""
