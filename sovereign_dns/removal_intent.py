"""From a request and the environment's rules to what shall be gone. Pure.

The outcome is decided once for a run, in an activity, and stands in its history.
"""

from sovereign_dns.contract import Owner
from sovereign_dns.wire import Message


class DomainRemoval(Message):
    """What shall be gone under one parent domain: the host, its names, and its Certificates."""

    domain: str
    host: str
    names: list[str]
    certificate_names: list[str]


class RemovalIntent(Message):
    """What shall be gone of one Sovereign.

    An empty `deployment_id` of the owner stands for every deployment. `everywhere`: also in zones that no parent
    domain of the request names, where a record says that it is this Sovereign's.
    """

    owner: Owner
    nameservers: list[str]
    domains: list[DomainRemoval]
    addresses: list[str] = []
    everywhere: bool = False
    search_attributes_usable: bool = True
    runbook_url: str | None = None
