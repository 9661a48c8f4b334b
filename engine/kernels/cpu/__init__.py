"""Kernels compiled for the processor at hand: LLVM IR, specialised for shapes, run in step by a pool of threads."""
