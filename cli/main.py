"""`sovereign-dns`. Exit codes: 0 done, 1 failed or degraded, 2 wrong usage, 130 after Ctrl-C."""

import importlib.util
import os
import sys

import typer
from temporalio.service import RPCError

from cli.cancelling import cancel
from cli.connection import NoTemporalError
from cli.deprovisioning import deprovision, remove_domain
from cli.explaining import explain
from cli.following import NoSuchRunError
from cli.provisioning import plan, provision
from cli.recorded import NothingToRepeatError
from cli.retrying import retry
from cli.schema import schema
from cli.skipping import skip
from cli.status import status
from cli.verifying import verify, watch

app = typer.Typer(
    name="sovereign-dns",
    help="DNS and TLS of a Sovereign, durable on Temporal and proved by real DNS answers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    provision,
    plan,
    deprovision,
    remove_domain,
    status,
    retry,
    skip,
    cancel,
    verify,
    watch,
    explain,
    schema,
):
    app.command()(command)

# The embedded stack is no part of the worker's image, where operators have the other commands at hand.
if importlib.util.find_spec("devstack") is not None:
    from cli.demo import demo
    from cli.dev import dev

    for command_of_the_stack in (dev, demo):
        app.command()(command_of_the_stack)


def main() -> None:
    """The console script.

    Ends the process itself: Temporal's SDK may crash the interpreter while it is torn down, after all work is
    done (seen on 1.35.0), and the exit code is what scripts rely on.
    """
    code = _exit_code()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _exit_code() -> int:
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except (NoTemporalError, NoSuchRunError, NothingToRepeatError) as error:
        print(f"sovereign-dns: {error}", file=sys.stderr)
    except RPCError as error:
        print(f"sovereign-dns: Temporal answered {error.status.name}: {error.message}", file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    main()
