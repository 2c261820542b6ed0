"""How a worker's process runs: on uvloop, with Python's garbage collection seldom."""

import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

NEW_OBJECTS_TO_A_COLLECTION = 10_000
"""Python's own 700 have cycles looked for so often that it takes an eighth of the worker's CPU (`docs/tuning.md`)."""

Outcome = TypeVar("Outcome")


def run(main: Coroutine[Any, Any, Outcome]) -> Outcome:
    """Runs it to its end. Call it when all is imported."""
    # What the imports made stays to the end: no collection need look at it again.
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS_TO_A_COLLECTION, *gc.get_threshold()[1:])
    return uvloop.run(main)
