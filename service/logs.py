"""Structured logs: one JSON object a line, our own and the libraries' alike, each with the Sovereign and the step."""

import logging
import sys

import structlog
from structlog.typing import EventDict, WrappedLogger
from temporalio.runtime import LogForwardingConfig, LoggingConfig, TelemetryFilter


def configure(level: str) -> None:
    """Sends every log line of the process to stderr as JSON. `level` is a name such as INFO."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), _temporal_context],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    for chatty in ("httpx", "httpcore", "httpx2", "httpcore2"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # Each failed attempt would be told twice, the second time with a stack trace that nobody needs:
    # `activities.classification` says what failed, for whom, and in which step.
    logging.getLogger("temporalio.activity").addFilter(_is_not_a_classified_failure)


def of_the_core() -> LoggingConfig:
    """Has the SDK's core, which is no Python, log through us; by default it prints lines of its own form to stderr."""
    forwarding = LogForwardingConfig(logger=logging.getLogger("temporalio.core"), prepend_target_on_message=False)
    return LoggingConfig(filter=TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding=forwarding)


def _temporal_context(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Lifts what the SDK attaches to its own lines to the names that ours have."""
    info = event.pop("temporal_workflow", None) or event.pop("temporal_activity", None)
    if isinstance(info, dict):
        workflow_id = str(info.get("workflow_id", ""))
        event.setdefault("workflow_id", workflow_id)
        event.setdefault("run_id", info.get("run_id") or info.get("workflow_run_id"))
        event.setdefault("step", info.get("activity_id") or info.get("workflow_type"))
        if workflow_id.startswith("sovereign/"):
            event.setdefault("sovereign", workflow_id.removeprefix("sovereign/"))
    for key in ("temporal_log", "workflow_info", "activity_info", "__temporal_error_identifier"):
        event.pop(key, None)
    return event


def _is_not_a_classified_failure(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Completing activity as failed")
