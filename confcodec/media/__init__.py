"""Where frames come from and where they go: camera, file, demo; window, file, null."""
