"""The options of the command line that `serve`, `call` and `bench` share."""
