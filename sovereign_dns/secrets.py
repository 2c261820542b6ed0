"""Secrets: settings that are never shown."""

from dataclasses import dataclass

from pydantic import SecretStr

from sovereign_dns.mounted import MountedValue


@dataclass(frozen=True)
class Secret(MountedValue):
    """A secret by value or by file. Its text is never shown by `repr` or `str`."""

    value: SecretStr | None = None

    def read(self) -> str:
        """The secret as it is now, or an empty string where there is none."""
        text, _ = self._look()
        return text
