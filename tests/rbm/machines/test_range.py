"""Parameters beyond what a machine's numbers hold are refused by name, however they come."""

from __future__ import annotations

import numpy as np
import pytest

from spinlab import rbm

MACHINES = {
    "RBM": lambda **k: rbm.RBM(3, 2, biases=True, **k),
    "RARBM": lambda **k: rbm.RARBM(3, 2, 2, biases=True, train_scale=True, **k),
    "DBM": lambda **k: rbm.DBM([3, 2, 2], biases=True, **k),
    "RADBM": lambda **k: rbm.RADBM([3, 2, 2], 2, biases=True, train_scale=True, **k),
    "FBM": lambda **k: rbm.FBM(3, H=2, biases=True, **k),
    "RAFBM": lambda **k: rbm.RAFBM(3, 2, H=2, biases=True, train_scale=True, **k),
    "HybridBM": lambda **k: rbm.HybridBM(3, 2, biases=True, **k),
    "RAHybridBM": lambda **k: rbm.RAHybridBM(3, 2, 2, biases=True, **k),
}
FROM = {
    "RBM": lambda x, **k: rbm.RBM.from_weights(np.full((3, 2), x), **k),
    "RARBM": lambda x, **k: rbm.RARBM.from_patterns(np.ones((2, 3)), np.ones((2, 2)), scale=x, **k),
    "DBM": lambda x, **k: rbm.DBM.from_weights([np.full((3, 2), x), np.ones((2, 2))], **k),
    "FBM": lambda x, **k: rbm.FBM.from_couplings(np.where(np.eye(3), 0, x), **k),
    "RAFBM": lambda x, **k: rbm.RAFBM.from_patterns(np.ones((2, 3)), scale=x, **k),
    "RADBM": lambda x, **k: rbm.RADBM.from_patterns([np.ones((2, 3)), np.ones((2, 2))], scale=x, **k),
    "HybridBM": lambda x, **k: rbm.HybridBM.from_weights(np.full((3, 2), x), **k),
    "RAHybridBM": lambda x, **k: rbm.RAHybridBM.from_patterns(np.ones((2, 3)), np.ones((2, 2)), scale=x, **k),
}
BAD = [np.nan, np.inf, -np.inf, 1e39, -1e300, 1j]


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("bad", BAD)
def test_states_that_do_not_fit_are_refused_and_change_nothing(name, bad):
    machine = MACHINES[name](rng=0)
    before = {key: np.array(x) for key, x in machine.state_dict().items()}
    for key, x in before.items():
        if x.dtype.kind != "f":
            continue
        wrong = x.astype(complex if isinstance(bad, complex) else float)
        wrong[(0,) * wrong.ndim] = bad
        with pytest.raises((ValueError, TypeError), match=key):
            machine.load_state_dict(machine.state_dict() | {key: wrong})
        for other, y in machine.state_dict().items():
            np.testing.assert_array_equal(y, before[other])


@pytest.mark.parametrize("name", FROM)
def test_weights_beyond_float32_are_refused(name):
    for bad in (1e39, 1e300, np.nan, np.inf):
        with pytest.raises(ValueError, match=r"too large|NaN or infinite|finite"):
            FROM[name](bad)
    machine = FROM[name](1e35, dtype="float64")  # what float64 holds is taken there
    assert all(np.isfinite(x).all() for x in machine.state_dict().values())
    for std in (1e60, np.nan, np.inf):
        if name in ("RBM", "DBM", "FBM", "HybridBM"):
            with pytest.raises(ValueError, match="std"):
                MACHINES[name](std=std)
