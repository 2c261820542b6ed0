"""What PDM does in PowerDNS: a signed child zone for each name, its delegation, its records."""

import asyncio
from typing import Any

import aiohttp

DELEGATION_TTL = 3600
RECORD_TTL = 300
# A combined key serves in place of a key-signing key, and of no other.
KEY_TYPES = {"ksk": {"ksk", "csk"}, "zsk": {"zsk"}}
COMMITTED_LABELS = ("", "*.", "console.", "api.", "gitea.", "harbor.")


class DNSWriteError(Exception):
    """PowerDNS refused, or could not be reached."""


class PoolDNS:
    """The pool's zones in one PowerDNS server, by its REST API.

    Args:
        session: The HTTP session to use.
        url: PowerDNS' address, with or without ``/api/v1``.
        key: The API key.
        nameservers: Names of the servers that zones and delegations name.
        server: PowerDNS' server id.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        key: str,
        nameservers: list[str],
        server: str = "localhost",
    ) -> None:
        root = url.rstrip("/").removesuffix("/api/v1")
        self._base = f"{root}/api/v1/servers/{server}"
        self._session = session
        self._headers = {"X-API-Key": key}
        self._nameservers = [name.rstrip(".") + "." for name in nameservers]
        # PowerDNS on SQLite answers 500 to concurrent writes; PDM's own database allows them.
        self._one_writer = asyncio.Lock()

    async def hosts(self, zone: str) -> bool:
        """Tell whether PowerDNS hosts a zone of exactly this name.

        Raises:
            DNSWriteError: PowerDNS did not say.
        """
        return bool(await self._call("GET", f"/zones?zone={zone}."))

    async def create_child_zone(self, pool: str, child: str) -> None:
        """Create the child zone, unsigned yet, and its delegation in the pool's zone.

        Raises:
            DNSWriteError: One of the steps failed; what came before it stays.
        """
        async with self._one_writer:
            zone = {"name": f"{child}.", "kind": "Native", "nameservers": self._nameservers}
            await self._call("POST", "/zones", zone, accept=(409,))
            await self._patch(pool, [_rrset(child, "NS", DELEGATION_TTL, self._nameservers)])

    async def sign(self, zone: str) -> None:
        """Sign as PDM does: DNSSEC on, a key of each type that is missing, and the zone rectified.

        Raises:
            DNSWriteError: The zone may be unsigned, or signed in part.
        """
        async with self._one_writer:
            flag = {"dnssec": True, "soa_edit": "INCEPTION-EPOCH", "soa_edit_api": "INCEPTION-EPOCH"}
            await self._call("PUT", f"/zones/{zone}.", flag)
            for keytype in await self._missing_keys(zone):
                await self._call("POST", f"/zones/{zone}./cryptokeys", _key(keytype))
            await self._call("PUT", f"/zones/{zone}./rectify")

    async def write_records(self, child: str, address: str) -> None:
        """Write the six A rrsets of a committed name, in one PATCH.

        Raises:
            DNSWriteError: None of them was written.
        """
        rrsets = [_rrset(f"{label}{child}", "A", RECORD_TTL, [address]) for label in COMMITTED_LABELS]
        async with self._one_writer:
            await self._patch(child, rrsets)

    async def delete_child_zone(self, pool: str, child: str) -> None:
        """Delete the child zone and its delegation; absent ones are no failure.

        Raises:
            DNSWriteError: Something may be left.
        """
        async with self._one_writer:
            await self._call("DELETE", f"/zones/{child}.", accept=(404,))
            await self._patch(pool, [{"name": f"{child}.", "type": "NS", "changetype": "DELETE", "records": []}])

    async def _missing_keys(self, zone: str) -> list[str]:
        keys = await self._call("GET", f"/zones/{zone}./cryptokeys")
        active = {key["keytype"] for key in keys if key["active"]}
        return [keytype for keytype, served_by in KEY_TYPES.items() if active.isdisjoint(served_by)]

    async def _patch(self, zone: str, rrsets: list[dict[str, Any]]) -> None:
        await self._call("PATCH", f"/zones/{zone}.", {"rrsets": rrsets})

    async def _call(self, method: str, path: str, body: Any = None, accept: tuple[int, ...] = ()) -> Any:
        try:
            async with self._session.request(method, self._base + path, json=body, headers=self._headers) as response:
                if response.status >= 300 and response.status not in accept:
                    said = await response.text()
                    raise DNSWriteError(f"{method} {path} was answered {response.status} {said}")
                return await response.json() if response.content_type == "application/json" else None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise DNSWriteError(f"{method} {path} had no answer ({type(error).__name__}: {error})") from error


def _key(keytype: str) -> dict[str, Any]:
    return {"keytype": keytype, "active": True, "published": True, "algorithm": "ecdsa256"}


def _rrset(name: str, rtype: str, ttl: int, contents: list[str]) -> dict[str, Any]:
    records = [{"content": content, "disabled": False} for content in contents]
    return {"name": f"{name}.", "type": rtype, "ttl": ttl, "changetype": "REPLACE", "records": records}
