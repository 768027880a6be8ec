"""Constraints that pin each dependency of pyproject.toml to its lower bound: ``lowest.py EXTRA ...``."""

import re
import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = project["optional-dependencies"]
for requirement in [*project["dependencies"], *(line for extra in sys.argv[1:] for line in extras[extra])]:
    match = re.fullmatch(r"([\w.-]+)>=([\w.]+)(?:;.*)?", requirement.replace(" ", ""))
    if match:
        print(f"{match[1]}=={match[2]}")
