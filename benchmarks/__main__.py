"""`make bench`: runs every benchmark, each in a process of its own, prints it, and writes docs/benchmarks.md."""

import argparse
import sys
import time
from collections.abc import Sequence
from importlib import import_module

from rich.console import Console
from rich.markup import escape

from benchmarks import machine, measured, page, run_apart, shown
from benchmarks.measured import Measured, OtherMachineError, Run
from benchmarks.registry import ALONE, BENCHMARKS, named
from benchmarks.report import CheckFailedError, Report
from devstack.programs import PROJECT

_EXAMPLES = """\
benchmarks:
{benchmarks}

measurements by themselves, with options of their own (make bench ARGS="audit --help"):
{alone}

for example:
  make bench                                all, and write docs/benchmarks.md: less than a quarter of an hour
  make bench ARGS="--runs 3"                three times, and write how wide each ratio was
  make bench ARGS="B2 B5"                   these only, and only print them
  make bench ARGS="B2 B5 --runs 3 --write"  merge them into docs/benchmarks.md

exit codes: 0 measured (a goal that is missed is told, and no failure), 1 a benchmark's own check failed or it broke,
2 wrong usage
"""


def main(arguments: Sequence[str]) -> int:
    """Runs what is asked for, and returns the exit code."""
    if arguments and arguments[0] in ALONE:
        return _run_alone(arguments[0], arguments[1:])
    options = _parser().parse_args(arguments)
    names = list(dict.fromkeys(options.benchmark)) or list(BENCHMARKS)
    return measure(names, options.runs, write=options.write or not options.benchmark, command=_command(arguments))


def _run_alone(name: str, arguments: Sequence[str]) -> int:
    module = import_module(ALONE[name].module)
    parser = argparse.ArgumentParser(prog=f"make bench ARGS={name}", description=module.__doc__)
    module.add_arguments(parser)
    return 0 if module.show(parser.parse_args(arguments)) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES.format(
            benchmarks="\n".join(f"  {name:9} {benchmark.about}" for name, benchmark in BENCHMARKS.items()),
            alone="\n".join(f"  {name:9} {alone.about}" for name, alone in ALONE.items()),
        ),
    )
    parser.add_argument("benchmark", nargs="*", type=_named, help="which ones, as they are named below (default: all)")
    parser.add_argument("--runs", type=_positive, default=1, metavar="N", help="run all of them N times (default: 1)")
    parser.add_argument("--write", action="store_true", help="merge what is named into docs/benchmarks.md")
    return parser


def _named(text: str) -> str:
    try:
        return named(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"there is no {text!r}, but {', '.join(BENCHMARKS)}") from None


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _command(arguments: Sequence[str]) -> str:
    return f'make bench ARGS="{" ".join(arguments)}"' if arguments else "make bench"


def measure(names: Sequence[str], runs: int, *, write: bool, command: str) -> int:
    """Runs these benchmarks so many times, one after the other, and prints each as it ends.

    One that fails holds back none that comes after it, but then nothing is written.
    """
    console = shown.console()
    done: list[Run] = []
    began = time.monotonic()
    failures: list[str] = []
    commit = machine.commit()  # before, so that it is what was measured
    for number in range(runs):
        for name in names:
            console.rule(name if runs == 1 else f"{name}, run {number + 1} of {runs}")
            started = time.monotonic()
            try:
                report = run_apart.run(BENCHMARKS[name].module)
            except (CheckFailedError, run_apart.NotRunError) as error:
                failures.append(_in_words(name, error))
                console.print(escape(failures[-1]))
                continue
            done.append(_run(report, commit, command, time.monotonic() - started))
            console.print(*shown.lines_of(report, done[-1].seconds), sep="\n")
    console.print(f"All of it took {(time.monotonic() - began) / 60:.1f} min.")
    return _told(console, done, failures, write=write)


def _run(report: Report, commit: str, command: str, seconds: float) -> Run:
    return Run(**vars(report), date=machine.today(), commit=commit, command=command, seconds=round(seconds, 1))


def _in_words(name: str, error: Exception) -> str:
    if isinstance(error, CheckFailedError):
        return f"{name}: its own check failed, so its figures mean nothing: {error}"
    return f"{name}: {error}"


def _told(console: Console, done: list[Run], failures: list[str], *, write: bool) -> int:
    """All goals and widths, and the page written where everything was right."""
    now = Measured(machine.machine(), machine.versions(), done)
    now = Measured(
        now.machine, now.versions, done, [width for name in BENCHMARKS for width in measured.widths(now.of(name))]
    )
    for table in (shown.table_of_goals(now.shown), shown.table_of_widths(now.widths)):
        if table.rows:
            console.print(shown.as_rich(table))
    if failures:
        console.print("[red]Failed[/red]; docs/benchmarks.md is as it was:", *map(escape, failures), sep="\n")
        return 1
    if write:
        try:
            page.write(measured.merged(measured.read(PROJECT / page.MEASURED), now), PROJECT)
        except OtherMachineError as error:
            console.print(escape(str(error)))
            return 1
        console.print(f"Written: {page.PAGE}, with {page.MEASURED} and the plots beside it.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
