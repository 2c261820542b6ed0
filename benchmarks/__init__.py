"""Measurements on the embedded stack, as ratios within one run: the machine is shared."""
