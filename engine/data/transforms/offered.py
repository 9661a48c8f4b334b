"""Registers every transform that a project may name; a run without use for them is spared it."""

import engine.data.transforms.affine
import engine.data.transforms.colour
import engine.data.transforms.geometry
import engine.data.transforms.mixing  # noqa: F401  (each registers its own)
