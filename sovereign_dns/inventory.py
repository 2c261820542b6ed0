"""What is known to be ours beside the zones themselves: addresses, networks, pool names, and who is no longer there.

Pure. Whoever reads it answers with an `Inventory`; what the owner comments in the zones say is added by the audit.
"""

import ipaddress
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol, Self

from sovereign_dns.audit_contract import AuditRequest, InventorySource, SourceRead
from sovereign_dns.wire import Message


class OwnedAddress(Message):
    """One address that is ours; `label` says what has it: `load balancer lb-otech5 (project prod)`."""

    address: str
    source: InventorySource
    label: str


class OwnedNetwork(Message):
    """A network all of whose addresses are ours (CIDR)."""

    network: str
    source: InventorySource
    label: str


class PoolRow(Message):
    """A name that PDM holds, reserved or active. Its address is ours too, where PDM knows one."""

    pool: str
    subdomain: str
    state: str
    sovereign_fqdn: str | None = None
    load_balancer_ip: str | None = None


class GoneSovereign(Message):
    """A Sovereign whose last lifecycle run took it away; `workflow_id` and `run_id` name that run."""

    sovereign_fqdn: str
    workflow_id: str
    run_id: str
    at: datetime


class Inventory(Message):
    """All of it. Each source stands in `sources` once: a source that is not there was not asked.

    `live` are Sovereigns that Temporal knows as provisioned or being so. A source that could not be read leaves its
    part empty and says so in `sources`; the audit then calls nothing an orphan.
    """

    addresses: list[OwnedAddress] = []
    networks: list[OwnedNetwork] = []
    pools: list[str] = []
    pool_rows: list[PoolRow] = []
    live: list[str] = []
    gone: list[GoneSovereign] = []
    sources: list[SourceRead] = []

    def changed(self, **values: Any) -> Self:
        """A copy with some fields replaced, and without what was looked up in the old ones."""
        return type(self)(**({name: getattr(self, name) for name in type(self).model_fields} | values))

    @property
    def is_partial(self) -> bool:
        """Whether something that was asked could not be read."""
        return any(read.state == "unreadable" for read in self.sources)

    def has_read(self, source: InventorySource) -> bool:
        """Whether what is missing in this source is known to be missing."""
        return any(read.source == source and read.state == "read" for read in self.sources)

    def owner_of(self, address: str) -> str | None:
        """What has an address, in words; None where nobody is known to."""
        try:
            value = ipaddress.ip_address(address)
        except ValueError:
            return None
        label = self._labels.get(str(value))
        if label is not None:
            return label
        networks = (
            ipaddress.ip_network((value, length), strict=False)
            for length in self._prefix_lengths
            if length <= value.max_prefixlen
        )
        return next((self._networks[network] for network in networks if network in self._networks), None)

    def pool_row(self, name: str) -> PoolRow | None:
        """PDM's row of a name such as `otech5.omani.works`."""
        return self._rows.get(name)

    def gone_sovereign(self, fqdn: str) -> GoneSovereign | None:
        """The Sovereign, where its last run took it away."""
        return self._gone.get(fqdn)

    @cached_property
    def _labels(self) -> dict[str, str]:
        of_rows = {
            _canonical(row.load_balancer_ip): f"pool name {row.subdomain}.{row.pool}"
            for row in self.pool_rows
            if row.load_balancer_ip
        }
        return of_rows | {_canonical(owned.address): owned.label for owned in self.addresses}

    @cached_property
    def _networks(self) -> dict[ipaddress.IPv4Network | ipaddress.IPv6Network, str]:
        return {ipaddress.ip_network(owned.network): owned.label for owned in self.networks}

    @cached_property
    def _prefix_lengths(self) -> list[int]:
        """A project has thousands of networks, and a zone more addresses: they are looked up, not gone through."""
        return sorted({network.prefixlen for network in self._networks}, reverse=True)

    @cached_property
    def _rows(self) -> dict[str, PoolRow]:
        return {f"{row.subdomain}.{row.pool}": row for row in self.pool_rows}

    @cached_property
    def _gone(self) -> dict[str, GoneSovereign]:
        return {gone.sovereign_fqdn: gone for gone in self.gone}


class InventoryReader(Protocol):
    """Who knows what is ours."""

    async def read(self, request: AuditRequest, zones: list[str], *, tell_outages: bool = True) -> Inventory:
        """All sources that the request asks for, each failure told in `sources`.

        `zones` are those that PowerDNS hosts, without their dots: a pool is one of them. With `tell_outages` off, what
        a further try may mend is raised instead.
        """
        ...


def _canonical(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address
