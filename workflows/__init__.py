"""What happens in which order. Deterministic, without I/O; one file a workflow."""
