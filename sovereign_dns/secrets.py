"""Secrets, read afresh at each use, so that rotating a mounted one needs no restart."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr


@dataclass(frozen=True)
class Secret:
    """A secret by value or by file. Its text is never shown by `repr` or `str`."""

    name: str
    value: SecretStr | None = None
    file: Path | None = None

    def read(self) -> str:
        """The secret as it is now, or an empty string where there is none."""
        if self.file is not None:
            try:
                return self.file.read_text(encoding="utf-8").strip()
            except OSError:
                return ""
        return self.value.get_secret_value().strip() if self.value else ""

    @property
    def where(self) -> str:
        """Where a person finds it, for error messages."""
        return f"the file {self.file} ({self.name}_FILE)" if self.file else f"the variable {self.name}"

    def how_to_mend(self, what: str) -> str:
        """What a person does where it is wrong; `what` it is, as a sentence goes on after "the right"."""
        if self.file is not None:
            return f"put the right {what} into {self.where}; the next attempt reads it afresh"
        return (
            f"set {self.where} to the right {what} and restart the worker, or name a file in {self.name}_FILE, which "
            "is read afresh at each use"
        )
