"""What the documents tell their readers to type, so that tests run exactly that."""

import re
import shlex
from pathlib import Path

CHANGING_WORKFLOWS = Path(__file__).parent.parent / "docs" / "changing-workflows.md"


def named_code(document: Path) -> dict[str, str]:
    """The blocks of Python by the names in the comments above them, which a reader doesn't see."""
    found = re.findall(r"<!-- (\w+) -->\n```python\n(.*?)```", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    return dict(found)


def temporal_command(document: Path, *words: str, **replaced: str) -> list[str]:
    """The one `temporal` line that has these words, without its first; with other values for some of its options."""
    blocks = re.findall(r"```sh\n(.*?)```", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    commands = [shlex.split(line) for block in blocks for line in block.splitlines() if line.startswith("temporal ")]
    (found,) = [command[1:] for command in commands if set(words) <= set(command)]
    for option, value in replaced.items():
        found[found.index(f"--{option.replace('_', '-')}") + 1] = value
    return found
