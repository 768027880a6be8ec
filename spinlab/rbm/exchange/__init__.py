"""Machines in and out: files of the package's own, arrays, scikit-learn, safetensors, HDF5."""
