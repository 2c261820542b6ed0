"""What we rely on in the pool-domain-manager, by its public API alone."""

import httpx
import pytest

FQDN = "otech5.example.test"
ADDRESS = "192.0.2.10"
RESERVED = (
    "api admin console gitea harbor keycloak www mail smtp imap vpn openova catalyst docs status app "
    "system openbao vault flux k8s"
)


async def check(http: httpx.AsyncClient, pool: str, label: str) -> dict[str, object]:
    answer = await http.get(f"/api/v1/pool/{pool}/check", params={"sub": label})
    assert answer.status_code == 200
    verdict: dict[str, object] = answer.json()
    return verdict


async def reserve(http: httpx.AsyncClient, pool: str, label: str) -> httpx.Response:
    return await http.post(f"/api/v1/pool/{pool}/reserve", json={"subdomain": label, "createdBy": "contract-tests"})


async def commit(http: httpx.AsyncClient, pool: str, label: str, token: str, **changed: str) -> httpx.Response:
    body = {
        "subdomain": label,
        "reservationToken": token,
        "sovereignFQDN": FQDN,
        "loadBalancerIP": ADDRESS,
        **changed,
    }
    return await http.post(f"/api/v1/pool/{pool}/commit", json=body)


async def committed(http: httpx.AsyncClient, pool: str, label: str) -> str:
    token: str = (await reserve(http, pool, label)).json()["reservationToken"]
    assert (await commit(http, pool, label, token)).status_code == 200
    return token


async def allocation(http: httpx.AsyncClient, pool: str, label: str) -> dict[str, object] | None:
    listed = (await http.get(f"/api/v1/pool/{pool}/list")).raise_for_status().json()
    assert listed["poolDomain"] == pool
    return next((row for row in listed["allocations"] if row["subdomain"] == label), None)


async def test_health_names_the_registrars(http: httpx.AsyncClient) -> None:
    answer = await http.get("/healthz")
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "ok"
    assert {"cloudflare", "namecheap", "godaddy", "ovh", "dynadot"} <= set(body["registrars"])
    assert isinstance(body["managedDomains"], list)


async def test_reserved_labels_are_listed(http: httpx.AsyncClient) -> None:
    assert set(RESERVED.split()) <= set((await http.get("/api/v1/reserved")).json()["reserved"])


async def test_a_free_label_is_available(http: httpx.AsyncClient, pool: str, label: str) -> None:
    assert await check(http, pool, label) == {"available": True, "fqdn": f"{label}.{pool}"}


@pytest.mark.parametrize("wrong", ["", "5otech", "-otech", "otech-", "o.tech", "o_tech", "o" * 64])
async def test_a_bad_label_is_told_by_check_and_refused_by_reserve(
    http: httpx.AsyncClient, pool: str, wrong: str
) -> None:
    verdict = await check(http, pool, wrong)
    assert (verdict["available"], verdict["reason"]) == (False, "invalid-format")
    refused = await reserve(http, pool, wrong)
    assert refused.status_code == 422
    assert refused.json()["error"] == "invalid-format"


async def test_a_label_is_read_without_regard_to_case(http: httpx.AsyncClient, pool: str, label: str) -> None:
    assert (await reserve(http, pool, label.upper())).json()["subdomain"] == label


async def test_an_unmanaged_pool_is_told_by_check_and_refused_by_all_others(
    http: httpx.AsyncClient, label: str
) -> None:
    pool = "unmanaged.invalid"
    assert (await check(http, pool, label))["reason"] == "unsupported-pool"
    answers = [
        await reserve(http, pool, label),
        await commit(http, pool, label, "00000000-0000-4000-8000-000000000000"),
        await http.get(f"/api/v1/pool/{pool}/list"),
        await http.request("DELETE", f"/api/v1/pool/{pool}/release", json={"subdomain": label}),
    ]
    assert [(a.status_code, a.json()["error"]) for a in answers] == [(422, "unsupported-pool")] * 4


async def test_a_reserved_label_looks_like_an_outage_to_reserve_and_like_itself_to_check(
    http: httpx.AsyncClient, pool: str
) -> None:
    assert (await check(http, pool, "console"))["reason"] == "reserved"
    assert [(await reserve(http, pool, "console")).status_code for _ in range(3)] == [500] * 3


async def test_reserve_answers_the_reservation(http: httpx.AsyncClient, pool: str, label: str) -> None:
    answer = await reserve(http, pool, label)
    assert answer.status_code == 201
    body = answer.json()
    assert body.keys() == {
        "poolDomain",
        "subdomain",
        "state",
        "reservedAt",
        "expiresAt",
        "reservationToken",
        "createdBy",
    }
    assert (body["poolDomain"], body["subdomain"], body["state"]) == (pool, label, "reserved")
    assert body["expiresAt"] > body["reservedAt"]
    verdict = await check(http, pool, label)
    assert (verdict["available"], verdict["reason"]) == (False, "reserved-state")


async def test_a_held_name_is_not_reserved_again(http: httpx.AsyncClient, pool: str, label: str) -> None:
    await reserve(http, pool, label)
    again = await reserve(http, pool, label)
    assert (again.status_code, again.json()["error"]) == (409, "conflict")


async def test_commit_makes_the_name_active_for_the_fqdn(http: httpx.AsyncClient, pool: str, label: str) -> None:
    token = (await reserve(http, pool, label)).json()["reservationToken"]
    answer = await commit(http, pool, label, token)
    assert answer.status_code == 200
    active = answer.json()
    assert (active["state"], active["sovereignFQDN"], active["loadBalancerIP"]) == ("active", FQDN, ADDRESS)
    assert not active.keys() & {"expiresAt", "reservationToken"}
    assert await allocation(http, pool, label) == active
    assert (await check(http, pool, label))["reason"] == "active-state"


async def test_a_second_commit_is_refused_and_list_shows_whose_the_name_is(
    http: httpx.AsyncClient, pool: str, label: str
) -> None:
    token = await committed(http, pool, label)
    again = await commit(http, pool, label, token)
    assert (again.status_code, again.json()["error"]) == (409, "already-active")
    row = await allocation(http, pool, label)
    assert row is not None
    assert row["sovereignFQDN"] == FQDN


async def test_reserve_of_an_active_name_is_a_conflict(http: httpx.AsyncClient, pool: str, label: str) -> None:
    await committed(http, pool, label)
    assert (await reserve(http, pool, label)).status_code == 409


@pytest.mark.parametrize("token", ["00000000-0000-4000-8000-000000000000", "not-a-uuid", ""])
async def test_commit_with_another_token_is_refused(http: httpx.AsyncClient, pool: str, label: str, token: str) -> None:
    await reserve(http, pool, label)
    answer = await commit(http, pool, label, token)
    assert (answer.status_code, answer.json()["error"]) == (403, "token-mismatch")
    row = await allocation(http, pool, label)
    assert row is not None
    assert row["state"] == "reserved"


async def test_commit_without_a_reservation_is_not_found(http: httpx.AsyncClient, pool: str, label: str) -> None:
    answer = await commit(http, pool, label, "00000000-0000-4000-8000-000000000000")
    assert (answer.status_code, answer.json()["error"]) == (404, "not-found")


async def test_commit_wants_an_address(http: httpx.AsyncClient, pool: str, label: str) -> None:
    token = (await reserve(http, pool, label)).json()["reservationToken"]
    answer = await commit(http, pool, label, token, loadBalancerIP=" ")
    assert (answer.status_code, answer.json()["error"]) == (422, "missing-lb-ip")


@pytest.mark.parametrize("call", ["reserve", "commit"])
async def test_a_body_that_is_no_json_is_refused(http: httpx.AsyncClient, pool: str, call: str) -> None:
    assert (await http.post(f"/api/v1/pool/{pool}/{call}", content="{")).status_code == 400


async def test_release_frees_an_active_name(http: httpx.AsyncClient, pool: str, label: str) -> None:
    await committed(http, pool, label)
    answer = await http.request("DELETE", f"/api/v1/pool/{pool}/release", json={"subdomain": label})
    assert answer.status_code == 200
    assert answer.json()["freed"]["sovereignFQDN"] == FQDN
    assert await allocation(http, pool, label) is None
    assert (await check(http, pool, label))["available"] is True


async def test_release_takes_the_label_from_the_query_and_frees_once(
    http: httpx.AsyncClient, pool: str, label: str
) -> None:
    await reserve(http, pool, label)
    answers = [await http.delete(f"/api/v1/pool/{pool}/release", params={"sub": label}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 404]


async def test_release_asks_nobody_whose_the_name_is(http: httpx.AsyncClient, pool: str, label: str) -> None:
    """So whoever releases must look before; and who a name is for, or reserved by, stands in the list."""
    await reserve(http, pool, label)
    held = await allocation(http, pool, label)
    assert held is not None
    assert (held["state"], held["createdBy"], "sovereignFQDN" in held) == ("reserved", "contract-tests", False)
    freed = await http.delete(f"/api/v1/pool/{pool}/release", params={"sub": label})
    assert freed.status_code == 200
    assert freed.json()["freed"]["createdBy"] == "contract-tests"


@pytest.mark.parametrize("call", ["set-ns", "validate"])
async def test_an_unknown_registrar_is_not_found(http: httpx.AsyncClient, call: str) -> None:
    answer = await http.post(f"/api/v1/registrar/nobody/{call}", json={"domain": "example.test", "token": "t"})
    assert (answer.status_code, answer.json()["error"]) == (404, "unsupported-registrar")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"token": "t", "nameservers": ["ns1.openova.io"]}, "missing-domain"),
        ({"domain": "example.test", "nameservers": ["ns1.openova.io"]}, "missing-token"),
        ({"domain": "example.test", "token": "t", "nameservers": []}, "missing-nameservers"),
    ],
)
async def test_set_ns_names_what_is_missing(http: httpx.AsyncClient, given: dict[str, object], error: str) -> None:
    answer = await http.post("/api/v1/registrar/cloudflare/set-ns", json=given)
    assert (answer.status_code, answer.json()["error"]) == (422, error)
