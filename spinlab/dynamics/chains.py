"""What a sampler returns, and how its starting states are chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core.philox import random_spins
from .._core.request import Request
from .._core.results import Result
from .._core.tables import Names
from .._core.validate import as_spins
from ..models import IsingModel

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, repr=False)
class Chains(Result):
    """States of independent Markov chains after their last step, and records on the way.

    Attributes
    ----------
    states : ndarray of int8, shape (n_chains, N)
        Final states.
    energy : ndarray, shape (n_chains,)
        Their energies.
    initial : ndarray of int8, shape (n_chains, N) or (n_chains, V)
        Where the chains started (block Gibbs starts from visible states).
    moved : ndarray of bool, same shape as ``initial``
        Whether a site was ever flipped (single-spin dynamics), or differed from its start after any step
        (block Gibbs).
    samples : ndarray of int8, shape (n_records, n_chains, N), or None
        States at the recorded steps.
    sample_energy : ndarray, shape (n_records, n_chains), or None
        Their energies.
    n_steps : int
        Steps taken; one step visits every site once (on average, in random order).
    """

    states: np.ndarray
    energy: np.ndarray
    initial: np.ndarray
    moved: np.ndarray
    samples: np.ndarray | None
    sample_energy: np.ndarray | None
    n_steps: int

    def to_xarray(self) -> xr.Dataset:
        """The states with names, axes in arviz's order: (chain, draw, spin).

        The draws are the recorded states, or the final one where nothing was recorded; the starting states
        stand beside them.

        Examples
        --------
        >>> import spinlab as sl
        >>> model = sl.ensembles.sk(N=6, rng=0)
        >>> data = sl.dynamics.gibbs(model, n_steps=20, n_chains=3, record_every=5, rng=1).to_xarray()
        >>> dict(data.sizes)
        {'chain': 3, 'draw': 4, 'spin': 6, 'start_spin': 6}
        >>> data["energy"].attrs["long_name"]
        'energy'
        """
        import xarray as xr

        samples, energy = self.samples, self.sample_energy
        if samples is None or energy is None:
            samples, energy = self.states[None], self.energy[None]
        spins = {"long_name": "spin", "units": "1"}
        couplings = {"long_name": "energy", "units": "those of the couplings"}
        moved = {"long_name": "ever flipped", "units": "1"}
        return xr.Dataset(
            {
                "state": (("chain", "draw", "spin"), np.swapaxes(samples, 0, 1), spins),
                "energy": (("chain", "draw"), energy.T, couplings),
                "initial": (("chain", "start_spin"), self.initial, spins),
                "moved": (("chain", "start_spin"), self.moved, moved),
            },
            attrs={"n_steps": self.n_steps},
        )

    def to_arviz(self) -> Any:
        """``state`` and ``energy`` as the group "posterior" of what arviz takes (InferenceData, or DataTree).

        Raises
        ------
        ImportError
            Without arviz.

        Examples
        --------
        >>> import spinlab as sl
        >>> model = sl.ensembles.sk(N=6, rng=0)
        >>> chains = sl.dynamics.gibbs(model, n_steps=100, n_chains=4, record_every=1, rng=1)
        >>> chains.to_arviz()["posterior"]["energy"].dims  # doctest: +SKIP
        ('chain', 'draw')
        """
        try:
            import arviz
        except ImportError as error:
            raise ImportError(f"to_arviz needs arviz ({error}); install it with pip install arviz") from error
        draws = self.to_xarray()[["state", "energy"]]
        convert = getattr(arviz, "convert_to_inference_data", None) or arviz.convert_to_datatree
        return convert(draws)

    @classmethod
    def of(
        cls,
        model: IsingModel,
        request: Request,
        states: np.ndarray,
        initial: np.ndarray,
        moved: np.ndarray,
        records: np.ndarray,
    ) -> Chains:
        """A finished run, with the energies of what it kept."""
        return cls(
            states=states,
            energy=model.energy(states),
            initial=initial,
            moved=moved,
            samples=None if request.n_records is None else records,
            sample_energy=None if request.n_records is None else model.energy(records),
            n_steps=request.n_steps,
        )


def starting_states(
    initial: Any, n_chains: int, n: int, key: np.uint64, names: Names | None = None
) -> np.ndarray:
    """Random states, or the given ones: shape (n,) is repeated, (n_chains, n) taken as it is."""
    if initial is None:
        return random_spins(key, n_chains, n)
    s = as_spins(initial, n, "initial", names)
    if s.ndim > 2 or (s.ndim == 2 and len(s) != n_chains):
        raise ValueError(f"initial must have shape ({n},) or ({n_chains}, {n}), got shape {s.shape}")
    return np.array(np.broadcast_to(s, (n_chains, n)))
