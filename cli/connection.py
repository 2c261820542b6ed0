"""The connection to Temporal, configured by its own environment variables and TOML file."""

from pathlib import Path

from dotenv import load_dotenv
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

DEFAULT_ADDRESS = "localhost:7233"


class NoTemporalError(Exception):
    """Temporal can't be reached; the message says where it was looked for."""


async def connect() -> Client:
    """Connects as `TEMPORAL_*`, a `.env` in this folder, or Temporal's TOML file say.

    Raises:
        NoTemporalError: nothing answers there.
    """
    load_dotenv(Path.cwd() / ".env")
    # What the SDK's core has to say of a moment without Temporal would tear the display apart.
    quiet = LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR"))
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=quiet)), error_if_already_set=False)
    config = ClientConfig.load_client_connect_config()
    config.setdefault("target_host", DEFAULT_ADDRESS)
    try:
        return await Client.connect(**config, data_converter=pydantic_data_converter)
    except RuntimeError as error:
        raise NoTemporalError(
            f"Temporal at {config['target_host']} doesn't answer ({error}). Start it (make dev), or set "
            "TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE."
        ) from error
