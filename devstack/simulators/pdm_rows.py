"""PDM's rows, one for each (pool, subdomain): absent, reserved or active.

The real one keeps them in PostgreSQL, this one in memory and in a JSON file.
"""

import json
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

REFUSALS = {
    "token-mismatch": (403, "this token is not of the present reservation"),
    "not-found": (404, "nobody holds this name"),
    "already-active": (409, "the name went into use before"),
    "conflict": (409, "the name is held or in use"),
    "reservation-expired": (410, "the hold on this name ran out before its commit came"),
}


class RefusalError(Exception):
    """A call that PDM answers with an error: HTTP status, error word, and detail for people."""

    def __init__(self, status: int, error: str, detail: str | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.detail = detail

    @classmethod
    def of(cls, error: str) -> "RefusalError":
        """Return the refusal with this error word of ``REFUSALS``."""
        status, detail = REFUSALS[error]
        return cls(status, error, detail)


@dataclass(slots=True)
class Row:
    """One allocation. Times are in UTC; an active row has no expiry and no token."""

    pool: str
    subdomain: str
    state: str
    reserved_at: datetime
    created_by: str
    expires_at: datetime | None = None
    sovereign_fqdn: str | None = None
    load_balancer_ip: str | None = None
    token: str | None = None

    @property
    def expired(self) -> bool:
        """Whether it is a reservation past its time."""
        return self.state == "reserved" and self.expires_at is not None and self.expires_at < datetime.now(UTC)

    def obstacle(self, token: str) -> str | None:
        """Return the error word of a commit with this token; None when nothing is in its way.

        Where several apply, the first is what PDM tells.
        """
        in_the_way = {
            "already-active": self.state == "active",
            "reservation-expired": self.expired,
            "token-mismatch": self.token is None or self.token != token.lower(),
        }
        return next((error for error, applies in in_the_way.items() if applies), None)

    def as_json(self) -> dict[str, str]:
        """Return the allocation as PDM's API shows it: empty fields are left out, times have no fractions."""
        shown = {
            "poolDomain": self.pool,
            "subdomain": self.subdomain,
            "state": self.state,
            "reservedAt": _rfc3339(self.reserved_at),
            "createdBy": self.created_by,
            "expiresAt": _rfc3339(self.expires_at) if self.expires_at else None,
            "sovereignFQDN": self.sovereign_fqdn,
            "loadBalancerIP": self.load_balancer_ip,
            "reservationToken": self.token,
        }
        return {field: value for field, value in shown.items() if value}


class Rows:
    """All rows, kept in a file when one is given, so that they survive a restart."""

    def __init__(self, reservation: timedelta, file: Path | None = None) -> None:
        self._reservation = reservation
        self._file = file
        self._rows: dict[tuple[str, str], Row] = {}
        if file is not None and file.exists():
            for data in json.loads(file.read_text()):
                self._rows[data["pool"], data["subdomain"]] = _row_from_file(data)

    def get(self, pool: str, subdomain: str) -> Row | None:
        """Return the row, expired or not."""
        return self._rows.get((pool, subdomain))

    def pools(self) -> list[str]:
        """Return the pools that hold a row."""
        return sorted({pool for pool, _ in self._rows})

    def of_pool(self, pool: str) -> list[Row]:
        """Return a pool's rows by subdomain; expired ones stay until they are swept."""
        return sorted((row for row in self._rows.values() if row.pool == pool), key=lambda row: row.subdomain)

    def expired(self, pool: str | None = None) -> list[Row]:
        """Return the reservations past their time, of one pool or of all."""
        return [row for row in self._rows.values() if row.expired and pool in (None, row.pool)]

    def put(self, row: Row) -> None:
        """Write a row, whatever was there."""
        self._rows[row.pool, row.subdomain] = row
        self._save()

    def remove(self, pool: str, subdomain: str) -> Row | None:
        """Delete a row and return it; None when there was none."""
        row = self._rows.pop((pool, subdomain), None)
        self._save()
        return row

    def reserve(self, pool: str, subdomain: str, created_by: str) -> Row:
        """Insert a reservation; one that has expired gives way.

        Raises:
            RefusalError: 409, reserved or active already.
        """
        taken = self.get(pool, subdomain)
        if taken is not None and not taken.expired:
            raise RefusalError.of("conflict")
        now = datetime.now(UTC)
        row = Row(
            pool,
            subdomain,
            "reserved",
            now,
            created_by,
            expires_at=now + self._reservation,
            token=str(uuid.uuid4()),
        )
        self.put(row)
        return row

    def commit(self, pool: str, subdomain: str, token: str, sovereign_fqdn: str, load_balancer_ip: str) -> Row:
        """Make a reservation active.

        Raises:
            RefusalError: 404 no row, 409 active already, 410 expired, 403 another token.
        """
        row = self.get(pool, subdomain)
        if row is None:
            raise RefusalError.of("not-found")
        if obstacle := row.obstacle(token):
            raise RefusalError.of(obstacle)
        active = replace(
            row,
            state="active",
            expires_at=None,
            token=None,
            sovereign_fqdn=sovereign_fqdn,
            load_balancer_ip=load_balancer_ip,
        )
        self.put(active)
        return active

    def _save(self) -> None:
        if self._file is None:
            return
        written = self._file.with_suffix(".new")
        written.write_text(json.dumps([asdict(row) for row in self._rows.values()], default=datetime.isoformat))
        written.replace(self._file)


def _row_from_file(data: dict[str, Any]) -> Row:
    expires = data.pop("expires_at")
    reserved = datetime.fromisoformat(data.pop("reserved_at"))
    return Row(**data, reserved_at=reserved, expires_at=datetime.fromisoformat(expires) if expires else None)


def _rfc3339(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
