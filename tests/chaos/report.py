"""A run's report: for the terminal, as Markdown, and as JSON."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.chaos.run import Outcome, Plan


def summary(plan: Plan, outcome: Outcome) -> dict[str, Any]:
    """All figures of a run, as JSON."""
    requests = list(outcome.ledger.requests)
    return {
        "seed": plan.seed,
        "seconds": round(outcome.seconds, 1),
        "sovereigns": len(outcome.ledger.asked),
        "requests": len(requests),
        "ended as": dict(sorted(Counter(str(request.outcome) for request in requests).items())),
        "faults": dict(sorted(outcome.faults.items())),
        "faults in all": outcome.faults.total(),
        "record changes checked": outcome.updates,
        "answers checked": outcome.answers,
        "unfinished": outcome.unfinished,
        "violations": [f"{violation.rule}: {violation.told}" for violation in outcome.violations],
    }


def show(figures: dict[str, Any], console: Console) -> None:
    """On the terminal."""
    faults = Table("fault", "times", title=f"Seed {figures['seed']}: {figures['faults in all']} faults")
    for kind, count in figures["faults"].items():
        faults.add_row(kind, str(count))
    console.print(faults)
    for name in ("seconds", "sovereigns", "requests", "ended as", "record changes checked", "answers checked"):
        console.print(f"{name}: {figures[name]}", highlight=False)
    for waiting in figures["unfinished"]:
        console.print(f"unfinished: {waiting}", highlight=False, markup=False)
    for violation in figures["violations"]:
        console.print(f"violation: {violation}", highlight=False, markup=False, style="red")
    console.print(f"violations: {len(figures['violations'])}", highlight=False)


def keep(figures: dict[str, Any], file: Path) -> None:
    """For the docs."""
    file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
