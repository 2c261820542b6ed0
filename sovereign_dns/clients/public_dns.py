"""What the world is told of a domain: by delegations from the root where they can be followed, else by resolvers."""

import ipaddress

from sovereign_dns.answer_verdicts import Answer
from sovereign_dns.clients.delegations import Delegations
from sovereign_dns.clients.resolvers import Resolvers
from sovereign_dns.names import relative_to_root


class PublicDNS:
    """Looks from outside. Never raises for what servers do."""

    def __init__(self, delegations: Delegations | None, resolvers: Resolvers) -> None:
        self._delegations = delegations
        self._resolvers = resolvers

    async def nameservers(self, domain: str) -> list[frozenset[str]]:
        """The name servers that the domain has, as each one says that was asked and answers; empty where none."""
        if self._delegations is not None:
            return await self._delegations.nameservers(domain)
        return [
            frozenset(relative_to_root(value.lower()) for value in answer.values)
            for answer in await self._answers(domain, "NS")
        ]

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
