"""What makes the worker a well-behaved service: logs, health, and what it needs of its namespace."""
