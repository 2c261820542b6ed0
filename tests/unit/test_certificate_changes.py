"""What a run changes of a Certificate, and whose it must be for that."""

from typing import Any

import pytest

from sovereign_dns.certificate_changes import (
    asked_for,
    differences,
    over_all_attempts,
    removed,
    spec_of,
    why_left,
)
from sovereign_dns.contract import CertificateSpec, Owner
from sovereign_dns.failures import OwnershipConflict
from sovereign_dns.issuance import WantedCertificate, manifest
from tests.unit.builders import FQDN, NEIGHBOUR, OWNER

WANTED = WantedCertificate(
    name="tls", namespace="ns", issuer="letsencrypt-dns01-prod", dns_names=[f"*.{FQDN}", FQDN], owner=OWNER
)
THEIRS = WANTED.changed(owner=NEIGHBOUR)
SPEC = CertificateSpec(dns_names=WANTED.dns_names, issuer=WANTED.issuer, secret_name="tls", owner=OWNER)


def without_owner(certificate: dict[str, Any]) -> dict[str, Any]:
    return certificate | {"metadata": {"name": "tls", "namespace": "ns"}}


def test_what_a_certificate_asks_for_is_told_with_its_owner() -> None:
    assert spec_of(manifest(WANTED)) == SPEC


def test_of_a_certificate_that_somebody_else_wrote_cert_managers_defaults_are_told() -> None:
    assert spec_of({"spec": {"secretName": "x", "issuerRef": {"name": "ca"}}}) == CertificateSpec(
        dns_names=[], issuer="ca", issuer_kind="Issuer", secret_name="x", owner=None
    )


def test_one_that_only_a_label_names_belongs_to_no_known_deployment() -> None:
    labelled = manifest(WANTED)
    del labelled["metadata"]["annotations"]
    assert spec_of(labelled).owner == Owner(sovereign_fqdn=FQDN, deployment_id="")


@pytest.mark.parametrize("takeover", [True, False])
def test_what_is_right_already_is_unchanged_whoever_has_no_name_for_it(takeover: bool) -> None:
    for present in (manifest(WANTED), without_owner(manifest(WANTED))):
        assert asked_for(present, WANTED, takeover=takeover).change == "unchanged"


def test_another_sovereigns_is_refused_unless_it_is_taken_over() -> None:
    with pytest.raises(OwnershipConflict, match=f"belongs to Sovereign {NEIGHBOUR.sovereign_fqdn}"):
        asked_for(manifest(THEIRS), WANTED, takeover=False)
    taken = asked_for(manifest(THEIRS), WANTED, takeover=True)
    assert (taken.change, taken.before) == ("replaced", SPEC.changed(owner=NEIGHBOUR))
    assert differences(manifest(THEIRS), WANTED) == f"owner {NEIGHBOUR.sovereign_fqdn} -> {FQDN}"


def test_what_stood_first_counts_when_it_changed_between_two_attempts() -> None:
    """The first attempt replaced it, its answer was lost, and somebody wrote another issuer into it."""
    noted = asked_for(manifest(WANTED.changed(issuer="staging")), WANTED, takeover=False)
    found = asked_for(manifest(WANTED.changed(issuer="another")), WANTED, takeover=False)
    merged = over_all_attempts(noted, found)
    assert (merged.change, merged.before and merged.before.issuer) == ("replaced", "staging")
    assert over_all_attempts(None, found) == found


def test_one_that_was_created_by_a_lost_attempt_counts_as_created() -> None:
    noted = asked_for(None, WANTED, takeover=False)
    assert over_all_attempts(noted, asked_for(manifest(WANTED), WANTED, takeover=False)).change == "created"


def test_what_is_removed_tells_what_it_was_and_no_longer_that_it_is_ready() -> None:
    ready = {"type": "Ready", "status": "True", "observedGeneration": 1}
    status = {"conditions": [ready], "notAfter": "2027-02-01T00:00:00Z"}
    gone = removed(manifest(WANTED) | {"status": status})
    assert (gone.change, gone.before, gone.ready, gone.not_after, gone.reason) == ("removed", SPEC, False, None, None)


def test_whose_it_must_be_to_be_removed() -> None:
    assert why_left(manifest(WANTED), OWNER.changed(deployment_id="a-later-one")) is None
    assert why_left(manifest(THEIRS), OWNER) == f"it belongs to Sovereign {NEIGHBOUR.sovereign_fqdn}"
    assert "whose it is" in (why_left(without_owner(manifest(WANTED)), OWNER) or "")
