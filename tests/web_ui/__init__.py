"""Temporal's Web UI as a person uses it: in a real browser."""
