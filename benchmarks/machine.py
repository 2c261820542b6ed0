"""What was measured on, and with which versions; nothing that names this machine or who uses it."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from devstack.errors import ProgramMissingError
from devstack.programs import PROJECT, find_program

_PACKAGES = {
    "temporalio": "Temporal's Python SDK",
    "httpx": "httpx",
    "dnspython": "dnspython",
    "octodns": "octoDNS",
    "octodns-powerdns": "octoDNS' PowerDNS provider",
}
_PROGRAMS = {
    "temporal": "Temporal",
    "pdns_server": "PowerDNS",
    "pdns_recursor": "PowerDNS Recursor",
    "dig": "dig",
}
_ABSENT = "not installed"


def machine() -> dict[str, str]:
    """The processor, the memory and the system."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "CPU": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory / 2**30:.0f} GiB",
        "system": platform.freedesktop_os_release()["PRETTY_NAME"],
        "kernel": f"{platform.system()} {platform.release()}",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def versions() -> dict[str, str]:
    """Of all that takes part."""
    programs = {title: _version_of_program(program) for program, title in _PROGRAMS.items()}
    packages = {title: _version_of_package(package) for package, title in _PACKAGES.items()}
    return {"Python": platform.python_version()} | programs | packages


def _version_of_program(program: str) -> str:
    try:
        path = find_program(program, "")
    except ProgramMissingError:
        return _ABSENT
    option = "-v" if program == "dig" else "--version"
    done = subprocess.run([path, option], capture_output=True, text=True, check=False)  # noqa: S603 (found by its name)
    said = done.stdout + done.stderr
    if server := re.search(r"\(Server (\S+?),", said):
        return f"server {server[1]}"
    found = re.search(r"\d+\.\d+(\.\d+)?", said)
    return found[0] if found else "unknown"


def _version_of_package(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return _ABSENT


def commit() -> str:
    """The short id of what is checked out, and whether it was changed since; what this writes is no change."""
    head = _git("rev-parse", "--short=10", "HEAD")
    if not head:
        return "not from a git checkout"
    changed = _git("status", "--porcelain", "--", ".", ":!docs/benchmarks", ":!docs/benchmarks.md")
    return f"{head} and changes" if changed else head


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603, S607 (read only)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def today() -> str:
    """The date, in UTC."""
    return datetime.now(UTC).date().isoformat()
