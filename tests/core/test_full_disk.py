"""Writers on a full disk and under a limit of the size of files: the file is named, the old one stays."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import spinlab as sl
from spinlab import rbm, studies
from spinlab.exact.branching import ground_state

pytest.importorskip("h5py", reason="needs spinlab[exchange]")
pytest.importorskip("safetensors", reason="needs spinlab[exchange]")
if not sys.platform.startswith("linux"):
    pytest.skip("limits a process and mounts a file system in memory", allow_module_level=True)

import resource

ROOM = 8_000  # bytes; every file below is larger
RNG = np.random.default_rng(0)
J = np.triu(RNG.normal(size=(100, 100)), 1)
MODEL = sl.models.DenseIsing(J + J.T)
MACHINE = rbm.RBM(80, 80, rng=0)


def train(path):
    trainer = rbm.Trainer(rbm.RBM(80, 80, rng=0), rbm.CD(1), rng=0)
    trainer.fit(np.ones((4, 80)), 2 if path.exists() else 1, checkpoint=path, progress=False)


def values(x, rng):
    return {"y": np.arange(1000.0) / 7}


def export(path):
    store = path.parent / "sweep.sqlite"
    if not store.exists():
        sl.sweeps.Sweep(values, {"x": [1, 2]}, replicas=1).run(store, progress=False)
    sl.sweeps.Store(store).export(path)


def draw(path):
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    ax.imshow(RNG.normal(size=(90, 90)))
    try:
        studies.Output(path.parent).figure(figure, path.stem)
    finally:
        plt.close(figure)


WRITERS = {
    "model.npz": lambda path: sl.models.save_instance(MODEL, path),
    "model.txt": lambda path: sl.models.save_instance(MODEL, path),
    "machine.npz": MACHINE.save,
    "machine.safetensors": lambda path: rbm.save_safetensors(MACHINE, path),
    "machine.h5": lambda path: rbm.save_hdf5(MACHINE, path),
    "checkpoint.npz": train,
    "grid.nc": lambda path: sl.sweeps.to_netcdf(xr.Dataset({"y": ("n", RNG.normal(size=10_000))}), path),
    "grid.csv": export,
    "figure.png": draw,
    "verdict.md": lambda path: studies.Output(path.parent).verdict("numbers " * 2000, {}),
    "proof.npz": lambda path: ground_state(
        sl.ensembles.sk(40, rng=2), certificate=True, nodes=30
    ).certificate.save(path),
}


@pytest.fixture(params=["limit", "disk"])
def little_room(request, tmp_path):
    """A folder, and what leaves only ``ROOM`` bytes in it."""
    if request.param == "limit":
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        yield tmp_path, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, before[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        return
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True)
    if mount.returncode:
        pytest.skip(f"needs the right to mount: {mount.stderr.decode().strip()}")

    def fill():
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        (disk / "large").write_bytes(b"x" * (free - ROOM))

    yield disk, fill
    if subprocess.run(["umount", str(disk)]).returncode:
        subprocess.run(["umount", "-l", str(disk)], check=True)
        pytest.fail("a file was left open")


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_without_room(name, little_room, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    folder, fill = little_room
    path = folder / name
    WRITERS[name](path)  # it works, and compiles what it needs
    old, there = path.read_bytes(), {*os.listdir(folder)}
    assert len(old) > 1.5 * ROOM
    fill()
    with pytest.raises(OSError, match=path.name):
        WRITERS[name](path)
    assert path.read_bytes() == old
    assert {*os.listdir(folder)} - {"large"} == there
