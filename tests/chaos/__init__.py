"""Proof under fire: many Sovereigns on real servers while faults are injected, and an independent checker."""
