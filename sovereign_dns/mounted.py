"""Settings by value or by file. A file is read afresh at each use, so that mending a mounted one needs no restart."""

import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr


class UnusableURLError(Exception):
    """There is no usable URL now; the message says what to do."""


@dataclass(frozen=True)
class MountedValue:
    """A setting by value or by file; the file counts first."""

    name: str
    value: str | SecretStr | None = None
    file: Path | None = None

    @property
    def where(self) -> str:
        """Where a person finds it, for error messages."""
        return f"the file {self.file} ({self.name}_FILE)" if self.file else f"the variable {self.name}"

    def how_to_mend(self, what: str) -> str:
        """What a person does where it is wrong; `what` it is, as a sentence goes on after "the right"."""
        _, trouble = self._look()
        return self._mended_by(what, trouble)

    def _mended_by(self, what: str, trouble: str | None) -> str:
        if self.file is not None:
            now = f", which {trouble}" if trouble else ""
            return f"put the right {what} into {self.where}{now}; the next attempt reads it afresh"
        return (
            f"set {self.where} to the right {what} and restart the worker, or name a file in {self.name}_FILE, which "
            "is read afresh at each use"
        )

    def _look(self) -> tuple[str, str | None]:
        """The text as it is now, and what is wrong with it where there is none."""
        if self.file is None:
            given = self.value.get_secret_value() if isinstance(self.value, SecretStr) else self.value
            text = (given or "").strip()
            return text, None if text else "is empty"
        try:
            text = self.file.read_text(encoding="utf-8").strip()
        except OSError as error:
            return "", f"can't be read ({error.strerror})"
        except ValueError:
            return "", "can't be read (it is no UTF-8 text)"
        return text, None if text else "is empty"


@dataclass(frozen=True)
class MountedURL(MountedValue):
    """The URL of a server."""

    def read(self) -> str:
        """The URL as it is now, without a slash at its end.

        Raises:
            UnusableURLError: there is none, or what is there is no URL.
        """
        text, trouble = self._look()
        try:
            return checked_url(text)
        except ValueError as error:
            raise UnusableURLError(self._mended_by("URL", trouble or str(error))) from None


def checked_url(text: str) -> str:
    """The URL without a slash at its end.

    Raises:
        ValueError: it is none; as a sentence goes on after its place. The text itself could hold a password.
    """
    try:
        parts = urllib.parse.urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(character.isspace() or not character.isprintable() for character in text):
        raise ValueError("holds no URL such as http://host:8081")
    return text.rstrip("/")
