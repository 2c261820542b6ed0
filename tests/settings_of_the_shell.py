"""What the shell may set for a worker of the embedded stack, and tests and recordings must not get."""

import os

_LEADING_OUT = (
    "CATALYST_OWNED_NETWORKS",
    "HCLOUD_TOKEN",
    "HCLOUD_TOKEN_FILE",
    "TEMPORAL_DEPLOYMENT_NAME",
    "TEMPORAL_WORKER_BUILD_ID",
)


def forget() -> None:
    """For this process and those that it starts: no audit asks the Hetzner Cloud for somebody's own servers."""
    for variable in _LEADING_OUT:
        os.environ.pop(variable, None)
