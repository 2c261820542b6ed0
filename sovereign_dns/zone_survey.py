"""What all zones together say, before any rrset is judged: who lives where, and at which addresses. Pure.

It grows with the Sovereigns and their zones, and not with the records.
"""

from dataclasses import dataclass, field

from sovereign_dns import names
from sovereign_dns.inventory import Inventory
from sovereign_dns.rrsets import RRset, canonical_content


@dataclass
class Survey:
    """Filled name by name.

    Attributes:
        zones: every hosted zone.
        inventory: what is known besides.
        owners: the Sovereigns that a comment names, and that are not known to be gone.
        addresses: where they are served, and whose each address is.
        hosts: the names at which live Sovereigns are served, and whose they are.
        nameservers: each zone's own.
        made_by_us: zones whose NS set, at the apex or at the cut above, names an owner.
    """

    zones: set[str]
    inventory: Inventory
    owners: set[str] = field(default_factory=set)
    addresses: dict[str, set[str]] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)
    nameservers: dict[str, frozenset[str]] = field(default_factory=dict)
    made_by_us: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for fqdn in self.inventory.live:
            self.hosts[fqdn] = fqdn
        for row in self.inventory.pool_rows:
            name = f"{row.subdomain}.{row.pool}"
            self.hosts[name] = row.sovereign_fqdn or name

    def see(self, zone: str, name: str, rrsets: list[RRset]) -> None:
        """Takes up one name of a zone."""
        for rrset in rrsets:
            if rrset.type == "NS":
                self._see_nameservers(zone, name, rrset)
            owner = rrset.owner
            if owner is not None and self.inventory.gone_sovereign(owner.sovereign_fqdn) is None:
                self._see_owned(name, rrset, owner.sovereign_fqdn)

    def _see_nameservers(self, zone: str, name: str, rrset: RRset) -> None:
        if rrset.owner is not None:
            self.made_by_us.add(name)
        if name == zone:
            self.nameservers[zone] = frozenset(server.lower() for server in rrset.served)

    def _see_owned(self, name: str, rrset: RRset, fqdn: str) -> None:
        self.owners.add(fqdn)
        if rrset.type not in {"A", "AAAA"}:
            return
        if host := _host_of(name, fqdn):
            self.hosts[host] = fqdn
        if rrset.is_as_written is not False:  # else somebody else has put it there, under the Sovereign's name
            for content in rrset.served:
                self.addresses.setdefault(canonical_content(rrset.type, content), set()).add(fqdn)

    def owner_of_address(self, address: str) -> str | None:
        """Whose an address is, in words; None where nobody is known to have it."""
        owners = self.addresses.get(address)
        return f"Sovereign {min(owners)}" if owners else self.inventory.owner_of(address)

    def is_known_to_be_anothers(self, address: str, host: str, sovereign_fqdn: str) -> bool:
        """Whether an address is other Sovereigns' alone, by comments, where the one's at this host are known too."""
        row = self.inventory.pool_row(host)
        if sovereign_fqdn not in self.owners or (row is not None and row.load_balancer_ip == address):
            return False
        owners = self.addresses.get(address, set())
        return bool(owners) and sovereign_fqdn not in owners

    def zone_that_answers(self, name: str) -> str | None:
        """The hosted zone whose records for a name are served."""
        return names.longest_hosted_suffix(name.removeprefix("*."), self.zones)

    def answered_by_wildcard_at(self) -> dict[str, str]:
        """Where a wildcard directly below would answer for Sovereigns, and for whom, in words."""
        found: dict[str, str] = {}
        for host in self.hosts:
            for ancestor in names.lineage(host)[1:]:
                found.setdefault(ancestor, f"Sovereigns live below it, such as {host}")
        for host, fqdn in self.hosts.items():
            found.setdefault(host, f"Sovereign {fqdn} is served there")
        for pool in self.inventory.pools:
            found[pool] = f"PDM hands out names below it, as pool {pool}"
            for ancestor in names.lineage(pool)[1:]:
                found.setdefault(ancestor, f"the pool {pool} lies below it")
        return found


def _host_of(name: str, fqdn: str) -> str | None:
    """The host to which an owned name belongs: the FQDN, or its first label under another parent domain."""
    if names.is_at_or_below(name, fqdn):
        return fqdn
    label = fqdn.partition(".")[0]
    return next((ancestor for ancestor in reversed(names.lineage(name)) if ancestor.partition(".")[0] == label), None)
