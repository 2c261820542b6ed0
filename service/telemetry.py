"""What the SDK tells of itself and of us: its core's log lines, and Prometheus metrics where they are asked for."""

from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from service import logs
from sovereign_dns.settings import SettingsError


def configure(metrics_address: str | None) -> None:
    """Must come before the first client is made.

    Args:
        metrics_address: where Prometheus finds `/metrics`, an IP address and a port; nowhere where it isn't given.

    Raises:
        SettingsError: the address can't be listened on.
    """
    metrics = None if metrics_address is None else PrometheusConfig(bind_address=metrics_address)
    try:
        # Without the SDK's own label `service_name`: whoever scrapes gives the service its name.
        telemetry = TelemetryConfig(logging=logs.of_the_core(), metrics=metrics, attach_service_name=False)
        Runtime.set_default(Runtime(telemetry=telemetry))
    except ValueError as error:
        raise SettingsError(
            f"SOVEREIGN_DNS_METRICS_ADDRESS: {metrics_address} can't be listened on: {error}"
        ) from error
