"""`schema`: the contract as JSON Schema, for those who call from other languages."""

import json
from pathlib import Path
from typing import Annotated

import typer

from sovereign_dns.published_models import CONTRACT_MODELS

Name = Annotated[str | None, typer.Argument(help="One of them, such as ProvisionSovereign.input.", show_default=False)]
Write = Annotated[Path | None, typer.Option("--write", help="Write a file for each into this folder.")]
Check = Annotated[Path | None, typer.Option("--check", help="Exit 1 unless the files in this folder are current.")]


def schema(name: Name = None, write: Write = None, check: Check = None) -> None:
    """Print JSON Schema for every workflow's input and output."""
    schemas = {key: _schema_of(key) for key in CONTRACT_MODELS}
    if name is not None and name not in schemas:
        raise typer.BadParameter(f"{name} is none of {', '.join(schemas)}")
    if write is not None:
        write.mkdir(parents=True, exist_ok=True)
        for key, text in schemas.items():
            (write / f"{key}.json").write_text(text, encoding="utf-8")
    elif check is not None:
        stale = [key for key, text in schemas.items() if _read(check / f"{key}.json") != text]
        if stale:
            print(f"not current in {check}: {', '.join(stale)}; run: sovereign-dns schema --write {check}")
            raise typer.Exit(1)
    elif name is not None:
        print(schemas[name], end="")
    else:
        print(json.dumps({key: json.loads(text) for key, text in schemas.items()}, indent=2))


def _schema_of(key: str) -> str:
    mode = "serialization" if key.endswith(".output") else "validation"
    described = CONTRACT_MODELS[key].model_json_schema(by_alias=True, mode=mode)  # type: ignore[arg-type]
    described = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"sovereign-dns:{key}"} | described
    return json.dumps(described, indent=2, sort_keys=True) + "\n"


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None
