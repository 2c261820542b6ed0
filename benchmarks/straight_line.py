"""One Sovereign with no Temporal: the same activities' functions, called one after the other on the same clients.

Nothing of it outlives its process, nothing is tried again but what is not so yet, and nobody can see how far it is.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from temporalio.client import Client

from sovereign_dns.contract import ProvisionRequest, RecordChange
from sovereign_dns.failures import Failure, Kind
from sovereign_dns.intent import DomainIntent, ProvisioningIntent
from sovereign_dns.issuance import WantedCertificate
from sovereign_dns.messages import (
    AwaitCertificate,
    CertificateReport,
    CreateZone,
    DecideIntent,
    RecordsReport,
    RequestCertificate,
    UpsertRecords,
    VerificationReport,
    VerifyDomain,
    ZoneReport,
)
from sovereign_dns.settings import read_settings
from worker import make_activities

_LOOK_AGAIN_SECONDS = 0.05

Report = TypeVar("Report")


@dataclass(frozen=True)
class Provisioned:
    """What came of it."""

    records: list[RecordChange]
    certificate_ready: bool
    converged: int
    total: int


class StraightLine:
    """Calls the steps of a provisioning in the workflow's order."""

    def __init__(self, activities: dict[str, Callable[[Any], Awaitable[Any]]]) -> None:
        self._call = activities

    async def provision(self, request: ProvisionRequest) -> Provisioned:
        """One Sovereign under one parent domain."""
        intent: ProvisioningIntent = await self._call["decide_intent"](DecideIntent(request=request))
        domain = intent.primary
        names = [rrset.name for rrset in domain.rrsets]
        zone = CreateZone(
            owner=intent.owner,
            domain=domain.domain,
            names=names,
            nameservers=intent.nameservers,
            may_create=domain.may_create_zone,
        )
        _: ZoneReport = await self._call["create_zone"](zone)
        (records, proof), certificate = await asyncio.gather(
            self._publish(request, intent, domain), self._certify(request, intent, domain)
        )
        proved = proof.verification
        return Provisioned(records.changes, certificate.certificate.ready, proved.converged, proved.total)

    async def certify(self, request: ProvisionRequest) -> None:
        """Its Certificate alone, until it is issued."""
        intent: ProvisioningIntent = await self._call["decide_intent"](DecideIntent(request=request))
        await self._certify(request, intent, intent.primary)

    async def _publish(
        self, request: ProvisionRequest, intent: ProvisioningIntent, domain: DomainIntent
    ) -> tuple[RecordsReport, VerificationReport]:
        records: RecordsReport = await self._call["upsert_records"](UpsertRecords(owner=intent.owner, intent=domain))
        verify = VerifyDomain(
            owner=intent.owner,
            intent=domain,
            zones=records.zones,
            level=request.verification.level,
            expected_nameservers=intent.nameservers,
        )
        proof: VerificationReport = await _until_so(lambda: self._call["verify_domain"](verify))
        return records, proof

    async def _certify(
        self, request: ProvisionRequest, intent: ProvisioningIntent, domain: DomainIntent
    ) -> CertificateReport:
        asked = request.certificate
        wanted = WantedCertificate(
            name=domain.certificate_name,
            namespace=asked.namespace,
            issuer=asked.issuer,
            dns_names=domain.dns_names,
            owner=intent.owner,
        )
        await self._call["request_certificate"](RequestCertificate(owner=intent.owner, wanted=wanted))
        ready = AwaitCertificate(owner=intent.owner, name=wanted.name, namespace=wanted.namespace)
        report: CertificateReport = await _until_so(lambda: self._call["certificate_ready"](ready))
        return report


async def _until_so(look: Callable[[], Awaitable[Report]]) -> Report:
    while True:
        try:
            return await look()
        except Failure as failure:
            if failure.kind is not Kind.NOT_YET:
                raise
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)


@asynccontextmanager
async def straight_line(temporal: Client) -> AsyncIterator[StraightLine]:
    """On clients of its own, made as the worker makes them, from the same environment."""
    async with make_activities(temporal, read_settings(), attributes_usable=False) as activities:
        implementations = [*activities.on_powerdns, *activities.on_all_else]
        yield StraightLine({implementation.__name__: implementation for implementation in implementations})
