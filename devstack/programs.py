"""Where the programs that the stack runs are on this machine."""

import os
import shutil
import sys
from pathlib import Path

from devstack.errors import ProgramMissingError

PROJECT = Path(__file__).resolve().parent.parent

# Debian leaves the folders of system daemons out of an ordinary user's PATH.
_DAEMON_FOLDERS = ("/usr/sbin", "/usr/local/sbin")


def find_program(name: str, remedy: str) -> str:
    """Return the path of a program: PATH first, then beside this Python, then where daemons live.

    Args:
        name: the program's file name.
        remedy: how to install it, for the message.

    Raises:
        ProgramMissingError: it is nowhere; the message carries the remedy.
    """
    folders = [os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent), *_DAEMON_FOLDERS]
    path = shutil.which(name, path=os.pathsep.join(folders))
    if path is None:
        raise ProgramMissingError(f"The program {name} is not installed. {remedy}")
    return path
