"""`make chaos`: one run of a seed, and its report. Exit code 1 where a rule was broken."""

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.chaos import report
from tests.chaos.run import Plan, play


def main() -> None:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn (default: 1)")
    parser.add_argument("--minutes", type=float, default=2, help="after which nothing new is asked for (default: 2)")
    parser.add_argument("--sovereigns", type=int, default=Plan.most, help="at most so many")
    parser.add_argument("--at-once", type=int, default=Plan.at_once, help=f"of them (default: {Plan.at_once})")
    parser.add_argument("--report", type=Path, help="where to keep the figures, as JSON")
    parser.add_argument("--keep", type=Path, help="an empty folder for the run's state and logs, which is kept")
    options = parser.parse_args()
    plan = Plan(options.seed, seconds=options.minutes * 60, most=options.sovereigns, at_once=options.at_once)
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # connections are cut off on purpose
    with tempfile.TemporaryDirectory(prefix="sovereign-dns-chaos-") as temporary:
        folder = Path(temporary)
        if options.keep:
            folder = options.keep.absolute()
            folder.mkdir(parents=True, exist_ok=True)
        outcome = asyncio.run(play(plan, folder))
    figures = report.summary(plan, outcome)
    report.show(figures, Console())
    if options.report:
        report.keep(figures, options.report)
    sys.exit(1 if outcome.violations or outcome.unfinished else 0)


if __name__ == "__main__":
    main()
