"""The command line: a client of Temporal like any other."""
