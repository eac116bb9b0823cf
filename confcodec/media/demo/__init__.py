"""The demo: a person in a call, drawn for each frame."""
