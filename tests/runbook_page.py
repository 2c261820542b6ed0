"""docs/runbook.md as tests take it apart: its headings, its blocks, and the commands that an operator may copy."""

import itertools
import re
from pathlib import Path

from markdown_it import MarkdownIt

PROJECT = Path(__file__).parent.parent
PAGE = (PROJECT / "docs" / "runbook.md").read_text(encoding="utf-8")


def fences(page: str, language: str) -> list[str]:
    """The content of every block in a language."""
    return [token.content for token in MarkdownIt().parse(page) if token.type == "fence" and token.info == language]


def headings(page: str) -> list[str]:
    tokens = MarkdownIt().parse(page)
    return [text.content for mark, text in itertools.pairwise(tokens) if mark.type == "heading_open"]


def commands(program: str) -> list[str]:
    """The page's lines that run a program, each once, in blocks and in the text."""
    in_blocks = [line for block in fences(PAGE, "sh") for line in block.splitlines()]
    in_text = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))
    return list(dict.fromkeys(line for line in in_blocks + in_text if line.startswith(f"{program} ")))
