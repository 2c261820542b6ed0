"""Clients of the outside systems: each call once, each failure classified."""
