"""Fleets of Sovereigns on paper: measured unit costs, queues between them, and what they come to at any size."""
