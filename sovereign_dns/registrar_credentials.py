"""Registrars' tokens: a file for each, in one folder, read afresh at each use and never kept."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from sovereign_dns.failures import RegistrarNotConfigured

SETTING = "CATALYST_REGISTRAR_CREDENTIALS_DIR"

LARGEST_FILE_OCTETS = 64 * 1024

_AFRESH = "The next attempt reads it afresh"


@dataclass(frozen=True)
class RegistrarToken:
    """A token, and the file that it was read from. `repr` and `str` don't show it."""

    secret: SecretStr
    file: Path


class RegistrarCredentials:
    """The folder with the tokens: a mounted secret, or a folder of files."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def token(self, reference: str) -> RegistrarToken:
        """The token in the file that a request names.

        Links are followed as long as they stay in the folder: a secret that Kubernetes mounts consists of them.

        Raises:
            RegistrarNotConfigured: there is no folder, no such file in it, or no token in that.
        """
        if self._folder is None:
            raise RegistrarNotConfigured(
                f"{SETTING} is not set on the worker, so that there is no token for credentialsRef {reference}: set it "
                "to the folder with a file for each registrar's token, and restart the worker"
            )
        file = self._folder / reference
        try:
            text = _read(file, within=self._folder)
        except OSError as error:
            raise _unusable(file, f"can't be read ({error.strerror or error})") from None
        except ValueError as error:
            raise _unusable(file, str(error)) from None
        return RegistrarToken(SecretStr(text), file)


def _read(file: Path, *, within: Path) -> str:
    """The text of a regular file within the folder, wherever links lead on the way.

    Raises:
        OSError: it can't be read.
        ValueError: what is there is no token; as a sentence goes on after its path. Never shows any of it.
    """
    try:
        place = file.resolve(strict=True)
    except RuntimeError:  # what Python before 3.13 makes of such a loop
        raise ValueError("is a link that leads to itself") from None
    if not place.is_relative_to(within.resolve(strict=True)):
        raise ValueError("is a link that leads out of the folder, and is not followed")
    # Not by way of a link that was put there meanwhile, and never waiting for a pipe.
    opened = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(opened, "rb") as stream:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise ValueError("is no file")
        content = stream.read(LARGEST_FILE_OCTETS + 1)
    if len(content) > LARGEST_FILE_OCTETS:
        raise ValueError(f"is larger than {LARGEST_FILE_OCTETS // 1024} KiB, which no token is")
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        raise ValueError("is no UTF-8 text") from None
    if not text:
        raise ValueError("is empty")
    return text


def _unusable(file: Path, trouble: str) -> RegistrarNotConfigured:
    return RegistrarNotConfigured(
        f"the file {file}, which the request names as registrar.credentialsRef, {trouble}: put the registrar's token "
        f"into it. {_AFRESH}; or cancel the run and start it again with the right credentialsRef"
    )
