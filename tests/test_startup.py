"""Start-up stays light: what is imported is checked, since times vary from machine to machine."""

from __future__ import annotations

import subprocess
import sys

import pytest

import spinlab

HEAVY = ("numpy", "numba", "scipy", "networkx", "matplotlib", "xarray", "pandas", "dimod", "tqdm")


def loaded_after(code: str, among: tuple[str, ...]) -> set[str]:
    """Which of the packages a fresh interpreter has loaded after running ``code``."""
    script = f"import sys\n{code}\nprint('loaded:', *(m for m in {among!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("loaded:")[2].split())


def test_the_check_sees_an_import() -> None:
    assert loaded_after("import numpy", HEAVY) == {"numpy"}


def test_import_spinlab_loads_nothing_heavy() -> None:
    assert loaded_after("import spinlab", HEAVY) == set()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["study", "--help"], ["sweep", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = f"from spinlab.cli import main\ntry:\n    main({arguments!r})\nexcept SystemExit:\n    pass"
    assert loaded_after(code, HEAVY) == set()


@pytest.mark.parametrize("package", ["models", "ensembles", "datasets", "sweeps"])
def test_no_compiler_without_kernels(package: str) -> None:
    on_use = ("numba", "matplotlib", "xarray", "dimod", "networkx", "tqdm", "scipy.stats")
    assert loaded_after(f"import spinlab.{package}", on_use) == set()


@pytest.mark.parametrize(
    "package", ["exact", "dynamics", "observables", "solve", "plotting", "rbm.estimator"]
)
def test_third_parties_wait_for_their_use(package: str) -> None:
    on_use = ("matplotlib", "xarray", "dimod", "networkx", "tqdm", "scipy.stats", "sklearn")
    assert loaded_after(f"import spinlab.{package}", on_use) == set()


@pytest.mark.parametrize(
    ("name", "where"),
    [("gibbs", "spinlab.dynamics.gibbs"), ("RBM", "spinlab.rbm.RBM"), ("sk", "spinlab.ensembles.sk"),
     ("scan", "spinlab.scans.scan"), ("Sweep", "spinlab.sweeps.Sweep")],
)  # fmt: skip
def test_names_of_packages_are_found_from_the_top(name: str, where: str) -> None:
    with pytest.raises(AttributeError, match=rf"it is {where}$"):
        getattr(spinlab, name)


def test_what_is_nowhere_is_not_there() -> None:
    with pytest.raises(AttributeError, match="it has __version__, models"):
        spinlab.nothing  # noqa: B018
    assert not hasattr(spinlab, "_repr_html_")
