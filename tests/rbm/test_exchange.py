"""Machines as files, and weights to and from other packages: the same bits, the same probabilities."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest

import spinlab as sl
from spinlab import rbm

DATA = np.kron([[1, -1], [-1, 1]], np.ones((2, 3)))

KINDS = {
    "RBM": lambda dtype: rbm.RBM(6, 4, biases=True, dtype=dtype, rng=1),
    "RBM without biases": lambda dtype: rbm.RBM(6, 4, dtype=dtype, rng=1),
    "RARBM": lambda dtype: rbm.RARBM(6, 4, 2, scale=0.3, train_scale=True, biases=True, dtype=dtype, rng=1),
    "RARBM fixed": lambda dtype: rbm.RARBM(6, 4, 2, scale=0.7, dtype=dtype, rng=1),
    "DBM": lambda dtype: rbm.DBM([6, 4, 3], biases=True, positive="gibbs", n_positive=7, dtype=dtype, rng=1),
    "RADBM": lambda dtype: rbm.RADBM([6, 4, 3], 2, scale=0.3, train_scale=True, dtype=dtype, rng=1),
    "FBM": lambda dtype: rbm.FBM(6, H=2, biases=True, positive="mean-field", dtype=dtype, rng=1),
    "FBM visible": lambda dtype: rbm.FBM(6, dtype=dtype, rng=1),
    "RAFBM": lambda dtype: rbm.RAFBM(6, 2, H=2, scale=0.3, biases=True, dtype=dtype, rng=1),
    "HybridBM": lambda dtype: rbm.HybridBM(6, 4, biases=True, dtype=dtype, rng=1),
    "RAHybridBM": lambda dtype: rbm.RAHybridBM(6, 4, 2, scale=0.3, train_scale=True, dtype=dtype, rng=1),
}


def trained(name, dtype="float32"):
    machine = KINDS[name](dtype)
    rbm.Trainer(machine, rbm.PCD(1, 5), lr=0.003, batch_size=3, rng=2).fit(DATA, 3)
    return machine


def assert_same(a, b):
    assert type(a) is type(b)
    assert a.config == b.config
    one, other = a.state_dict(), b.state_dict()
    assert one.keys() == other.keys()
    for key in one:
        assert one[key].dtype == other[key].dtype
        np.testing.assert_array_equal(one[key], other[key])
    assert a.decayed == b.decayed
    np.testing.assert_array_equal(a.sample(3, 4, rng=0), b.sample(3, 4, rng=0))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_machine_comes_back_to_the_same_bits(name, dtype, tmp_path):
    machine, path = trained(name, dtype), tmp_path / "machine.npz"
    machine.save(path, metadata={"data": "stripes", "sizes": [2, 3], "note": {"seed": 1}})
    again = rbm.load(path)
    assert_same(machine, again)
    assert again.provenance["metadata"] == {"data": "stripes", "sizes": [2, 3], "note": {"seed": 1}}
    training = again.provenance["training"]
    assert (training["epochs"], training["updates"], again.provenance["spinlab"]) == (3, 6, sl.__version__)
    assert training["settings"]["negative"] == "PCD(k=1, n_chains=5)"
    again.save(tmp_path / "again.npz")
    assert_same(machine, rbm.load(tmp_path / "again.npz"))
    runs = [rbm.Trainer(m, rbm.PCD(1, 5), lr=0.003, batch_size=3, rng=3) for m in (machine, again)]
    for run in runs:
        run.fit(DATA, 2)
    assert_same(machine, again)
    rbm.save_safetensors(machine, tmp_path / "machine.safetensors")
    assert_same(machine, rbm.load_safetensors(tmp_path / "machine.safetensors"))
    arrays = rbm.to_arrays(machine)
    kind = type(machine).__name__
    options = {k: v for k, v in machine.config.items() if k not in ("V", "H", "K", "sizes", "biases")}
    options |= {"V": 6} if "FBM" in kind else {}
    assert_same(machine, rbm.from_arrays(arrays, kind=kind, **options))
    arrays[next(iter(arrays))][...] = 0  # copies
    assert_same(again, rbm.from_arrays(rbm.to_arrays(machine), kind=kind, **options))


def outcome(path):
    """An edit may hit what nobody reads, such as the date of a member."""
    try:
        rbm.load(path)
    except ValueError as error:
        return "named" if str(error).startswith(f"{path}: ") else str(error)
    return "read"


def test_damaged_and_foreign_machines_are_named(tmp_path):
    path = tmp_path / "machine.npz"
    trained("DBM").save(path)
    good = path.read_bytes()
    random = np.random.default_rng(0)
    for trial in range(150):
        bad = bytearray(good[: random.integers(len(good))] if trial % 3 == 0 else good)
        for _ in range(trial % 3 * 4):
            bad[random.integers(len(bad))] = random.integers(256)
        path.write_bytes(bytes(bad))
        assert outcome(path) in ("named", "read" if trial % 3 else "named")
    path.write_bytes(good)
    with np.load(path) as archive:
        parts = dict(archive)
    W1 = parts["parameter/W1"]
    for edit, message in (
        ({"kind": np.array("GAN")}, "unknown kind of machine 'GAN'; known: RBM"),
        ({"version": np.array("9")}, "written in version 9 of the format; update spinlab"),
        ({"version": np.array("x")}, "damaged machine"),
        ({"config": np.array("[1]")}, "is no mapping"),
        ({"config": np.array("[" * 10**5)}, "damaged machine"),
        ({"config": np.array(json.dumps({"sizes": [6, 4, 4]}))}, "its settings are"),
        ({"parameter/W1": None}, "W1 is missing"),
        ({"parameter/W1": W1[:, :3]}, r"weights\[1\] starts from 4"),
        ({"parameter/W1": np.full_like(W1, np.nan)}, "NaN or infinite"),
        ({"parameter/W1": np.full_like(W1, 1e38)}, "too large"),
        ({"parameter/W1": W1.astype(complex)}, "float32 or of float64"),
        ({"parameter/extra": W1}, "no arrays extra"),
        ({"kind": None}, r"not a machine of machine\.save"),
    ):
        np.savez(path, **{k: x for k, x in (parts | edit).items() if x is not None})
        with pytest.raises(ValueError, match=rf"machine\.npz: .*{message}"):
            rbm.load(path)
    with pytest.raises(IsADirectoryError, match="is a folder"):
        rbm.load(tmp_path)
    with pytest.raises(FileNotFoundError):
        rbm.load(tmp_path / "none.npz")
    with pytest.raises(TypeError, match="metadata must hold texts"):
        trained("RBM").save(path, metadata={"x": object()})
    with pytest.raises(FileNotFoundError, match="no folder"):
        trained("RBM").save(tmp_path / "none" / "machine.npz")


def bits(n):
    return (np.arange(2**n)[:, None] >> np.arange(n)) & 1


def log_p_of_bits(W, a, c):
    """ln P(x) of every x of an RBM of 0/1 units, by a sum over all states term by term."""
    rows = [
        math.log(sum(math.exp(sum(x @ W @ y for _ in [0]) + a @ x + c @ y) for y in bits(W.shape[1])))
        for x in bits(len(W))
    ]
    rows = np.array(rows)
    return rows - np.log(np.exp(rows).sum())


def random_weights(V=5, H=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, (V, H)), rng.normal(0, 1, V), rng.normal(0, 1, H)


def test_scikit_learn():
    neural_network = pytest.importorskip("sklearn.neural_network")
    X = np.random.default_rng(0).integers(0, 2, (60, 5))
    theirs = neural_network.BernoulliRBM(3, n_iter=20, learning_rate=0.1, random_state=0).fit(X)
    machine = rbm.from_sklearn(theirs)
    expected = log_p_of_bits(theirs.components_.T, theirs.intercept_visible_, theirs.intercept_hidden_)
    np.testing.assert_allclose(machine.log_likelihood(bits(5)), expected, atol=1e-12)
    np.testing.assert_allclose(
        rbm.hidden_features(machine, X, kind="probability"), theirs.transform(X), atol=1e-6
    )
    back = rbm.to_sklearn(machine)
    np.testing.assert_allclose(back.components_, theirs.components_, rtol=1e-15)
    np.testing.assert_allclose(back.intercept_visible_, theirs.intercept_visible_, atol=1e-14)
    np.testing.assert_allclose(back.transform(X), theirs.transform(X), rtol=1e-12)
    np.testing.assert_allclose(back.score_samples(X), back.score_samples(X), atol=10)
    back.partial_fit(X)
    with pytest.raises(ValueError, match="fit it first"):
        rbm.from_sklearn(neural_network.BernoulliRBM())
    with pytest.raises(TypeError, match="needs a fitted BernoulliRBM, got int"):
        rbm.from_sklearn(3)
    with pytest.raises(TypeError, match="those of an RBM or RARBM, got <DBM"):
        rbm.to_sklearn(trained("DBM"))


def test_weights_of_0_1_units_are_rounded_once():
    """W/4 is exact, and the biases are the floats nearest to the exact rationals."""
    W, a, c = random_weights(40, 30)
    a[0], W[0] = 1e16, np.linspace(0.1, 1, 30)  # where a running sum would lose the small ones
    machine = rbm.from_arrays({"weight_matrix": W, "vbias": a, "hbias": c}, units="binary")
    exact = [Fraction(x) / 2 + sum(map(Fraction, w)) / 4 for x, w in zip(a, W, strict=True)]
    assert machine.parameters["bv"].tolist() == [float(x) for x in exact]
    exact = [Fraction(x) / 2 + sum(map(Fraction, w)) / 4 for x, w in zip(c, W.T, strict=True)]
    assert machine.parameters["bh"].tolist() == [float(x) for x in exact]
    assert (4 * machine.W == W).all()


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    "names",
    [("W", "v_bias", "h_bias"), ("weight", "visible_bias", "hidden_bias"), ("W", "a", "b")],
)
def test_mappings_of_others(names, turned):
    W, a, c = random_weights()
    state = dict(zip(names, (W.T if turned else W, a, c), strict=True))
    expected = log_p_of_bits(W, a, c)
    machine = rbm.from_arrays(state, units="binary")
    np.testing.assert_allclose(machine.log_likelihood(bits(5)), expected, atol=1e-12)
    spins = rbm.from_arrays(state, units="spin")
    np.testing.assert_array_equal(spins.W, W)
    prefixed = {f"model.rbm.{name}": x for name, x in state.items()} | {"model.head.weight": np.ones((3, 3))}
    which = dict(zip(("W", "bv", "bh"), (f"model.rbm.{name}" for name in names), strict=True))
    again = rbm.from_arrays(prefixed, names=which, units="binary")
    np.testing.assert_array_equal(again.W, machine.W)
    back = rbm.to_arrays(machine, units="binary")
    np.testing.assert_allclose(back["W"], W, rtol=1e-15)
    np.testing.assert_allclose(back["bv"], a, atol=1e-14)
    with pytest.raises(ValueError, match="say what units"):
        rbm.from_arrays(state)
    square = dict(zip(names, random_weights(3, 3), strict=True))
    with pytest.raises(ValueError, match="biases do not tell; give transposed"):
        rbm.from_arrays(square, units="spin")
    turned_square = rbm.from_arrays(square, units="spin", transposed=True)
    np.testing.assert_array_equal(turned_square.W, next(iter(square.values())).T)


class Tensor:
    """What a torch tensor with gradients does: no array before detach().cpu().numpy()."""

    def __init__(self, x, dtype="torch.float32"):
        self.x, self.dtype = np.asarray(x, np.float32), dtype

    def detach(self):
        return Detached(self.x, self.dtype)

    def __array__(self, *arguments, **options):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad")


class Detached(Tensor):
    def cpu(self):
        return self

    def float(self):
        return Detached(self.x)

    def numpy(self):
        if "bfloat16" in self.dtype:
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.x


def test_tensors_with_gradients():
    W, a, c = random_weights()
    for dtype in ("torch.float32", "torch.bfloat16"):
        state = {"W": Tensor(W, dtype), "v_bias": Tensor(a, dtype), "h_bias": Tensor(c, dtype)}
        machine = rbm.from_arrays(state, units="spin")
        np.testing.assert_array_equal(machine.W, W.astype(np.float32))
        assert machine.dtype == np.float32


@pytest.mark.parametrize(
    ("arrays", "options", "error", "message"),
    [
        (3, {}, TypeError, "must map names to arrays"),
        ({}, {}, ValueError, "named nothing"),
        ({"foo": np.ones(2)}, {}, ValueError, "named foo; say which is which by names="),
        ({"W": np.ones((2, 3)), "c": np.ones(2)}, {}, ValueError, "has no arrays c"),
        ({"W": np.ones((2, 3)) * 1j}, {}, TypeError, "complex"),
        ({"W": np.ones(3)}, {}, ValueError, "two axes"),
        ({"W": np.ones((2, 3)), "bv": np.ones(7)}, {}, ValueError, "visible_biases"),
        ({"W": np.full((2, 3), np.inf)}, {}, ValueError, "infinite"),
        ({"W": np.full((2, 3), 1e60)}, {"dtype": "float32"}, ValueError, "too large"),
        ({"xi_v": np.ones((2, 3))}, {}, ValueError, "xi_h is missing"),
        ({"J": np.ones((2, 2))}, {}, ValueError, "diagonal"),
        ({"J": np.zeros((2, 2))}, {"units": "binary"}, ValueError, "become an RBM of spins, not a FBM"),
        ({"W": np.ones((2, 3))}, {"kind": "GAN"}, ValueError, "unknown kind 'GAN'; known: RBM"),
        ({"W": np.ones((2, 3))}, {"units": "potts"}, ValueError, "unknown units"),
        ({"W": np.ones((2, 3))}, {"names": {"W": "V"}}, ValueError, "no array 'V'; there are W"),
        ({"W": np.ones((2, 3))}, {"foo": 3}, TypeError, "foo"),
        ({"W": np.ones((2, 3))}, {"names": 3}, TypeError, "names must map"),
    ],
)
def test_what_leaves_something_open_is_refused(arrays, options, error, message):
    with pytest.raises(error, match=message):
        rbm.from_arrays(arrays, **options)


def test_safetensors_of_others(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    W, a, c = random_weights()
    path = tmp_path / "theirs.safetensors"
    numpy.save_file({"rbm.W": W, "rbm.v": a, "rbm.h": c}, path)
    names = {"W": "rbm.W", "bv": "rbm.v", "bh": "rbm.h"}
    machine = rbm.load_safetensors(path, names=names, units="binary")
    np.testing.assert_allclose(machine.log_likelihood(bits(5)), log_p_of_bits(W, a, c), atol=1e-12)
    with pytest.raises(ValueError, match=r"theirs\.safetensors: no machine has arrays named"):
        rbm.load_safetensors(path)
    good = path.read_bytes()
    for bad in (b"", good[:20], good[:-9], b"\xff" * 8 + good[8:]):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=r"theirs\.safetensors: damaged"):
            rbm.load_safetensors(path, names=names, units="binary")
    with pytest.raises(FileNotFoundError):
        rbm.load_safetensors(tmp_path / "none")


def write_hdf5(path, moments, model_type="BBRBM", old=False):
    """As the package rbms lays its files out."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        if model_type is not None:
            file["model_type"] = model_type
        for update, (W, a, c) in moments.items():
            group = file.create_group(f"update_{update}")
            group = group if old else group.create_group("params")
            group["weight_matrix"], group["vbias"], group["hbias"] = W, a, c


@pytest.mark.parametrize("old", [False, True])
def test_hdf5_of_rbms(old, tmp_path):
    path = tmp_path / "rbm.h5"
    moments = {n: random_weights(seed=n) for n in (1, 9, 10)}
    write_hdf5(path, moments, old=old)
    for update, n in ((None, 10), (9, 9)):
        machine = rbm.load_hdf5(path, update)
        np.testing.assert_allclose(machine.log_likelihood(bits(5)), log_p_of_bits(*moments[n]), atol=1e-12)
    with pytest.raises(ValueError, match=r"rbm\.h5: it has no update 3; it has 1, 9, 10"):
        rbm.load_hdf5(path, 3)
    with pytest.raises(ValueError, match="units are binary, not spin"):
        rbm.load_hdf5(path, units="spin")
    write_hdf5(path, moments, "IIRBM")
    np.testing.assert_array_equal(rbm.load_hdf5(path).W, moments[10][0])
    write_hdf5(path, moments, "PBRBM")
    with pytest.raises(ValueError, match="its model is a PBRBM; BBRBM and IIRBM can be read"):
        rbm.load_hdf5(path)
    write_hdf5(path, moments, None)
    with pytest.raises(ValueError, match="no model_type; say units="):
        rbm.load_hdf5(path)
    np.testing.assert_array_equal(rbm.load_hdf5(path, units="spin").W, moments[10][0])
    write_hdf5(path, {})
    with pytest.raises(ValueError, match="no group update_N"):
        rbm.load_hdf5(path)
    good = path.read_bytes()
    for bad in (b"", b"no HDF5", good[:100]):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=r"rbm\.h5: "):
            rbm.load_hdf5(path)


def test_hdf5_for_rbms(tmp_path):
    h5py = pytest.importorskip("h5py")
    machine, path = trained("RARBM", "float64"), tmp_path / "rbm.h5"
    rbm.save_hdf5(machine, path, update=30)
    with h5py.File(path) as file:
        assert file["model_type"][()] == b"BBRBM"
        W, a, c = (file[f"update_30/params/{name}"][()] for name in ("weight_matrix", "vbias", "hbias"))
        np.testing.assert_array_equal(file["update_30/weight_matrix"][()], W)
    np.testing.assert_allclose(machine.log_likelihood(bits(6)), log_p_of_bits(W, a, c), atol=1e-12)
    again = rbm.load_hdf5(path)
    np.testing.assert_allclose(again.log_likelihood(bits(6)), machine.log_likelihood(bits(6)), atol=1e-12)
