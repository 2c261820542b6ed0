"""Which pools PDM manages, as its health page tells it."""

import httpx
import pytest

from sovereign_dns.clients.pdm import PDM
from sovereign_dns.failures import PDMUnavailable
from sovereign_dns.mounted import MountedURL
from sovereign_dns.secrets import Secret


async def pools(answer: dict[str, object]) -> list[str]:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=answer))
    async with httpx.AsyncClient(transport=transport) as client:
        url = MountedURL("POOL_DOMAIN_MANAGER_URL", "http://pdm.test")
        nothing = Secret("CATALYST_PDM_BASIC_AUTH_USER", None, None)
        return await PDM(client, url, user=nothing, password=nothing).managed_domains()


async def test_a_page_that_names_no_pools_is_not_taken_for_pdms() -> None:
    with pytest.raises(PDMUnavailable, match="not of its API"):
        await pools({"status": "ok"})


async def test_pdm_may_manage_no_pool() -> None:
    assert await pools({"status": "ok", "managedDomains": []}) == []
