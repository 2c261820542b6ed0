"""A recursor that validates one zone, and what lies below it."""

from pathlib import Path

from devstack.ports import free_port
from devstack.recursor import Recursor

NOBODYS_KEY = f"12345 13 2 {'ab' * 32}"


class ValidatingRecursor(Recursor):
    """Takes a zone's data for forged unless they are signed by the key of this DS."""

    def __init__(self, state: Path, forward_to: str, zone: str, ds: str) -> None:
        super().__init__(state, free_port(), forward_to)
        self._trust = self.folder() / "trust.lua"
        self._anchor = f"addTA('{zone}', '{ds}')"

    def command(self) -> list[str]:
        return [*super().command(), "--dnssec=validate", f"--lua-config-file={self._trust}"]

    def prepare(self) -> None:
        super().prepare()
        self._trust.write_text(f"clearTA('.')\n{self._anchor}\n", encoding="utf-8")
