"""`rt`, the real-time codec, and its small sibling `rt-s`."""
