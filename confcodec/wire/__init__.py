"""Packets, reassembly, feedback and rate control: pure code, bytes and the clock passed in."""
