"""docs/runbook.md is complete, true to the code in what it can be, and found wherever `explain` looks for it."""

import ast
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli import explaining
from cli.main import app
from sovereign_dns import runbook
from tests.runbook_page import PAGE, PROJECT, commands, fences, headings

ENTRIES = explaining.entries_of(PAGE)
KNOWN = [*runbook.error_types(), *runbook.HAZARD_KINDS, *runbook.FINDING_KINDS, *runbook.PHASES, *runbook.FROM_TEMPORAL]
PARTS = ["Meaning", "Looks like", "Do", "Mended when"]


def test_what_a_person_may_see_has_an_entry_and_nothing_else_has() -> None:
    assert sorted(ENTRIES) == sorted(KNOWN)


def test_no_error_type_is_unknown_to_the_runbook() -> None:
    """Those that workflows and activities name themselves, wherever they do."""
    sources = [path for folder in ("workflows", "activities") for path in (PROJECT / folder).glob("*.py")]
    named = {name for path in sources for name in re.findall(r'type="(\w+)"', path.read_text(encoding="utf-8"))}
    assert named
    assert named <= set(runbook.error_types())


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_has_every_part(name: str) -> None:
    parts = explaining.parts_of(ENTRIES[name])
    assert list(parts) == PARTS
    assert all(parts.values())
    assert len(fences(parts["Looks like"], "text")) == 1
    assert len(fences(parts["Do"], "sh")) == 1
    assert not parts["Do"].startswith("```"), "what to do is said before the commands"


def pieces_of_messages() -> set[str]:
    """What the code writes literally, between the values that it fills in."""
    pieces = set()
    for folder in ("sovereign_dns", "activities", "workflows", "cli"):
        for path in (PROJECT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    pieces.add(node.value.replace("**", "").strip())
    return {piece for piece in pieces if len(piece) >= 12}


PIECES = pieces_of_messages()


@pytest.mark.parametrize("name", [name for name in ENTRIES if name not in runbook.FROM_TEMPORAL])
def test_an_entry_shows_messages_as_the_code_makes_them(name: str) -> None:
    (block,) = fences(explaining.parts_of(ENTRIES[name])["Looks like"], "text")
    for shown in block.strip().split("\n\n"):
        message = " ".join(shown.split())
        assert any(piece in message for piece in PIECES), message
        if name in runbook.error_types():
            assert message.startswith(f"{name}: ")


def test_every_link_within_the_page_leads_somewhere() -> None:
    anchors = [runbook.anchor(title) for title in headings(PAGE)]
    assert len(set(anchors)) == len(anchors), "two headings with one anchor"
    linked = re.findall(r"\]\(#([^)]*)\)", PAGE)
    assert linked
    assert set(linked) <= set(anchors)


def test_links_to_the_page_lead_somewhere() -> None:
    anchors = {runbook.anchor(title) for title in headings(PAGE)}
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert "(docs/runbook.md)" in readme
    assert set(re.findall(r"docs/runbook\.md#([^)]*)\)", readme)) <= anchors
    assert {runbook.pointer(name, "https://x/y").partition("#")[2].rstrip(")") for name in KNOWN} <= anchors


@pytest.mark.parametrize("line", commands("sovereign-dns"))
def test_every_command_line_is_one_that_the_program_takes(line: str) -> None:
    _, *arguments = shlex.split(line, comments=True)
    group = typer.main.get_command(app)
    with group.make_context("sovereign-dns", arguments) as context:
        _, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])  # type: ignore[attr-defined]
        command.make_context(command.name, rest, parent=context)


def test_no_command_line_would_misdirect_a_sovereign_that_has_another_address() -> None:
    """`--again` keeps what was asked for."""
    typed = [shlex.split(line, comments=True) for line in commands("sovereign-dns")]
    on_a_request = [words for words in typed if words[1] in {"provision", "plan", "verify"}]
    assert {words[1] for words in on_a_request} == {"provision", "plan", "verify"}
    assert [words for words in on_a_request if "--again" not in words or "--ip" in words] == []


def test_the_list_of_contents_leads_to_every_part() -> None:
    contents = PAGE.partition("## First")[0]
    parts = re.findall(r"^## (.+)$", PAGE, flags=re.MULTILINE)
    assert {runbook.anchor(part) for part in parts} <= set(re.findall(r"\]\(#([^)]*)\)", contents))


def explain(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["explain", *arguments])
    return result.exit_code, result.output


@pytest.mark.parametrize(
    "asked", ["PowerDNSUnavailable", "powerdnsunavailable", "PowerDNSUnavailable: PowerDNS at http://x doesn't answer"]
)
def test_an_entry_is_printed_as_it_stands(asked: str) -> None:
    assert explain(asked) == (0, ENTRIES["PowerDNSUnavailable"] + "\n")


@pytest.mark.parametrize(
    ("asked", "meant"),
    [("PowerDNSUnavialable", "PowerDNSUnavailable"), ("heartbeat", "HeartbeatTimeout"), ("stale", "stale-wildcard")],
)
def test_what_is_not_quite_an_entry_names_those_that_are_near(asked: str, meant: str) -> None:
    code, told = explain(asked)
    assert code == 2
    assert meant in told


def test_what_is_like_no_entry_leads_to_the_list() -> None:
    code, told = explain("xyzzy")
    assert code == 2
    assert "all entries" in told


def test_without_an_argument_all_are_listed_with_what_they_mean() -> None:
    code, told = explain()
    assert code == 0
    assert [line.split()[0] for line in told.splitlines()] == list(ENTRIES)
    assert all(len(line.split()) > 4 for line in told.splitlines())


def test_on_a_terminal_an_entry_is_rendered() -> None:
    shown = subprocess.run(
        ["script", "-qec", f"{sys.executable} -m cli.main explain failed", "/dev/null"],
        cwd=PROJECT, capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    assert "Meaning:" in shown
    assert "**" not in shown
    assert "](#" not in shown


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=PROJECT, capture_output=True, check=True, timeout=100)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as opened:
        yield opened


def test_an_installed_program_finds_the_page(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    shown = subprocess.run(
        [sys.executable, "-m", "cli.main", "explain", "NoWorker"],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    assert shown == ENTRIES["NoWorker"] + "\n"
