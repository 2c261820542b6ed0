"""Options that take one of a list of names: a typo is answered with all of them."""

from collections.abc import Callable, Sequence

import typer


def among(names: Sequence[str]) -> Callable[[list[str] | None], list[str]]:
    """The check of an option that may be repeated.

    Raises:
        typer.BadParameter: a value is none of the names.
    """

    def check(values: list[str] | None) -> list[str]:
        for value in values or []:
            if value not in names:
                raise typer.BadParameter(f"{value!r} is none of: {', '.join(names)}")
        return values or []

    return check
