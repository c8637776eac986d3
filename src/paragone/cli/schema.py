"""Write the JSON schemas that the YAML files name in their first line, or check that they are current."""

import json
from pathlib import Path

from paragone.project import files, json_schema

FOLDER = Path("schemas")


def run(root: Path, check: bool = False) -> None:
    """Write schemas/params.json and schemas/profile.json. With `check`, raise ValueError for one that differs."""
    for name, made in (("params", json_schema.params()), ("profile", json_schema.profile())):
        file, text = FOLDER / f"{name}.json", json.dumps(made, indent=1) + "\n"
        if not check:
            files.write_text(root / file, text)
            print(file)
        elif not (root / file).is_file() or (root / file).read_text() != text:
            raise ValueError(f"{file}: is not what the code allows now; run `paragone schema`")
