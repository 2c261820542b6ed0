"""What the list of all Sovereigns tells to do next."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console
from temporalio.client import WorkflowExecutionStatus

from cli import overview
from cli.survey import Run

NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("workflow_type", "failure", "command"),
    [
        ("DeprovisionSovereign", "InvalidInput: sovereignFQDN: is no name", None),
        ("DeprovisionSovereign", "Terminated: by hand", "sovereign-dns deprovision FQDN"),
        ("RemoveParentDomain", None, "sovereign-dns remove-domain NAME --sovereign FQDN"),
        ("ProvisionSovereign", "InvalidInput: sovereignFQDN: is no name", "sovereign-dns provision --again FQDN"),
    ],
)
def test_a_command_to_copy_starts_again_what_was_not_refused(
    workflow_type: str, failure: str | None, command: str | None
) -> None:
    failed = WorkflowExecutionStatus.FAILED
    run = Run("sovereign/t1.omani.works", "r", workflow_type, failed, None, NOW, NOW, failure=failure)
    told = StringIO()

    overview.show([run], [run], 0, Console(file=told, width=200))

    lines = [line for line in told.getvalue().splitlines() if "again" in line]
    assert [line.rpartition(": ")[2] for line in lines] == ([command] if command else [])
