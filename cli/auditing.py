"""`audit`: what nobody owns and what has changed, looked for once, each hour, and mended finding by finding."""

import typer

from cli.audit_fixing import fix
from cli.audit_runs import run, show
from cli.audit_schedule import disable, enable, status

audit = typer.Typer(
    help="Find what nobody owns, before a stranger answers for it. Nothing is removed but by `audit fix`.",
    no_args_is_help=True,
)
for command in (run, show, enable, disable, status, fix):
    audit.command()(command)
