"""Prints what extras of pyproject.toml install, one requirement a line; this project's own extras are followed.

requirements.py EXTRA… [NAME=OTHER…]: `onnxruntime=onnxruntime-gpu` takes OTHER where NAME is asked for, `xllamacpp=`
leaves it out.
"""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_OWN = re.compile(r"timbre-voices\[(.*)\]")


def requirements(project: dict[str, Any], extras: list[str], instead: dict[str, str]) -> list[str]:
    """The requirements of the project with these extras. Raises KeyError for an unknown extra."""
    optional: dict[str, list[str]] = project["optional-dependencies"]
    waiting, seen = list(extras), set[str]()
    found = set[str](project["dependencies"])
    while waiting:
        extra = waiting.pop()
        if extra in seen:
            continue
        seen.add(extra)
        for requirement in optional[extra]:
            own = _OWN.fullmatch(requirement)
            name = _NAME.findall(requirement)[0]
            if own:
                waiting += own[1].split(",")
            elif other := instead.get(name, name):
                found.add(other + requirement.removeprefix(name))
    return sorted(found)


def main(arguments: list[str]) -> None:
    """Print them."""
    extras = [each for each in arguments if "=" not in each]
    instead = dict(each.split("=", 1) for each in arguments if "=" in each)
    project = tomllib.loads(Path(__file__).with_name("pyproject.toml").read_text(encoding="utf-8"))["project"]
    sys.stdout.write("".join(f"{each}\n" for each in requirements(project, extras, instead)))


if __name__ == "__main__":
    main(sys.argv[1:])
