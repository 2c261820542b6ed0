"""The independent checker: compares the world with what was asked for. Shares no code with the product."""
