"""The step `nameservers-set`, on a domain's registrar by way of PDM."""

from collections.abc import Sequence

from temporalio import activity

from activities.shielding import to_its_end
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.clients.public_dns import PublicDNS
from sovereign_dns.clients.registrars import Registrars
from sovereign_dns.failures import RegistrarNotConfigured, ZoneMissing
from sovereign_dns.lifecycle_messages import NameserversReport, SetNameservers
from sovereign_dns.registrar_credentials import RegistrarCredentials

_NOT_FOLLOWED = (
    "whether it was so already is not known: CATALYST_DNS_AUTHORITATIVE is set and CATALYST_DNS_ROOT_SERVERS is not, "
    "so that no delegation is followed"
)


class RegistrarActivities:
    """Has a domain delegated to the expected name servers. The token is read here, and stays here."""

    def __init__(
        self, registrars: Registrars, credentials: RegistrarCredentials, public_dns: PublicDNS, powerdns: PowerDNS
    ) -> None:
        self._registrars = registrars
        self._powerdns = powerdns
        self._credentials = credentials
        self._public_dns = public_dns

    @activity.defn(name="nameservers-set")
    async def set_nameservers(self, task: SetNameservers) -> NameserversReport:
        """Tells the registrar, unless the zone above is seen to delegate already as it shall.

        Where that can't be seen, it is told again: that changes nothing.
        """
        wanted = frozenset(task.nameservers)
        seen = await self._public_dns.delegated_to(task.domain)
        if seen and all(said == wanted for said in seen):
            return NameserversReport(
                outcome=f"not needed: {task.domain} is delegated to {_listed(task.nameservers)} already",
                already=True,
            )
        glue_ip = await self._glue_ip(task)
        what = f"{_listed(task.nameservers)} at {task.registrar}{f', with the address {glue_ip}' if glue_ip else ''}"
        unseen = f" ({_NOT_FOLLOWED})" if seen is None else ""
        if task.dry_run:
            return NameserversReport(outcome=f"dry run: would be set to {what}{unseen}{self._trouble_to_come(task)}")
        token = self._credentials.token(task.credentials_ref)
        await self._insist_on_the_zone(task.domain)
        propagation = await to_its_end(
            self._registrars.set_nameservers(task.registrar, task.domain, token, task.nameservers, glue_ip)
        )
        return NameserversReport(outcome=f"set to {what}{unseen}{f': {propagation}' if propagation else ''}")

    async def _insist_on_the_zone(self, domain: str) -> None:
        """A step may wait for its token for days, and somebody take the domain away meanwhile.

        Raises:
            ZoneMissing: it would be delegated to servers that refuse it, where others may create it.
        """
        if not await self._powerdns.hosted([domain]):
            raise ZoneMissing(
                f"zone {domain} is not hosted by PowerDNS any more: somebody removed it during this run, so that its "
                "registrar was not told to delegate it here. If it shall be served, cancel this run and start it "
                "again, which creates the zone; else only cancel it"
            )

    async def _glue_ip(self, task: SetNameservers) -> str | None:
        return task.glue_ip or await self._public_dns.ipv4_of(task.nameservers[0]) or task.glue_if_ours

    def _trouble_to_come(self, task: SetNameservers) -> str:
        """What the real run would wait for, as far as it shows without a call that changes anything."""
        try:
            self._credentials.token(task.credentials_ref)
        except RegistrarNotConfigured as trouble:
            return f"; the real run would wait: {trouble}"
        return ""


def _listed(nameservers: Sequence[str]) -> str:
    return ", ".join(nameservers)
