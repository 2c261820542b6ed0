"""Stand-ins for PDM and for Kubernetes with cert-manager, which speak their HTTP APIs and fail on demand."""
