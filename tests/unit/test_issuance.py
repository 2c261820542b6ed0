"""cert-manager's Certificate: what is asked for, when it counts as ready, and the deepest reason why not."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sovereign_dns.contract import Owner
from sovereign_dns.issuance import (
    WantedCertificate,
    deepest_reason,
    differences,
    is_as_wanted,
    manifest,
    missing_issuer,
    owner_of,
    status_of,
)
from tests.unit.builders import FQDN, OWNER

WANTED = WantedCertificate(
    name=f"{FQDN}-wildcard-tls",
    namespace="kube-system",
    issuer="letsencrypt-dns01-prod",
    dns_names=[f"*.{FQDN}", FQDN],
    owner=OWNER,
)


def ready(status: str = "True", reason: str = "Ready", message: str = "up to date", generation: int = 1) -> Any:
    return {
        "type": "Ready", "status": status, "reason": reason, "message": message, "observedGeneration": generation,
    }  # fmt: skip


def issuing(status: str, reason: str = "Failed", generation: int = 1) -> Any:
    return {
        "type": "Issuing", "status": status, "reason": reason, "message": "429 too many certificates",
        "observedGeneration": generation,
    }  # fmt: skip


def certificate(*conditions: Any, generation: int = 1, **status: Any) -> dict[str, Any]:
    found = manifest(WANTED)
    found["metadata"] |= {"uid": "certificate-uid", "generation": generation}
    return found | {"status": {"conditions": list(conditions)} | status}


def owned(by: str, uid: str, name: str, *, revision: str | None = None, **body: Any) -> dict[str, Any]:
    """An object of cert-manager below the one with the uid `by`."""
    annotations = {"cert-manager.io/certificate-revision": revision} if revision else {}
    metadata = {"name": name, "uid": uid, "annotations": annotations, "ownerReferences": [{"uid": by}]}
    return {"metadata": metadata} | body


def test_the_manifest_names_the_host_and_everything_below_it_and_nothing_else() -> None:
    applied = manifest(WANTED)
    assert applied["spec"] == {
        "secretName": WANTED.name,
        "dnsNames": [f"*.{FQDN}", FQDN],
        "issuerRef": {"name": "letsencrypt-dns01-prod", "kind": "ClusterIssuer", "group": "cert-manager.io"},
    }
    assert (applied["metadata"]["name"], applied["metadata"]["namespace"]) == (WANTED.name, "kube-system")
    assert applied["metadata"]["labels"]["catalyst.openova.io/sovereign"] == FQDN


def test_a_name_too_long_for_a_label_is_still_known_by_its_annotation() -> None:
    fqdn = f"{'a' * 60}.omani.works"
    applied = manifest(WANTED.changed(owner=Owner(sovereign_fqdn=fqdn, deployment_id="d")))
    assert all(len(value) <= 63 for value in applied["metadata"]["labels"].values())
    assert owner_of(applied) == fqdn


def test_a_name_of_63_characters_fits_the_label() -> None:
    fqdn = f"{'a' * 51}.omani.works"
    assert len(fqdn) == 63
    labels = manifest(WANTED.changed(owner=Owner(sovereign_fqdn=fqdn, deployment_id="d")))["metadata"]["labels"]
    assert labels["catalyst.openova.io/sovereign"] == fqdn


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        ({"labels": {"catalyst.openova.io/sovereign": "a.b"}}, "a.b"),
        ({"annotations": {"sovereign-dns.openova.io/owner": "c.d"}}, "c.d"),
        (
            {
                "labels": {"catalyst.openova.io/sovereign": "a.b"},
                "annotations": {"sovereign-dns.openova.io/owner": "c.d"},
            },
            "c.d",
        ),
        ({"labels": None, "annotations": None}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_owner_is_in_the_annotation_or_the_label(metadata: Any, owner: str | None) -> None:
    assert owner_of({"metadata": metadata}) == owner


def test_what_was_applied_is_as_wanted_whoever_adds_what() -> None:
    found = manifest(WANTED)
    found["spec"] |= {"commonName": f"*.{FQDN}", "renewBefore": "720h", "dnsNames": [FQDN, f"*.{FQDN}"]}
    assert is_as_wanted(found, WANTED)


@pytest.mark.parametrize(
    "spec",
    [
        {"dnsNames": [FQDN]},
        {"dnsNames": [f"*.{FQDN}", FQDN, "more.example"]},
        {"dnsNames": None},
        {"secretName": "another"},
        {"issuerRef": {"name": "letsencrypt-dns01-staging", "kind": "ClusterIssuer"}},
        {"issuerRef": {"name": "letsencrypt-dns01-prod", "kind": "Issuer"}},
        {"issuerRef": {"name": "letsencrypt-dns01-prod"}},
        {"issuerRef": None},
    ],
)
def test_a_certificate_that_asks_for_something_else_is_not_as_wanted(spec: dict[str, Any]) -> None:
    found = manifest(WANTED)
    found["spec"] |= spec
    assert not is_as_wanted(found, WANTED)


def test_an_object_without_a_spec_is_not_as_wanted() -> None:
    assert not is_as_wanted({"metadata": {}}, WANTED)


def test_an_issued_certificate_is_ready_until_its_end() -> None:
    status = status_of(certificate(ready(), notAfter="2026-08-13T10:00:00Z"))
    assert (status.ready, status.reason) == (True, None)
    assert status.not_after == datetime(2026, 8, 13, 10, tzinfo=UTC)
    assert (status.name, status.namespace, status.dns_names) == (WANTED.name, "kube-system", WANTED.dns_names)


ISSUER = manifest(WANTED)["spec"]["issuerRef"]


def request_of(issuer: dict[str, Any] | None = None, *, message: str = "Waiting on order") -> dict[str, Any]:
    """The CertificateRequest of the first revision, to the issuer that is wanted or to another."""
    return owned(
        "certificate-uid", "r", "tls-1", revision="1",
        spec={"issuerRef": ISSUER if issuer is None else issuer},
        status={"conditions": [ready("False", "Pending", message)]},
    )  # fmt: skip


@pytest.mark.parametrize("generation", [2, 3])
def test_ready_about_an_earlier_generation_is_stale(generation: int) -> None:
    status = status_of(certificate(ready(generation=1), generation=generation, notAfter="2026-08-13T10:00:00Z"))
    assert status.ready is False
    assert status.not_after is None
    assert "has not looked at it yet" in (status.reason or "")


def test_no_condition_about_an_earlier_generation_is_told_as_the_reason() -> None:
    unseen = status_of(certificate(ready("False", "IncorrectIssuer", "issued by another"), generation=2))
    assert unseen.reason == "cert-manager has not looked at it yet; does its controller run?"
    failed_before = certificate(
        ready("False", "DoesNotExist", "no Secret", generation=2), issuing("False"), generation=2,
        lastFailureTime="2026-05-15T10:00:00Z",
    )  # fmt: skip
    assert status_of(failed_before).reason == "DoesNotExist: no Secret"


def test_ready_without_an_observed_generation_is_not_believed() -> None:
    condition = ready()
    del condition["observedGeneration"]
    assert status_of(certificate(condition)).ready is False


def test_ready_about_this_generation_counts() -> None:
    assert status_of(certificate(ready(generation=3), generation=3)).ready is True


@pytest.mark.parametrize("conditions", [[], None])
def test_without_conditions_the_controller_is_in_doubt(conditions: list[Any] | None) -> None:
    found = certificate() | {"status": {"conditions": conditions}}
    assert status_of(found).ready is False
    assert "does its controller run?" in (status_of(found).reason or "")
    assert "does its controller run?" in (status_of(manifest(WANTED)).reason or "")


def test_while_it_works_the_ready_condition_says_why_not() -> None:
    found = certificate(ready("False", "DoesNotExist", "Issuing as Secret does not exist"), issuing("True"))
    assert status_of(found).reason == "DoesNotExist: Issuing as Secret does not exist"


def test_a_failed_attempt_says_why_and_when() -> None:
    found = certificate(
        ready("False", "DoesNotExist", "no Secret"), issuing("False"), lastFailureTime="2026-05-15T10:00:00Z"
    )
    reason = status_of(found).reason or ""
    assert reason.startswith("Failed: 429 too many certificates (last attempt failed at 2026-05-15T10:00:00Z")


def test_a_failed_attempt_without_its_time_says_why() -> None:
    assert status_of(certificate(issuing("False"))).reason == "Failed: 429 too many certificates"


def test_an_end_that_is_no_date_is_left_out() -> None:
    assert status_of(certificate(ready(), notAfter="soon")).not_after is None


NOT_READY = ready("False", "Pending", "Waiting on certificate issuance from order")


def chain(
    revision: str = "1", order: dict[str, Any] | None = None, challenges: list[dict[str, Any]] | None = None
) -> tuple[list[Any], list[Any], list[Any]]:
    requests = [
        owned(
            "certificate-uid", "r", "tls-1", revision=revision,
            spec={"issuerRef": ISSUER}, status={"conditions": [NOT_READY]},
        )
    ]  # fmt: skip
    orders = [owned("r", "o", "tls-1-2", status=order)] if order is not None else []
    found = [owned("o", f"c{n}", f"challenge-{n}", **body) for n, body in enumerate(challenges or [])]
    return requests, orders, found


def test_a_challenge_is_the_deepest_reason() -> None:
    challenges = [
        {"spec": {"dnsName": "a.b"}, "status": {"state": "valid", "reason": "Successfully authorized domain"}},
        {"spec": {"dnsName": FQDN}, "status": {"state": "pending", "reason": "Waiting for DNS-01 propagation"}},
    ]
    told = deepest_reason(certificate(), *chain(order={"state": "pending", "reason": "busy"}, challenges=challenges))
    assert told == f"Challenge {FQDN} is pending: Waiting for DNS-01 propagation"


def test_the_order_speaks_where_no_challenge_does() -> None:
    order = {"state": "errored", "reason": "Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited"}
    silent = [{"spec": {"dnsName": FQDN}, "status": {}}]
    for challenges in ([], silent):
        told = deepest_reason(certificate(), *chain(order=order, challenges=challenges)) or ""
        assert told.startswith("Order tls-1-2 is errored: Failed to create Order: 429")


@pytest.mark.parametrize("order", [None, {}, {"state": "pending"}])
def test_the_request_speaks_where_no_order_does(order: dict[str, Any] | None) -> None:
    told = deepest_reason(certificate(), *chain(order=order))
    assert told == "CertificateRequest tls-1: Pending: Waiting on certificate issuance from order"


def test_only_the_request_of_the_next_revision_counts() -> None:
    assert deepest_reason(certificate(), *chain(revision="2")) is None
    assert deepest_reason(certificate(revision=1), *chain(revision="2")) is not None
    assert deepest_reason(certificate(revision=1), *chain(revision="1")) is None


def test_objects_of_another_certificate_say_nothing() -> None:
    requests, orders, challenges = chain(order={"state": "errored", "reason": "another's"})
    requests[0]["metadata"]["ownerReferences"] = [{"uid": "another-uid"}]
    assert deepest_reason(certificate(), requests, orders, challenges) is None
    requests, orders, challenges = chain(order={"state": "errored", "reason": "another's"})
    orders[0]["metadata"]["ownerReferences"] = []
    assert "another's" not in (deepest_reason(certificate(), requests, orders, challenges) or "")


def test_a_request_that_is_done_gives_no_reason() -> None:
    requests = [request_of() | {"status": {"conditions": [ready()]}}]
    assert deepest_reason(certificate(), requests, [], []) is None
    assert deepest_reason(certificate(), [], [], []) is None


@pytest.mark.parametrize(
    ("message", "missing"),
    [
        ('Referenced "ClusterIssuer" not found: clusterissuer.cert-manager.io "nope" not found', True),
        ('Referenced issuer "nope" not found', True),
        ("Waiting on certificate issuance from order", False),
        ("", False),
    ],
)
def test_a_missing_issuer_is_told_in_cert_managers_words(message: str, missing: bool) -> None:
    assert missing_issuer(certificate(), [request_of(message=message)]) == (message if missing else None)


def test_without_a_request_no_issuer_is_missing() -> None:
    assert missing_issuer(certificate(), []) is None


NOT_FOUND = 'Referenced "ClusterIssuer" not found: clusterissuer.cert-manager.io "nope" not found'
STAGING = {"name": "letsencrypt-dns01-staging", "kind": "ClusterIssuer", "group": "cert-manager.io"}


@pytest.mark.parametrize("issuer", [STAGING, ISSUER | {"kind": "Issuer"}, ISSUER | {"group": "another.io"}, {}])
def test_a_request_to_another_issuer_says_nothing(issuer: dict[str, str]) -> None:
    """After its issuer was changed, until cert-manager deletes it: of the same revision as the one that follows."""
    former = request_of(issuer, message=NOT_FOUND)
    order = owned("r", "o", "tls-1-2", status={"state": "errored", "reason": "the former issuer's"})
    seen = certificate(ready("False", "DoesNotExist", "no Secret", generation=2), generation=2)

    assert missing_issuer(seen, [former]) is None
    assert deepest_reason(seen, [former], [order], []) is None
    assert deepest_reason(seen, [former, request_of()], [], []) == "CertificateRequest tls-1: Pending: Waiting on order"


def test_a_request_for_an_earlier_generation_says_nothing() -> None:
    requests = [request_of(message=NOT_FOUND)]
    unseen = certificate(ready("False", "DoesNotExist", "no Secret"), generation=2)

    assert missing_issuer(unseen, requests) is None
    assert deepest_reason(unseen, requests, [], []) is None


def test_a_request_leaves_out_what_is_cert_managers_default() -> None:
    """Its schema's defaults, in either of the two."""
    found = certificate(ready("False", "DoesNotExist", "no Secret"))
    found["spec"]["issuerRef"] = {"name": "own"}
    explicit = {"name": "own", "kind": "Issuer", "group": "cert-manager.io"}
    assert missing_issuer(found, [request_of(explicit, message=NOT_FOUND)]) == NOT_FOUND
    found["spec"]["issuerRef"] = explicit
    assert missing_issuer(found, [request_of({"name": "own"}, message=NOT_FOUND)]) == NOT_FOUND


MANY = [f"n{number}.example" for number in range(5)]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({}, ""),
        ({"issuerRef": STAGING}, "issuer letsencrypt-dns01-staging -> letsencrypt-dns01-prod"),
        ({"issuerRef": {"name": "own"}}, "issuer Issuer own -> ClusterIssuer letsencrypt-dns01-prod"),
        ({"issuerRef": None}, "issuer none -> letsencrypt-dns01-prod"),
        ({"secretName": "another"}, f"secretName another -> {WANTED.name}"),
        ({"secretName": None}, f"secretName none -> {WANTED.name}"),
        ({"dnsNames": [FQDN]}, f"dnsNames {FQDN} -> *.{FQDN}, {FQDN}"),
        ({"dnsNames": None}, f"dnsNames none -> *.{FQDN}, {FQDN}"),
        ({"dnsNames": MANY}, f"dnsNames n0.example, n1.example, n2.example and 2 more -> *.{FQDN}, {FQDN}"),
        (
            {"issuerRef": STAGING, "secretName": "s"},
            f"issuer letsencrypt-dns01-staging -> letsencrypt-dns01-prod; secretName s -> {WANTED.name}",
        ),
    ],
)
def test_a_change_says_of_what_from_what_to_what(spec: dict[str, Any], told: str) -> None:
    found = manifest(WANTED)
    found["spec"] |= spec
    assert "; ".join(differences(found, WANTED)) == told
