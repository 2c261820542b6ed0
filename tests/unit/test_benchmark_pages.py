"""What `make bench` prints and writes, from reports that are given and not measured."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks import measured, page, run_apart
from benchmarks.measured import Measured, OtherMachineError, Run
from benchmarks.plots import draw
from benchmarks.registry import BENCHMARKS, Benchmark
from benchmarks.report import Goal, Plot, Report, Table

PLOT = Plot("growth", "Time by size", "rrsets", "ms", {"ours": [(100, 1), (1000, 2)]}, log_x=True)
MACHINE, VERSIONS = {"CPU": "Z80"}, {"PowerDNS": "4.7.3"}

FAILING = """
from benchmarks.report import CheckFailedError
def measure():
    raise CheckFailedError("one record [is] missing")
"""
CRASHING_AT_ITS_END = """
import atexit, os
from benchmarks.report import Report
def measure():
    atexit.register(os.abort)
    return Report("B1", "small", "It does little.", [], [], ["all"])
"""
BROKEN = """
def measure():
    raise SystemExit(3)
"""


def report(number: str = "B2", **ratios: float) -> Report:
    return Report(
        number=number,
        title="a zone that grows",
        about="Writes one Sovereign.",
        tables=[Table("By size", ["rrsets", "ms"], [["100", "1.0"], ["a|b", "2.0"]])],
        goals=[Goal("≤ 1.3 × the bare PATCH", "1.18", met=True), Goal("≤ 2 s", "3 s", met=False, reason="It is slow.")],
        checked=["the zone holds it"],
        plots=[PLOT] if number == "B2" else [],
        ratios=ratios,
        samples={"PATCH": [0.0012345678]},
    )


def run(number: str = "B2", date: str = "2026-11-24", **ratios: float) -> Run:
    return Run(**vars(report(number, **ratios)), date=date, commit="abc", command="make bench", seconds=12.3)


def kept(*runs: Run) -> Measured:
    widths = [width for number in BENCHMARKS for width in measured.widths([r for r in runs if r.number == number])]
    return Measured(MACHINE, VERSIONS, list(runs), widths)


def lines_after(text: str, heading: str) -> list[str]:
    return [line for line in text.split(heading)[1].split("\n## ", maxsplit=1)[0].splitlines() if line]


def test_a_page_says_what_was_measured_where_and_whether_each_goal_was_met() -> None:
    text = page.markdown(kept(run()))

    assert "| B2 | ≤ 2 s | 3 s | missed |" in lines_after(text, "## Goals")
    assert {"| CPU | Z80 |", "| PowerDNS | 4.7.3 |"} <= set(lines_after(text, "## Measured on"))
    said = lines_after(text, "## B2: a zone that grows")
    assert said[:5] == ["Writes one Sovereign.", "**By size**", "| rrsets | ms |", "| --- | ---: |", "| 100 | 1.0 |"]
    assert "| a\\|b | 2.0 |" in said
    assert "![Time by size](benchmarks/growth.svg)" in said
    assert "- **met**: ≤ 1.3 × the bare PATCH: 1.18." in said
    assert "- **missed**: ≤ 2 s: 3 s. It is slow." in said
    assert "- the zone holds it" in said
    assert said[-1] == "Measured on 2026-11-24 at commit abc, by `make bench`, in 12 s."


def test_the_run_that_is_shown_is_the_one_nearest_to_the_medians_and_widths_tell_how_far_they_were_apart() -> None:
    runs = [run(ours=1.0, theirs=9.0), run(ours=1.2, theirs=10.0), run(ours=2.0, theirs=30.0)]

    assert measured.typical(runs) is runs[1]
    noise = lines_after(page.markdown(kept(*runs)), "## Noise")
    assert "| B2 | ours | 3 | 1 | 1.2 | 2 | 83 | 2026-11-24, abc | 1.2 |" in noise
    assert "| B2 | theirs | 3 | 9 | 10 | 30 | 210 | 2026-11-24, abc | 10 |" in noise


def test_widths_stay_until_several_runs_give_new_ones_and_a_run_outside_of_them_stands_out() -> None:
    once = measured.merged(kept(run(ours=1.0), run(ours=2.0)), kept(run(date="2026-12-01", ours=3.0)))

    assert "| B2 | ours | 2 | 1 | 1.5 | 2 | 67 | 2026-11-24, abc | *3* |" in lines_after(
        page.markdown(once), "## Noise"
    )


def test_what_is_merged_replaces_its_own_benchmark_only_in_the_order_of_all() -> None:
    before = kept(run("B1", ours=1.0), run("B8", ours=1.0), run("B8", ours=2.0))

    now = measured.merged(before, kept(run("B8", date="2026-12-01", ours=3.0), run("B2", ours=1.0)))

    assert [(r.number, r.date) for r in now.runs] == [("B1", "2026-11-24"), ("B2", "2026-11-24"), ("B8", "2026-12-01")]


def test_figures_of_two_machines_do_not_come_onto_one_page() -> None:
    elsewhere = replace(kept(run("B8")), versions={"PowerDNS": "5.0.1"})

    with pytest.raises(OtherMachineError, match=r"PowerDNS was 4\.7\.3 and is 5\.0\.1"):
        measured.merged(kept(run("B1")), elsewhere)
    assert measured.merged(kept(run("B8")), elsewhere) == elsewhere


def test_what_is_kept_is_read_again_to_the_microsecond(tmp_path: Path) -> None:
    before = kept(run(ours=1.0), run(ours=2.0))

    measured.write(before, tmp_path / "docs" / "measured.json")

    again = measured.read(tmp_path / "docs" / "measured.json")
    assert again.runs[0].samples == {"PATCH": [0.001235]}
    assert page.markdown(again) == page.markdown(before)


@pytest.fixture
def benchmark_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(bench, "PROJECT", tmp_path)
    for name, source in {"failing": FAILING, "crashing": CRASHING_AT_ITS_END, "broken": BROKEN}.items():
        (tmp_path / f"{name}_benchmark.py").write_text(source, encoding="utf-8")


def measure(monkeypatch: pytest.MonkeyPatch, **modules: str) -> int:
    for name, module in modules.items():
        monkeypatch.setitem(BENCHMARKS, name, Benchmark(module, "given"))
    return bench.measure(list(modules), 1, write=True, command="make bench")


@pytest.mark.usefixtures("benchmark_of")
def test_where_a_check_fails_it_is_told_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measure(monkeypatch, B1="crashing_benchmark", B2="failing_benchmark", B3="broken_benchmark") == 1

    said = " ".join(capsys.readouterr().out.split())
    assert "B2: its own check failed, so its figures mean nothing: one record [is] missing" in said
    assert "B3: broken_benchmark ended with exit code 3 and no report" in said
    assert "B1 small" in said
    assert not (tmp_path / "docs").exists()


@pytest.mark.usefixtures("benchmark_of")
def test_a_process_that_crashes_after_its_report_has_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_apart.run("crashing_benchmark").checked == ["all"]


def test_what_runs_is_named_however_it_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[object] = []

    def take(names: list[str], runs: int, *, write: bool, command: str) -> int:
        asked.append((names, runs, write, command))
        return 0

    monkeypatch.setattr(bench, "measure", take)

    bench.main(["b8", "B2", "B8", "--runs", "3"])
    bench.main([])
    with pytest.raises(SystemExit):
        bench.main(["B9"])

    assert asked == [
        (["B8", "B2"], 3, False, 'make bench ARGS="b8 B2 B8 --runs 3"'),
        (list(BENCHMARKS), 1, True, "make bench"),
    ]
    assert "there is no 'B9', but B1, B2" in capsys.readouterr().err


def test_the_same_figures_give_the_same_plot_with_the_sizes_that_were_measured(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="of the extra `bench`, which `make bench` installs")

    for file in ("one.svg", "two.svg"):
        draw(PLOT, tmp_path / file)

    drawn = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert drawn == (tmp_path / "two.svg").read_text(encoding="utf-8")
    assert all(f">{text}</text>" in drawn for text in ("Time by size", "rrsets", "ms", "ours", "100", "1,000"))
