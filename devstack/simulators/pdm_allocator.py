"""PDM's life of a name: each change of a row together with its DNS, in PDM's order.

A row changes first and its DNS after that, so a failure in between leaves what the real one leaves.
"""

import asyncio
import logging
from contextlib import suppress

from devstack.simulators.faults import Faults, Target
from devstack.simulators.pdm_powerdns import DNSWriteError, PoolDNS
from devstack.simulators.pdm_rows import RefusalError, Row, Rows

# fmt: off
RESERVED_LABELS = (
    "admin", "api", "app", "catalyst", "console", "docs", "flux", "gitea", "harbor", "imap", "k8s",
    "keycloak", "mail", "openbao", "openova", "smtp", "status", "system", "vault", "vpn", "www",
)
# fmt: on
WHY_NOT = {
    "unsupported-pool": "OpenOva runs no pool of the name {pool}; a domain of your own needs none",
    "reserved": "the platform keeps {label} for itself; choose another label",
    "reserved-state": "a deployment that is under way holds {label}; it may be free again within minutes",
    "active-state": "a Sovereign uses {label}; choose another label",
}
FAULT_KINDS = frozenset({"dns-write-fails", "signing-fails"})

log = logging.getLogger(__name__)


class Allocator:
    """Reserve, commit and release names, and sweep what has expired.

    Args:
        rows: The rows.
        dns: The pool's zones.
        faults: Where ``dns-write-fails`` and ``signing-fails`` come from.
        managed: The managed pool domains; None takes every zone that PowerDNS hosts for one.
    """

    def __init__(self, rows: Rows, dns: PoolDNS, faults: Faults, managed: frozenset[str] | None = None) -> None:
        self._rows = rows
        self._dns = dns
        self._faults = faults
        self._managed = managed

    def managed_domains(self) -> list[str]:
        """Return the configured pool domains, else those that hold a row."""
        return sorted(self._managed) if self._managed is not None else self._rows.pools()

    async def check(self, pool: str, subdomain: str) -> dict[str, object]:
        """Tell whether a well-formed label is free, and why not."""
        impossible = None
        if not await self._is_managed(pool):
            impossible = "unsupported-pool"
        elif subdomain in RESERVED_LABELS:
            impossible = "reserved"
        row = self._rows.get(pool, subdomain)
        taken = f"{row.state}-state" if row is not None and not row.expired else None
        reason = impossible or taken
        verdict: dict[str, object] = {"available": reason is None}
        if reason is not None:
            verdict |= {"reason": reason, "detail": WHY_NOT[reason].format(pool=pool, label=subdomain)}
        return verdict if impossible else verdict | {"fqdn": f"{subdomain}.{pool}"}

    async def reserve(self, pool: str, subdomain: str, created_by: str) -> Row:
        """Take a free name: row, child zone, delegation, signature.

        Raises:
            RefusalError: 422 unmanaged pool, 409 taken, 500 for a label on the reserved list (for ever) and for
                failures of the DNS. A failed signature leaves the row; the others undo it.
        """
        await self._insist_on_managed(pool)
        if subdomain in RESERVED_LABELS:
            raise RefusalError(500, f"{subdomain} is one of the labels that nobody may claim")
        row = self._rows.reserve(pool, subdomain, created_by)
        child = f"{subdomain}.{pool}"
        target = Target("reserve", pool, subdomain)
        try:
            self._fail_dns(target, "dns-write-fails")
            await self._dns.create_child_zone(pool, child)
        except DNSWriteError as error:
            with suppress(DNSWriteError):
                await self._dns.delete_child_zone(pool, child)
            self._rows.remove(pool, subdomain)
            raise RefusalError(500, f"no zone or no delegation for {child}: {error}") from error
        try:
            self._fail_dns(target, "signing-fails")
            await self._dns.sign(child)
        except DNSWriteError as error:
            raise RefusalError(500, f"{child} is left unsigned: {error}") from error
        return row

    async def commit(
        self, pool: str, subdomain: str, token: str, sovereign_fqdn: str, load_balancer_ip: str
    ) -> tuple[Row, str | None]:
        """Turn a reservation active, then write its records.

        Returns:
            The active row, and why its DNS was not written (PDM then answers 202); None when it was.

        Raises:
            RefusalError: 422 unmanaged pool, and those of ``Rows.commit``.
        """
        await self._insist_on_managed(pool)
        row = self._rows.commit(pool, subdomain, token, sovereign_fqdn, load_balancer_ip)
        try:
            self._fail_dns(Target("commit", pool, subdomain), "dns-write-fails")
            await self._dns.write_records(f"{subdomain}.{pool}", load_balancer_ip)
        except DNSWriteError as error:
            return row, f"the six A rrsets were refused: {error}"
        return row, None

    async def release(self, pool: str, subdomain: str) -> tuple[Row, str | None]:
        """Delete a row, whatever its state, with its zone and delegation.

        Returns:
            The freed row, and why its DNS was not cleaned up (PDM then answers 202); None when it was.

        Raises:
            RefusalError: 422 unmanaged pool, 404 no row.
        """
        await self._insist_on_managed(pool)
        row = self._rows.remove(pool, subdomain)
        if row is None:
            raise RefusalError.of("not-found")
        try:
            self._fail_dns(Target("release", pool, subdomain), "dns-write-fails")
            await self._dns.delete_child_zone(pool, f"{subdomain}.{pool}")
        except DNSWriteError as error:
            return row, f"zone or delegation is left behind: {error}"
        return row, None

    async def list(self, pool: str) -> list[Row]:
        """Return a pool's rows, the unswept ones too.

        Raises:
            RefusalError: 422 unmanaged pool.
        """
        await self._insist_on_managed(pool)
        return self._rows.of_pool(pool)

    async def sweep(self, pool: str | None = None) -> int:
        """Delete expired reservations and their zones, of one pool or of all; return how many."""
        swept = self._rows.expired(pool)
        for row in swept:
            try:
                await self._dns.delete_child_zone(row.pool, f"{row.subdomain}.{row.pool}")
            except DNSWriteError as error:
                # PDM gives the row up all the same, and so leaves the zone behind.
                log.warning("sweep of %s.%s left DNS behind: %s", row.subdomain, row.pool, error)
            if self._rows.get(row.pool, row.subdomain) is row:
                self._rows.remove(row.pool, row.subdomain)
        return len(swept)

    async def sweep_for_ever(self, interval: float) -> None:
        """Sweep every ``interval`` seconds until cancelled."""
        while True:
            await asyncio.sleep(interval)
            await self.sweep()

    async def _is_managed(self, pool: str) -> bool:
        if self._managed is not None:
            return pool in self._managed
        try:
            return await self._dns.hosts(pool)
        except DNSWriteError:
            return True  # the real one knows its pools without asking PowerDNS

    async def _insist_on_managed(self, pool: str) -> None:
        if not await self._is_managed(pool):
            raise RefusalError(422, "unsupported-pool", WHY_NOT["unsupported-pool"].format(pool=pool))

    def _fail_dns(self, target: Target, kind: str) -> None:
        if self._faults.take(target, [kind]):
            raise DNSWriteError("a simulated failure of PowerDNS")
