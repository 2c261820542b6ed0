"""How a run reads in one sentence, and on the Web UI's page, by what it was for."""

import pytest

from sovereign_dns.checklist import as_markdown
from sovereign_dns.contract import (
    CertificateStatus,
    Phase,
    PoolNameChange,
    ProvisionResult,
    RecordChange,
    StepStatus,
    ZoneChange,
)
from sovereign_dns.standing import standing
from tests.unit.builders import FQDN, LOAD_BALANCER, PARENT

DEPROVISIONING = [
    StepStatus(step="records-find", domain=FQDN),
    StepStatus(step="pool-release", domain=FQDN),
    StepStatus(step="dns-verify", domain=PARENT),
]
DOMAIN_REMOVAL = [StepStatus(step="records-find", domain=FQDN), StepStatus(step="dns-verify", domain="omani.homes")]

DOMAIN_ADDITION = [
    StepStatus(step="nameservers-set", domain="omani.homes"),
    StepStatus(step="dns-verify", domain="omani.homes"),
]

ADDITION_UNDER_THE_LOCK = [
    StepStatus(step="zone-create", domain="omani.homes"),
    StepStatus(step="certificate-request", domain="t110.omani.homes"),
    StepStatus(step="records-upsert", domain="omani.homes"),
    StepStatus(step="dns-verify", domain="omani.homes"),
]
PROVISIONING = [*ADDITION_UNDER_THE_LOCK, StepStatus(step="pool-commit", domain=PARENT)]


def status(phase: Phase, steps: list[StepStatus], **fields: object) -> ProvisionResult:
    return ProvisionResult(deployment_id="", sovereign_fqdn=FQDN, phase=phase, steps=steps).changed(**fields)


@pytest.mark.parametrize(
    ("steps", "phase", "sentence"),
    [
        ([], "complete", f"{FQDN} is complete"),
        (DOMAIN_ADDITION, "complete", f"{FQDN} under omani.homes is complete"),
        (ADDITION_UNDER_THE_LOCK, "complete", f"{FQDN} under omani.homes is complete"),
        (PROVISIONING, "complete", f"{FQDN} is complete"),
        (DEPROVISIONING, "complete", f"{FQDN} is deprovisioned: nothing of it was found"),
        (DEPROVISIONING, "planned", f"the removal of {FQDN} is planned: nothing was changed"),
        (DEPROVISIONING, "degraded", f"the removal of {FQDN} is degraded"),
        (DOMAIN_REMOVAL, "complete", f"{FQDN} under omani.homes is removed: nothing of it was found"),
        (DOMAIN_REMOVAL, "cancelled", f"the removal of {FQDN} under omani.homes is cancelled"),
    ],
)
def test_what_is_complete_depends_on_what_the_run_was_for(steps: list[StepStatus], phase: Phase, sentence: str) -> None:
    assert standing(status(phase, steps)) == sentence


def test_a_removal_that_took_something_away_does_not_say_that_it_found_nothing() -> None:
    removed = PoolNameChange(domain=PARENT, subdomain="t110", change="released")
    assert standing(status("complete", DEPROVISIONING, pool_names=[removed])) == f"{FQDN} is deprovisioned"


@pytest.mark.parametrize(
    ("steps", "phase", "words"),
    [
        (DEPROVISIONING, "deprovisioning", f"### {FQDN} is being removed"),
        (DEPROVISIONING, "complete", f"### {FQDN} is removed, and DNS answers its names no more"),
        (DEPROVISIONING, "degraded", f"### {FQDN} is **degraded**: not everything is proved to be gone"),
        (DOMAIN_REMOVAL, "deprovisioning", f"### {FQDN} under omani.homes is being removed"),
    ],
)
def test_the_headline_says_so_too(steps: list[StepStatus], phase: Phase, words: str) -> None:
    assert as_markdown(status(phase, steps)).splitlines()[0] == words


def test_everything_that_was_taken_away_is_listed() -> None:
    console = RecordChange(
        zone="omani.works.", name=f"console.{FQDN}.", type="A", ttl=60, before=[LOAD_BALANCER], change="removed"
    )
    markdown = as_markdown(
        status(
            "complete",
            DEPROVISIONING,
            records=[console],
            zones=[ZoneChange(zone=f"{FQDN}.", change="removed", signed=True)],
            pool_names=[PoolNameChange(domain=PARENT, subdomain="t110", change="released")],
            certificates=[CertificateStatus(name="tls", namespace="kube-system", dns_names=[FQDN], change="removed")],
        )
    )

    assert f"- zone {FQDN}. removed" in markdown
    assert f"- pool name t110 of {PARENT} released" in markdown
    assert "- Certificate tls in kube-system removed" in markdown
    assert f"- `console.{FQDN}.` A: {LOAD_BALANCER} → nothing" in markdown


def test_one_that_follows_by_force_shows_its_own_step_and_where_the_work_is_done() -> None:
    waited = [StepStatus(step="lock-await", domain=FQDN, state="done", outcome="no run held the lock")]
    handed_over = as_markdown(status("deprovisioning", waited, handed_over_to=f"sovereign/{FQDN}"))

    assert f"sovereign/{FQDN}" in handed_over
    assert "`lock-await`" in handed_over
