"""What the world is told: by delegations from the root where they can be followed; of addresses, else by resolvers."""

import ipaddress

from sovereign_dns.answer_verdicts import Answer
from sovereign_dns.clients.delegations import Delegations
from sovereign_dns.clients.resolvers import Resolvers


class PublicDNS:
    """Looks from outside. Never raises for what servers do."""

    def __init__(self, delegations: Delegations | None, resolvers: Resolvers) -> None:
        self._delegations = delegations
        self._resolvers = resolvers

    async def delegated_to(self, domain: str) -> list[frozenset[str]] | None:
        """To which name servers each server of the zone above delegates the domain; None where no root is followed.

        Resolvers are not asked: with a split horizon they may tell the NS set of the zone itself, which says nothing of
        where the world is led.
        """
        return await self._delegations.nameservers(domain) if self._delegations is not None else None

    async def ipv4_of(self, host: str) -> str | None:
        """An IPv4 address of a host, where it has one."""
        if self._delegations is not None:
            found = await self._delegations.addresses(host)
        else:
            found = [value for answer in await self._answers(host, "A") for value in answer.values]
        return next((address for address in found if ipaddress.ip_address(address).version == 4), None)

    async def _answers(self, name: str, rrtype: str) -> list[Answer]:
        said = await self._resolvers.ask_all({resolver: [(name, rrtype)] for resolver in self._resolvers.resolvers})
        return [
            answer for [answer] in said.values() if answer.error is None and answer.rcode in {"NOERROR", "NXDOMAIN"}
        ]
