"""The other half of a server that calls itself: a child process, and what it publishes."""
