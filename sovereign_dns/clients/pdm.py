"""The pool-domain-manager (PDM): the only authority on the names below a pool domain.

Its commit is not idempotent, so `claim` finds out from the list whose an active name is.
"""

import urllib.parse
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from sovereign_dns.clients import http
from sovereign_dns.failures import InvalidInput, NameReserved, PDMUnauthorized, PDMUnavailable
from sovereign_dns.mounted import MountedURL
from sovereign_dns.pool_names import (
    Allocation,
    Availability,
    Claim,
    Claimed,
    being_changed,
    insist_on_active_for_us,
    is_decided_by_commit,
    refuse_impossible_label,
    reserved_by_another,
    token_of_our_reservation,
)
from sovereign_dns.pool_release import Released
from sovereign_dns.secrets import Secret
from sovereign_dns.wire import Message

Parsed = TypeVar("Parsed")


class _Allocations(Message):
    allocations: list[Allocation] | None = None


class _Freed(Message):
    freed: Allocation


class _Health(Message):
    managed_domains: list[str] | None = None


class _Reservation(Message):
    reservation_token: str


def backend_of_pdm(url: MountedURL, user: Secret, password: Secret) -> http.Backend:
    """PDM as its clients know it; a 401 without words of PDM's own is that of its ingress."""
    return http.Backend(
        name="PDM",
        url=url,
        unavailable=PDMUnavailable,
        unauthorized=PDMUnauthorized,
        unauthorized_statuses=frozenset({401}),
        mend_unauthorized=lambda: (
            f"its ingress wants basic auth; {user.how_to_mend('user')}, and {password.how_to_mend('password')}"
        ),
    )


def basic_auth(user: Secret, password: Secret) -> httpx.BasicAuth | None:
    """The credentials of PDM's ingress as they are now, where it is used."""
    name = user.read()
    return httpx.BasicAuth(name, password.read()) if name else None


class PDM:
    """A client of PDM's pool names.

    Every method raises `PDMUnavailable` (connection, timeout, 5xx, 429, no JSON) and `PDMUnauthorized` (401).
    """

    def __init__(self, client: httpx.AsyncClient, url: MountedURL, *, user: Secret, password: Secret) -> None:
        self._client = client
        self._user = user
        self._password = password
        self._backend = backend_of_pdm(url, user, password)

    async def claim(self, claim: Claim) -> tuple[Claimed, Allocation | None]:
        """Makes PDM hold the name as active for this Sovereign, whatever happened before.

        Returns how that came about, and PDM's row where it was active already.

        Raises:
            NameTaken: the name is active for another Sovereign.
            NameReserved: somebody else holds a reservation.
            InvalidInput: no name below this pool may be called so.
        """
        token = claim.reservation_token
        if token is not None:
            outcome = await self._commit(claim, token)
            if outcome is not None:
                return await self._settle(claim, outcome, again=False)
        token = await self._reserve(claim)
        if token is None:
            return await self._after_refused_reservation(claim)
        outcome = await self._commit(claim, token)
        if outcome is None:
            raise PDMUnavailable(
                f"PDM handed out a reservation of {claim.sovereign_fqdn} and didn't know it at commit; tried again"
            )
        return await self._settle(claim, outcome, again=True)

    async def plan(self, claim: Claim) -> tuple[str, Allocation | None]:
        """What `claim` would come to now, in words, found out by reading only.

        Returns PDM's row too where the name is active for this Sovereign. Doesn't raise `NameReserved`: the words
        say that `claim` would wait, and for whom.

        Raises:
            NameTaken: as `claim` does.
            InvalidInput: as `claim` does.
        """
        answer = await self.availability(claim.pool_domain, claim.subdomain)
        # Of a pool that it doesn't manage PDM has no list.
        row = None if answer.reason == "unsupported-pool" else await self.find(claim.pool_domain, claim.subdomain)
        if row is not None and row.state == "reserved" and answer.available:
            # It has expired, by PDM's own clock, and gives way to the next reservation.
            row = None
        if not is_decided_by_commit(claim, row):
            refuse_impossible_label(claim, answer)
        if row is None:
            return "would be reserved and committed", None
        try:
            token = token_of_our_reservation(claim, row)
        except NameReserved as reserved:
            return f"the real run would wait: {reserved}", None
        return ("active for this Sovereign already", row) if token is None else ("would be committed", None)

    async def find(self, pool_domain: str, subdomain: str) -> Allocation | None:
        """PDM's row of a name, or None where there is none."""
        response, doing = await self._list(pool_domain)
        return next((row for row in self._rows(response, doing) if row.subdomain == subdomain), None)

    async def rows(self, pool_domain: str) -> list[Allocation] | None:
        """Every name of a pool that PDM holds, reserved or active; None where it doesn't manage the pool."""
        response, doing = await self._list(pool_domain)
        if response.status_code == 422:
            self._insist_on_its_own_words(response, doing)
            return None
        return self._rows(response, doing)

    async def _list(self, pool_domain: str) -> tuple[httpx.Response, str]:
        doing = f"listing the names of pool {pool_domain}"
        return await self._send("GET", pool_domain, "list", doing=doing), doing

    def _rows(self, response: httpx.Response, doing: str) -> list[Allocation]:
        if response.status_code != 200:
            raise self._unexpected(response, doing)
        return self._parsed(TypeAdapter(_Allocations), response, doing=doing).allocations or []

    async def managed_domains(self) -> list[str]:
        """The pool domains of which PDM hands out names."""
        doing = "asking which pool domains it manages"
        response = await self._call("GET", f"{self._backend.address(doing=doing)}/healthz", doing=doing)
        if response.status_code != 200:
            raise self._unexpected(response, doing)
        domains = self._parsed(TypeAdapter(_Health), response, doing=doing).managed_domains
        if domains is None:  # what answers in its place knows no pools, which is not the same as that there are none
            raise self._unexpected(response, doing)
        return domains

    async def release(self, pool_domain: str, subdomain: str) -> Released:
        """Has PDM forget the name, whosever it is and in whatever state: its row must be looked at before."""
        doing = f"releasing {subdomain}.{pool_domain}"
        response = await self._send("DELETE", pool_domain, "release", doing=doing, params={"sub": subdomain})
        match response.status_code:
            case 200 | 202 as status:
                self._insist_on_row(self._parsed(TypeAdapter(_Freed), response, doing=doing).freed, subdomain, doing)
                return Released.WITH_ITS_DNS if status == 200 else Released.WITHOUT_ITS_DNS
            case 404 | 422 as status:
                self._insist_on_its_own_words(response, doing)
                return Released.NOT_HELD if status == 404 else Released.UNMANAGED
            case _:
                raise self._unexpected(response, doing)

    async def availability(self, pool_domain: str, subdomain: str) -> Availability:
        """Whether the name could be reserved, and why not."""
        doing = f"checking {subdomain}.{pool_domain}"
        response = await self._send("GET", pool_domain, "check", doing=doing, params={"sub": subdomain})
        return self._parsed(TypeAdapter(Availability), response, doing=doing)

    async def is_active(self, pool_domain: str, subdomain: str) -> bool:
        """Whether PDM holds the name as active, for whomever."""
        return (await self.availability(pool_domain, subdomain)).reason == "active-state"

    async def _commit(self, claim: Claim, token: str) -> int | None:
        """The status of a commit (200, 202, 409), or None where its reservation is gone (403, 404, 410)."""
        doing = f"committing {claim.sovereign_fqdn}"
        body = {
            "subdomain": claim.subdomain,
            "reservationToken": token,
            "sovereignFQDN": claim.sovereign_fqdn,
            "loadBalancerIP": claim.load_balancer_ip,
        }
        response = await self._send("POST", claim.pool_domain, "commit", doing=doing, json=body)
        match response.status_code:
            case 200 | 202 as status:
                row = self._parsed(TypeAdapter(Allocation), response, doing=doing)
                self._insist_on_row(row, claim.subdomain, doing, state="active")
                return status
            case 409:
                self._insist_on_its_own_words(response, doing)
                return response.status_code
            case 403 | 404 | 410:
                self._insist_on_its_own_words(response, doing)
                return None
            case 422 | 400:
                self._insist_on_its_own_words(response, doing)
                raise InvalidInput(f"pool: PDM refused to commit {claim.sovereign_fqdn}: {http.excerpt(response)}")
            case _:
                raise self._unexpected(response, doing)

    async def _settle(self, claim: Claim, status: int, *, again: bool) -> tuple[Claimed, Allocation | None]:
        match status:
            case 200:
                return (Claimed.RESERVED_AGAIN if again else Claimed.COMMITTED), None
            case 202:
                return (Claimed.RESERVED_AGAIN_WITHOUT_DNS if again else Claimed.COMMITTED_WITHOUT_DNS), None
            case _:
                row = await self._find_taken(claim)
                insist_on_active_for_us(claim, row)
                return Claimed.ACTIVE_ALREADY, row

    async def _reserve(self, claim: Claim) -> str | None:
        """A reservation's token, or None where the name is taken (409)."""
        doing = f"reserving {claim.sovereign_fqdn}"
        body = {"subdomain": claim.subdomain, "createdBy": claim.created_by}
        try:
            response = await self._send("POST", claim.pool_domain, "reserve", doing=doing, json=body)
        except PDMUnavailable:
            # For a label on its reserved list PDM answers 500 for ever, which looks like an outage.
            await self._ask_whether_impossible(claim)
            raise
        if response.status_code in {400, 409, 422}:
            self._insist_on_its_own_words(response, doing)
        if response.status_code == 409:
            return None
        if response.status_code in {400, 422}:
            await self._ask_whether_impossible(claim)
            raise InvalidInput(f"pool: PDM refused to reserve {claim.sovereign_fqdn}: {http.excerpt(response)}")
        if response.status_code not in {200, 201}:
            raise self._unexpected(response, doing)
        return self._parsed(TypeAdapter(_Reservation), response, doing=doing).reservation_token

    async def _ask_whether_impossible(self, claim: Claim) -> None:
        refuse_impossible_label(claim, await self.availability(claim.pool_domain, claim.subdomain))

    async def _after_refused_reservation(self, claim: Claim) -> tuple[Claimed, Allocation | None]:
        row = await self._find_taken(claim)
        token = token_of_our_reservation(claim, row)
        if token is None:
            return Claimed.ACTIVE_ALREADY, row
        outcome = await self._commit(claim, token)
        if outcome is None:
            raise reserved_by_another(claim, row)
        return await self._settle(claim, outcome, again=True)

    async def _find_taken(self, claim: Claim) -> Allocation:
        row = await self.find(claim.pool_domain, claim.subdomain)
        if row is None:
            raise being_changed(claim)
        return row

    async def _send(self, method: str, pool_domain: str, verb: str, *, doing: str, **options: Any) -> httpx.Response:
        url = f"{self._backend.address(doing=doing)}/api/v1/pool/{urllib.parse.quote(pool_domain, safe='')}/{verb}"
        return await self._call(method, url, doing=doing, **options)

    async def _call(self, method: str, url: str, *, doing: str, **options: Any) -> httpx.Response:
        auth = basic_auth(self._user, self._password)
        return await http.call(self._client, self._backend, method, url, doing=doing, auth=auth, **options)

    def _parsed(self, adapter: TypeAdapter[Parsed], response: httpx.Response, *, doing: str) -> Parsed:
        try:
            return adapter.validate_python(http.json_of(response, self._backend, doing=doing))
        except ValidationError as error:
            raise PDMUnavailable(
                f"PDM answered {response.status_code} with JSON that is not of its API while {doing}. "
                "Perhaps another service answers at its address."
            ) from error

    def _insist_on_row(self, row: Allocation, subdomain: str, doing: str, *, state: str | None = None) -> None:
        """What is done is shown: PDM answers with the row that it has changed.

        Raises:
            PDMUnavailable: the row is of another name, or in another state.
        """
        if row.subdomain != subdomain or (state is not None and row.state != state):
            raise PDMUnavailable(
                f"PDM said that it has done it while {doing}, and showed {row.subdomain}, which is {row.state}. It is "
                "asked again; look whether a proxy answers in its place"
            )

    def _insist_on_its_own_words(self, response: httpx.Response, doing: str) -> None:
        """PDM says why in JSON. An ingress whose backend is gone says 404 too, with a page.

        Raises:
            PDMUnavailable: somebody else answers.
        """
        try:
            told = response.json()
        except ValueError:
            told = None
        if not isinstance(told, dict) or not told.get("error"):
            raise self._unexpected(response, doing)

    def _unexpected(self, response: httpx.Response, doing: str) -> PDMUnavailable:
        return PDMUnavailable(
            f"PDM at {response.request.url.host} answered {response.status_code} while {doing}, which is not of its "
            f"API: {http.excerpt(response)}. Look whether {self._backend.url.where} is right."
        )
