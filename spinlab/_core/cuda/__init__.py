"""CUDA kernels and their launches, written for numba-cuda; imported where a model is on the GPU.

Every kernel also runs on numba's simulator (NUMBA_ENABLE_CUDASIM=1), so it uses no warp intrinsics and takes
its tile sizes as constants of a factory: real ones here, tiny ones in the tests. Shared memory stays below
the 48 KB that every launch may use.
"""
