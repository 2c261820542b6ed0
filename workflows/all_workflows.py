"""Every workflow that the worker runs, and that recorded histories are replayed with."""

from workflows.provision_sovereign import ProvisionSovereign
from workflows.verify_sovereign import VerifySovereign

ALL_WORKFLOWS: list[type] = [ProvisionSovereign, VerifySovereign]
