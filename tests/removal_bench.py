"""A Sovereign's life on one PowerDNS, by the activities that write and remove, told what runs tell."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from activities.powerdns import PowerDNSActivities
from activities.removal import RemovalActivities
from sovereign_dns.clients.pdm import PDM
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.contract import Owner
from sovereign_dns.intent import NamingRules, derive_intent
from sovereign_dns.lifecycle_messages import FindRecords, FoundReport, FoundZone, RemoveRecords, RemoveZone
from sovereign_dns.lifecycle_requests import DeprovisionRequest
from sovereign_dns.messages import CreateZone, RecordsReport, UpsertRecords, ZoneReport
from sovereign_dns.mounted import MountedURL
from sovereign_dns.removal_intent import RemovalIntent, derive_removal
from sovereign_dns.secrets import Secret
from tests.attempts import Attempts
from tests.unit.builders import request

SERVERS = ["ns1.openova.io", "ns2.openova.io"]


def removals(powerdns: PowerDNS, *held: str) -> RemovalActivities:
    """What removes, with a PDM that holds the names with these labels, whatever the pool."""
    rows = [{"subdomain": label, "state": "reserved", "createdBy": "somebody"} for label in held]
    listing = httpx.MockTransport(lambda _: httpx.Response(200, json={"allocations": rows}))
    client, nobody = httpx.AsyncClient(transport=listing), Secret("NOBODY", None)
    return RemovalActivities(powerdns, PDM(client, MountedURL("URL", "http://pdm"), user=nobody, password=nobody))


@dataclass
class Life:
    """One Sovereign. `asked` is what provisioning and removal are both asked for, in the contract's words."""

    powerdns: PowerDNS
    fqdn: str
    asked: dict[str, Any] = field(default_factory=dict)
    deployment: str = "d1"

    @property
    def owner(self) -> Owner:
        return Owner(sovereign_fqdn=self.fqdn, deployment_id=self.deployment)

    async def provision(self, **fields: Any) -> RecordsReport:
        """Zones and records. Returns what became of the records of the last parent domain."""
        body = {"sovereignFQDN": self.fqdn, "deploymentId": self.deployment} | self.asked | fields
        intent = derive_intent(request(**body), NamingRules(nameservers=SERVERS))
        activities = PowerDNSActivities(self.powerdns)
        for domain in sorted(intent.domains, key=lambda domain: domain.domain.count(".")):
            await Attempts().until_done(activities.create_zone, self.creation(domain.domain, takeover=True))
        for domain in intent.domains:
            upsert = UpsertRecords(owner=intent.owner, intent=domain)
            report = await Attempts().until_done(activities.upsert_records, upsert)
        return report

    def creation(self, zone: str, **fields: Any) -> CreateZone:
        told = CreateZone(owner=self.owner, domain=zone, nameservers=SERVERS, may_create=True)
        return told.changed(**fields)

    def intent(self, rules: NamingRules | None = None, **fields: Any) -> RemovalIntent:
        body = {"sovereignFQDN": self.fqdn} | self.asked | fields
        return derive_removal(DeprovisionRequest.model_validate(body), rules or NamingRules(nameservers=SERVERS))

    async def find(self, **fields: Any) -> FoundReport:
        intent = self.intent(**fields)
        activities = removals(self.powerdns)
        return await Attempts().until_done(activities.find_records, FindRecords(owner=intent.owner, intent=intent))

    def removal(self, zone: FoundZone, **fields: Any) -> RemoveRecords:
        intent = self.intent()
        told = RemoveRecords(owner=intent.owner, zone=zone.zone, rrsets=zone.rrsets, addresses=intent.addresses)
        return told.changed(**fields)

    def zone_removal(self, zone: FoundZone, **fields: Any) -> RemoveZone:
        intent = self.intent()
        told = RemoveZone(
            owner=intent.owner,
            zone=zone.zone,
            parent_zone=zone.parent_zone,
            leftover_of_pool=zone.made_by_pdm,
            nameservers=intent.nameservers,
            keys=zone.keys,
            addresses=intent.addresses,
        )
        return told.changed(**fields)

    async def remove(self, found: FoundReport, **fields: Any) -> list[RecordsReport | ZoneReport]:
        """All that was found, as a run does it: the records of every zone, and then the zones."""
        activities = removals(self.powerdns)
        records = [
            await Attempts().until_done(activities.remove_records, self.removal(zone, **fields))
            for zone in found.zones
            if zone.rrsets
        ]
        zones = [
            await Attempts().until_done(activities.remove_zone, self.zone_removal(zone, **fields))
            for zone in found.zones
            if zone.made_for_us or zone.delegated_for_us or zone.made_by_pdm
        ]
        return [*records, *zones]
