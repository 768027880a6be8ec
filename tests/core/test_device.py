"""Devices without one: errors, memory, and the GPU's code on numpy, on the simulator and as PTX."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from naive import all_states
from strict_device import DeviceArray

import spinlab as sl
from spinlab._core import device
from spinlab._core.state_sums import dense_log_z, layer_blocks, log_sum_exp
from spinlab.exact.enumeration import gpu

# --- model.to ------------------------------------------------------------------------------------------


@pytest.fixture
def simulated(monkeypatch):
    """Models may say that they are on the GPU; kernels are not called."""
    monkeypatch.setenv("NUMBA_ENABLE_CUDASIM", "1")


def test_without_the_extra(monkeypatch):
    monkeypatch.delenv("NUMBA_ENABLE_CUDASIM", raising=False)
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ImportError, match=r"pip install 'spinlab\[gpu\]'.*model\.to\('cpu'\)"):
        sl.ensembles.sk(4, rng=0).to("gpu")


class FakeRuntime:
    """A CuPy without a device."""

    class CUDARuntimeError(RuntimeError):
        pass

    def __init__(self, count):
        self.count = count

    def getDeviceCount(self):
        if self.count is None:
            raise self.CUDARuntimeError("cudaErrorInsufficientDriver")
        return self.count


@pytest.mark.parametrize(
    ("count", "message"), [(0, "has no CUDA device"), (None, "cudaErrorInsufficientDriver")]
)
def test_without_a_device(monkeypatch, count, message):
    from types import SimpleNamespace

    monkeypatch.delenv("NUMBA_ENABLE_CUDASIM", raising=False)
    monkeypatch.setitem(
        sys.modules, "cupy", SimpleNamespace(cuda=SimpleNamespace(runtime=FakeRuntime(count)))
    )
    monkeypatch.setitem(sys.modules, "numba_cuda", SimpleNamespace(__version__="0"))
    with pytest.raises(RuntimeError, match=message):
        sl.ensembles.sk(4, rng=0).to("gpu")


@pytest.mark.parametrize(("worker", "used"), [(None, []), ("0", [0]), ("5", [1])])
def test_workers_of_a_sweep_take_devices_of_their_own(monkeypatch, worker, used):
    """Worker 5 of two devices computes on number 1; other processes stay where the user put them."""
    from types import SimpleNamespace

    chosen = []

    class Device:
        def __init__(self, number):
            self.number = number

        def use(self):
            chosen.append(self.number)

    monkeypatch.delenv("NUMBA_ENABLE_CUDASIM", raising=False)
    monkeypatch.delenv(device.WORKER, raising=False)
    if worker is not None:
        monkeypatch.setenv(device.WORKER, worker)
    cuda = SimpleNamespace(runtime=FakeRuntime(2), Device=Device)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda))
    monkeypatch.setitem(sys.modules, "numba_cuda", SimpleNamespace(__version__="0"))
    sl.ensembles.sk(4, rng=0).to("gpu")
    assert chosen == used
    monkeypatch.setenv(device.WORKER, "node-1")
    with pytest.raises(ValueError, match=r"SPINLAB_WORKER must be the number of a worker.*'node-1'"):
        sl.ensembles.sk(4, rng=0).to("gpu")


def test_dask_workers_are_numbered_on_each_machine():
    from spinlab._commands._scheduler import worker_numbers

    addresses = ["tcp://a:40001", "tcp://b:40000", "tcp://a:40000", "tcp://[::1]:7"]
    assert worker_numbers(addresses) == {
        "tcp://a:40000": 0,
        "tcp://a:40001": 1,
        "tcp://b:40000": 0,
        "tcp://[::1]:7": 0,
    }


def test_to(simulated):
    model = sl.ensembles.sk(5, rng=0)
    on_gpu = model.to("gpu")
    assert (model.device, on_gpu.device, on_gpu.to("cpu").device) == ("cpu", "gpu", "cpu")
    assert on_gpu.to("gpu") is on_gpu
    assert repr(on_gpu) == "<DenseIsing: N=5, on the gpu>"
    for other in (on_gpu.scaled(2), on_gpu.with_std(1), on_gpu.to_sparse(), on_gpu.to_sparse().to_dense()):
        assert other.device == "gpu"
    np.testing.assert_array_equal(on_gpu.scaled(2).J, 2 * model.J)
    with pytest.raises(AttributeError, match="immutable"):
        on_gpu.device = "cpu"
    with pytest.raises(ValueError, match=r"unknown device 'tpu'; did you mean 'gpu'\? known: cpu, gpu"):
        model.to("tpu")


# --- memory --------------------------------------------------------------------------------------------


def test_blocks_fit_and_cover(monkeypatch):
    monkeypatch.setattr(device, "free_bytes", lambda: 1000)
    cut = list(device.blocks(50, 30.0, 100, "work", multiple=4))
    assert [i for part in cut for i in range(part.start, part.stop)] == list(range(50))
    assert max(part.stop - part.start for part in cut) == 28  # of the 30 that fit, whole fours
    with pytest.raises(ValueError, match=r"work needs about .* GiB on the GPU, .* GiB are free"):
        list(device.blocks(50, 300.0, 100, "work", multiple=4))


@pytest.mark.parametrize("place", ["cpu", "gpu"])
def test_device_arrays_do_not_mix_with_a_model(simulated, place):
    """CuPy's arrays refuse to become numpy's; the message says what to do."""
    model = sl.ensembles.rbm_gaussian(2, 2, rng=0).to(place)
    states = DeviceArray(np.ones((1, 2)))
    with pytest.raises(TypeError, match=r"initial lies on the GPU.*use \.get\(\)"):
        sl.dynamics.block_gibbs(model, 1, initial=states)
    with pytest.raises(TypeError, match=r"use \.get\(\)"):
        model.free_energy(states)
    with pytest.raises(TypeError, match=r"data lies on the GPU.*use \.get\(\)"):
        sl.rbm.Trainer(sl.rbm.RBM(2, 2, rng=0)).fit(states, 1)
    with pytest.raises(TypeError, match=r"J lies on the GPU"):
        sl.models.DenseIsing(states)


# --- array code, which is the same on the GPU -------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9])
def test_ln_z_of_all_states(n):
    rng = np.random.default_rng(n)
    G = np.triu(rng.normal(size=(n + 1, n + 1)), 1)
    G += G.T
    s = np.hstack([np.ones((2**n, 1)), all_states(n)])
    energy = -((s @ G) * s).sum(1) / 2
    for beta in (0.0, 0.3, 2.0):
        expected = np.logaddexp.reduce(-beta * energy)
        for core in (1, 3, 4, 36):
            assert dense_log_z(np, G, beta, core) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_ln_z_says_where_the_product_underflows():
    G = sl.ensembles.sk(14, rng=0).J  # couplings of random sign: no state comes near the sum of the minima
    assert dense_log_z(np, G, 1.0, 9) is not None
    assert dense_log_z(np, G, 1000.0, 9) is None


def test_ln_z_on_the_gpu_falls_back_where_the_product_underflows(simulated):
    model = sl.ensembles.sk(12, rng=1)
    betas = [0.1, 1.0, 1000.0]
    np.testing.assert_allclose(
        sl.log_partition(model.to("gpu"), betas), sl.log_partition(model, betas), rtol=1e-12
    )


@pytest.mark.parametrize("beta", [None, 0.7])
@pytest.mark.parametrize(("low", "rows"), [(0, 100), (2, 3), (4, 1)])
def test_sums_over_a_layer(beta, low, rows):
    rng = np.random.default_rng(low)
    W, b, c = rng.normal(size=(5, 3)), rng.normal(size=5), rng.normal(size=3)
    s = np.array([[1 if r >> (4 - i) & 1 else -1 for i in range(5)] for r in range(32)])
    x = s @ W + c
    if beta is None:
        expected = s @ b + np.abs(x).sum(1)
    else:
        expected = beta * (s @ b) + np.log(2 * np.cosh(beta * x)).sum(1)

    def pair_sums(X, Y):
        x = X[:, None] + Y[None]
        return (np.abs(x) if beta is None else np.log(2 * np.cosh(beta * x))).sum(2)

    blocks = list(layer_blocks(np, pair_sums, W, b, c, beta, low, rows))
    np.testing.assert_allclose(np.concatenate([block.ravel() for block in blocks]), expected, rtol=1e-12)
    assert log_sum_exp(np, expected) == pytest.approx(np.logaddexp.reduce(expected))


def float32_minima(noise):
    """What the kernel would find, by the naive energies of all states, wrong by less than its bound."""

    def rough(G, chunk_bits, size, exact):
        n = len(G) - 1
        bits = n - (chunk_bits + 14)
        s = np.ones((2**n, n + 1))
        numbers = np.arange(2**n)
        for i in range(n):
            s[:, i + 1] = 2.0 * (numbers >> (n - 1 - i) & 1) - 1
        energy = -np.einsum("ki,ij,kj->k", s, G, s, optimize=True) / 2
        minima = energy.reshape(2**bits, -1).min(1)
        error = noise * size
        return minima + error * np.random.default_rng(0).uniform(-1, 1, len(minima)), error

    return rough


@pytest.mark.parametrize("noise", [0.0, 1e-6, 3e-2])
@pytest.mark.parametrize("kind", ["gauss", "integer", "fields"])
def test_the_screened_search_proves_its_answer(simulated, monkeypatch, kind, noise):
    """However rough the screening within its stated bound, the answer is the CPU's."""
    rng = np.random.default_rng(7)
    N = 17
    J = np.triu(rng.integers(-1, 2, (N, N)) if kind == "integer" else rng.normal(size=(N, N)), 1)
    model = sl.models.DenseIsing(J + J.T, rng.normal(size=N) if kind == "fields" else None)
    monkeypatch.setattr(gpu, "CHUNK_BITS", 14)
    monkeypatch.setattr(gpu, "rough_minima", float32_minima(noise))
    a, b = (sl.exact.enumeration.ground_state(m, degeneracy=True) for m in (model.to("gpu"), model))
    np.testing.assert_array_equal(a.state, b.state)
    assert (a.energy, a.lower_bound, a.degeneracy) == (b.energy, b.lower_bound, b.degeneracy)


def test_small_models_stay_on_the_cpu(simulated):
    model = sl.ensembles.sk(12, rng=3)
    assert sl.ground_state(model.to("gpu")).energy == sl.ground_state(model).energy


def test_the_limit_is_higher_on_the_gpu(simulated):
    model = sl.ensembles.sk(53, rng=0)
    with pytest.raises(ValueError, match="its limit is N=52"):
        sl.exact.enumeration.ground_state(model.to("gpu"))
    with pytest.raises(ValueError, match="its limit is N=40"):
        sl.exact.enumeration.ground_state(sl.models.DenseIsing(np.eye(53) - 1))
    seconds = [
        sl.exact.enumeration.cost(m.to(d))[0]
        for m in [sl.models.DenseIsing(np.eye(48) - 1)]
        for d in ("gpu", "cpu")
    ]
    assert seconds[0] < seconds[1] / 100


# --- kernels -------------------------------------------------------------------------------------------


def run(*words, **variables):
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        env=os.environ | variables,
        cwd=Path(__file__).parents[2],
        timeout=900,
    )


def test_kernels_on_the_simulator():
    pytest.importorskip("numba_cuda", reason="needs numba-cuda")
    words = ["-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", "tests/core/test_cuda.py"]
    done = run(*words, NUMBA_ENABLE_CUDASIM="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


PTX = """
from numba import cuda, boolean, float32, float64, int8, int64, uint32, uint64
import numpy as np
try:
    cuda.compile(lambda x: x, (float64,), device=True, cc=(9, 0))
except Exception as error:  # no toolkit
    print("skip:", type(error).__name__, error)
    raise SystemExit
from spinlab._core.cuda import annealing, exchange, layer, layers, search, units, visits

def compile(kernel, *types):
    code, _ = cuda.compile(kernel.py_func, types, device=False, abi="numba", cc=(9, 0))
    assert ".target sm_90" in code and ".entry" in code
    return code

end = (uint64, int64, int64, int64, int64)
for width, dtype, real in ((256, np.float64, float64), (0, np.float32, float32)):
    compile(visits.make_dense(width, dtype), real[:, ::1], real[::1], boolean, float64, float64[::1],
            float64[::1], int8[:, ::1], real[:, :, ::1], boolean[:, ::1], *end)
code = compile(visits.make_pattern(12), float64[:, ::1], float64, float64[::1], float64[::1], boolean,
               float64, float64[::1], float64[::1], int8[:, ::1], float64[:, ::1], boolean[:, ::1], *end)
assert ".local" not in code, "the overlaps have left the registers"
graph = int64[::1], int64[::1], float64[::1], float64[::1]
compile(visits.make_sparse(32), *graph, boolean, float64, float64[::1], float64[::1], int8[:, ::1],
        boolean[:, ::1], *end[:-1])
compile(visits.sparse_energy, *graph, int8[:, ::1], float64[::1])
for rows, dtype, real, name in ((6, np.float32, float32, "f32"), (5, np.float64, float64, "f64")):
    kernel = search.make_search(rows, 7, dtype)
    code = compile(kernel, float64[:, ::1], real[:, ::1], float64[::1], int64, int64, real[::1])
    assert ".local" not in code, "the minima have left the registers"
    # One addition and one comparison per state: 8 x 4 of each in the inner loop.
    assert 32 <= code.count("min." + name) <= 80, code.count("min." + name)
    shared = [line for line in code.splitlines() if ".shared .align" in line]
    assert sum(int(line.split("[")[1].split("]")[0]) for line in shared) <= 49152
for f in (layer.absolute, layer.ln_2cosh):
    compile(layer.make_pair_sums(f), float64[:, ::1], float64[:, ::1], float64, float64[:, ::1])
compile(layers._draw, float64[:, ::1], float64[::1], uint64, int64, int64, uint32, float64[:, ::1])
compile(annealing._draw, float32[:, ::1], float64[::1], float64, float64[::1], uint64, int64, int64, uint32,
        float32[:, ::1])
compile(annealing._collect, float32[:, ::1], float64[::1], float64, float64, float64[::1])
grid, line = float64[:, ::1], float64[::1]
for states in (int8[:, ::1], int8[::1, :], grid):
    compile(exchange._exchange, line, line, states, line, int64[:, ::1], *5 * [grid], int8[:, ::1],
            int64[::1], line, int8[:, ::1], uint64, int64, boolean, boolean)
compile(units._draw, float32[:, ::1], uint64, int64, uint32, float32[:, ::1])
print("compiled")
"""


def test_kernels_compile_for_compute_capability_9():
    """Types as at the calls; the toolkit's wheels come with the extra spinlab[gpu]."""
    pytest.importorskip("numba_cuda", reason="needs numba-cuda")
    done = run("-c", PTX, NUMBA_ENABLE_CUDASIM="0")
    assert done.returncode == 0, done.stdout + done.stderr
    if done.stdout.startswith("skip:"):
        pytest.skip(done.stdout.strip())
    assert done.stdout.strip().endswith("compiled")


# --- the command line ------------------------------------------------------------------------------------


def test_the_commands_have_the_option(tmp_path, capsys, simulated, monkeypatch):
    from spinlab import cli

    (tmp_path / "model.txt").write_text("# N: 3\n0 1 1.0\n1 2 1.0\n0 2 1.0\n")
    words = ["ground-state", str(tmp_path / "model.txt"), "--device", "gpu"]
    assert cli.main(words) == 0
    out = capsys.readouterr().out
    assert "energy      -3" in out
    assert "on the gpu" in out
    monkeypatch.delenv("NUMBA_ENABLE_CUDASIM")
    monkeypatch.setitem(sys.modules, "cupy", None)
    for command in (
        words,
        ["accessibility", "sk", "-N", "6", "--device", "gpu", "--quiet"],
        ["scan", "sk", "--size", "6", "--temperatures", "1", "--device", "gpu", "--quiet"],
    ):
        assert cli.main(command) == 1
        assert "pip install 'spinlab[gpu]'" in capsys.readouterr().err


def test_a_point_of_the_accessibility_command_on_the_gpu(simulated, monkeypatch):
    from spinlab import observables
    from spinlab._commands.accessibility import measure

    seen = []
    real = observables.gibbs_accessibility
    monkeypatch.setattr(
        observables,
        "gibbs_accessibility",
        lambda model, *args, **options: seen.append(model.device) or real(model.to("cpu"), *args, **options),
    )
    a, b = (measure("sk", 1.0, 2, 3, rng=1, device=d, N=6) for d in ("gpu", "cpu"))
    assert seen == ["gpu", "cpu"]
    assert a["ratio"].tolist() == b["ratio"].tolist()
