"""What publishes the package agrees with pyproject.toml: the conda recipe, the workflows, the templates."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest

import spinlab as sl

ROOT = Path(sl.__file__).parents[1]
if not (ROOT / ".github").is_dir():
    pytest.skip("not in a clone of the repository", allow_module_level=True)
yaml = pytest.importorskip("yaml")

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OTHER_NAMES = {"matplotlib-base": "matplotlib"}
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def recipe():
    """The conda recipe, with what conda-build would put into its braces."""
    text = (ROOT / "packaging" / "conda" / "meta.yaml").read_text()
    version = re.search(r'{% set version = environ\.get\("SPINLAB_VERSION", "(.+?)"\) %}\n', text)
    text = text.replace(version[0], "").replace("{{ version }}", version[1]).replace("{{ PYTHON }}", "python")
    assert "{{" not in text
    assert "{%" not in text
    return yaml.safe_load(text)


def bounds(requirements):
    """Names and lowest versions."""
    found = {}
    for text in requirements:
        name, _, version = text.replace(" ", "").partition(">=")
        found[OTHER_NAMES.get(name, name)] = version
    return found


def test_recipe_and_project_agree():
    meta = recipe()
    python = PROJECT["requires-python"].removeprefix(">=")
    assert bounds(meta["requirements"]["run"]) == bounds(PROJECT["dependencies"]) | {"python": python}
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert bounds(meta["requirements"]["host"]) == bounds(build) | {"python": python, "pip": ""}
    assert meta["package"] == {"name": PROJECT["name"], "version": sl.__version__}
    assert (meta["about"]["summary"], meta["about"]["license"]) == (
        PROJECT["description"],
        PROJECT["license"],
    )
    scripts = [f"{name} = {target}" for name, target in PROJECT["scripts"].items()]
    assert meta["build"]["entry_points"] == scripts
    assert (ROOT / meta["about"]["license_file"]).is_file()
    assert (ROOT / "packaging" / "conda" / meta["source"]["path"]).resolve() == ROOT


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows(path):
    """What GitHub refuses, or would run otherwise than meant."""
    flow = yaml.safe_load(path.read_text())
    assert {"name", "permissions", "jobs"} <= flow.keys()
    assert flow.keys() & {True, "on"}  # YAML 1.1 reads `on` as a truth value
    for name, job in flow["jobs"].items():
        assert re.fullmatch(r"[a-z][\w-]*", name)
        assert {"runs-on", "timeout-minutes", "steps"} <= job.keys()
        assert set(job.get("needs", [])) <= flow["jobs"].keys()
        axes = job.get("strategy", {}).get("matrix", {})
        axes = set(axes).union(*axes.get("include", [])) - {"include"}
        named = set(re.findall(r"matrix\.([\w-]+)", yaml.safe_dump(job)))
        assert named <= axes, "a matrix without this axis"
        assert axes <= named, "an axis that nothing reads"
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"])
                continue
            command = step["run"].split()[0]
            if command.startswith("."):
                assert os.access(ROOT / command, os.X_OK), f"{command} cannot be run"
            else:
                assert command == "make"
                assert f"\n{step['run'].split()[1]}:" in (ROOT / "Makefile").read_text()
    text = path.read_text()
    assert text.count("${{") == len(re.findall(r"\${{ [^{}]+ }}", text))


def test_versions_that_are_promised_are_tested():
    promised = {x.rpartition(" ")[2] for x in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", x)}
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    matrix = jobs["tests"]["strategy"]["matrix"]
    assert promised <= set(matrix["python"])
    assert min(promised, key=lambda v: int(v[2:])) == PROJECT["requires-python"].removeprefix(">=")
    assert [x["python"] for x in matrix["include"] if x["lowest"]] == ["3.11"]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_issue_templates(path):
    form = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= form.keys()
    named = [part["id"] for part in form["body"] if "id" in part]
    assert len(named) == len(set(named))
    for part in form["body"]:
        kinds = {"markdown": "value", "input": "label", "textarea": "label", "dropdown": "label"}
        kinds |= {"checkboxes": "label"}
        assert kinds[part["type"]] in part["attributes"]


def test_there_is_something_to_check():
    assert WORKFLOWS
    assert TEMPLATES
