"""PowerDNS' update log: every change of a record that its database has ever taken, noted by the database itself.

By triggers, within the very transaction: a change that was rolled back was never there.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_NOTE = (
    "INSERT INTO chaos_updates (at, change, zone, name, type, content) VALUES "
    "((julianday('now') - 2440587.5) * 86400.0, '{change}', "
    "(SELECT name FROM domains WHERE id = {row}.domain_id), {row}.name, {row}.type, {row}.content);"
)

_TABLE = """
CREATE TABLE IF NOT EXISTS chaos_updates (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, change TEXT NOT NULL,
    zone TEXT, name TEXT NOT NULL, type TEXT, content TEXT
);
"""


@dataclass(frozen=True)
class Update:
    """One record that came or went, in the order of the commits; `at` in seconds since the epoch.

    Names without their last dots. `zone` is None where the zone itself has gone before its records.
    """

    number: int
    at: float
    change: Literal["written", "removed"]
    zone: str | None
    name: str
    type: str
    content: str


def install(database: Path) -> None:
    """From now on every change is noted. Rectifying a zone changes no record's content, and is none."""
    triggers = "".join(
        f"CREATE TRIGGER IF NOT EXISTS chaos_noted_{number} AFTER {event} ON records "
        f"WHEN {row}.type IS NOT NULL "
        f"BEGIN {''.join(_NOTE.format(change=change, row=one) for one, change in notes)} END;"
        for number, (event, row, notes) in enumerate(
            [
                ("INSERT", "NEW", [("NEW", "written")]),
                ("DELETE", "OLD", [("OLD", "removed")]),
                ("UPDATE OF name, type, content", "NEW", [("OLD", "removed"), ("NEW", "written")]),
            ]
        )
    )
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        connection.executescript(_TABLE + triggers)


def read(database: Path) -> list[Update]:
    """All that was noted, in order."""
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        rows = connection.execute(
            "SELECT number, at, change, zone, lower(name), type, coalesce(content, '') FROM chaos_updates "
            "ORDER BY number"
        )
        return [Update(*row) for row in rows]
