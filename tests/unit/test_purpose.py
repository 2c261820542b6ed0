"""What a run is said to be for, and the command that asks for the same again: one that the program takes."""

import shlex
from typing import Any

import pytest
import typer.main

from cli.main import app
from cli.purpose import purpose_of

FQDN = "t110.omani.works"
PART = {"sovereignFQDN": FQDN, "deploymentId": "d1", "loadBalancerIP": "77.42.11.95"}
RUN_ID = "01994f2b-6d4c-7c1e-a3a8-0d1c36a4a5f1"
REFUSED = "OwnershipConflict: another's"

RUNS: list[tuple[str, dict[str, Any], str | None, str]] = [
    ("ProvisionSovereign", PART, None, f"provision --again {FQDN}"),
    ("VerifySovereign", PART, None, f"verify --again {FQDN}"),
    ("DeprovisionSovereign", {"sovereignFQDN": FQDN}, f"removal of {FQDN}", f"deprovision {FQDN}"),
    (
        "DeprovisionSovereign",
        PART
        | {
            "parentDomains": [{"name": "omani.works"}, {"name": "omani.homes"}],
            "pool": {"domain": "omani.works", "subdomain": "t110"},
            "releasePool": False,
            "deleteCertificates": False,
            "subdomains": ["console"],
            "certificateNamespace": "tls",
            "verification": {"level": "authoritative"},
        },
        f"removal of {FQDN}",
        (
            f"deprovision {FQDN} --ip 77.42.11.95 --deployment-id d1 --certificate-namespace tls --parent omani.works "
            "--parent omani.homes --pool omani.works --subdomain console --keep-pool --keep-certificates "
            "--level authoritative"
        ),
    ),
    (
        "RemoveParentDomain",
        {"sovereignFQDN": FQDN, "name": "omani.homes"},
        f"removal of {FQDN} under omani.homes",
        f"remove-domain omani.homes --sovereign {FQDN}",
    ),
    (
        "AddParentDomain",
        PART
        | {
            "name": "omani.homes",
            "registrar": {"kind": "dynadot", "credentialsRef": "key", "glueIP": "77.42.11.95"},
            "nameservers": ["ns1.x.example"],
            "certificate": {"issuer": "staging"},
            "ttl": 60,
        },
        f"{FQDN} under omani.homes",
        (
            f"add-domain omani.homes --sovereign {FQDN} --ip 77.42.11.95 --deployment-id d1 --registrar dynadot "
            "--credentials key --glue-ip 77.42.11.95 --nameserver ns1.x.example --issuer staging"
        ),
    ),
    (
        "RestoreRecords",
        {"restores": f"sovereign/{FQDN} {RUN_ID}", "sovereignFQDN": FQDN},
        f"restoring what sovereign/{FQDN} took away",
        f"restore sovereign/{FQDN} --run-id {RUN_ID}",
    ),
    (
        "FixFinding",
        {"finding": {"id": "0f3a", "name": "*.omani.works.", "type": "A"}},
        "removal of *.omani.works. A, which an audit found",
        "audit fix 0f3a",
    ),
]


@pytest.mark.parametrize(("workflow_type", "body", "subject", "command"), RUNS)
def test_each_kind_of_run_is_named_and_asked_for_again(
    workflow_type: str, body: dict[str, Any], subject: str | None, command: str
) -> None:
    purpose = purpose_of(workflow_type, body)
    assert (purpose.subject, purpose.command) == (subject, f"sovereign-dns {command}")
    _insist_on_taken(shlex.split(command))


def _insist_on_taken(words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        name, *words = words
        command = command.commands[name]
    command.make_context(command.name, words)


def test_what_was_refused_is_not_spoken_of_as_something_left_over() -> None:
    removal = purpose_of("DeprovisionSovereign", {"sovereignFQDN": FQDN})
    command = f"sovereign-dns deprovision {FQDN}"
    assert removal.how_to_start_again() == f"to start it again for what is left of it: {command}"
    refused = removal.how_to_start_again(REFUSED)
    assert refused == f"it was refused as it was asked for. Correct what the failure names, and ask again: {command}"


def test_an_input_that_cannot_be_read_leaves_the_name_of_the_lock() -> None:
    assert purpose_of("DeprovisionSovereign", {}, f"sovereign/{FQDN}").command == f"sovereign-dns deprovision {FQDN}"


def test_where_nobody_can_say_what_it_was_started_with_no_command_is_made_up() -> None:
    told = "to start it again, give the command that it was started with"
    for workflow_type, body in (("RestoreRecords", {"restores": "by catalyst-api"}), ("FixFinding", {})):
        assert purpose_of(workflow_type, body).how_to_start_again(REFUSED) == told
