"""How good a machine is: likelihood, reconstruction, features, calibration, spectra, autocorrelation."""
