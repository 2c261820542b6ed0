"""Temporal's worker versioning: off, unless the environment says which build of which deployment this worker is."""

from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import WorkerDeploymentConfig

from sovereign_dns.settings import Settings


def deployment_config(settings: Settings) -> WorkerDeploymentConfig | None:
    """What every `Worker` of this process gets, whatever its task queue; None where versioning is off.

    A run moves on to the version that has become current: it may wait for days, and a mended worker is what some
    runs wait for. A run that was pinned would keep its old version's workers, and their mistakes, as long.
    """
    name, build_id = settings.temporal_deployment_name, settings.temporal_worker_build_id
    if name is None or build_id is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(deployment_name=name, build_id=build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )
