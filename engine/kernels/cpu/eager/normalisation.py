"""Batch and layer normalisation."""

from __future__ import annotations

from math import prod
from typing import Any

from engine.kernels import cpu
from engine.kernels.cpu.caller import Layout, Recipe
from engine.kernels.cpu.eager.compiled import compiled
from engine.kernels.cpu.eager.loops import loop
from engine.kernels.cpu.expression import leaf

LEAST = 2_048


class Normalisation:
    """See the generic kernels of these names."""

    @compiled(LEAST)
    def batch_statistics(self, x: Layout) -> Recipe | None:
        if not x.is_float or x.ndim < 2 or x.shape[1] > cpu.imagewise.MOST_CHANNELS:
            return None
        recipe = Recipe()
        recipe.take(0, x, "x", _channels_last(x))
        recipe.give("mean", x.shape[1:2])
        recipe.give("var", x.shape[1:2])
        return recipe.add(cpu.batch_norm.statistics(x.size // x.shape[1], x.shape[1]))

    @compiled(LEAST)
    def scale_shift(self, x: Layout, mean: Layout, rstd: Layout, weight: Layout | None, bias: Layout | None
                    ) -> Recipe | None:  # fmt: skip
        named = {"x": x, "mean": mean, "rstd": rstd, "weight": weight, "bias": bias}
        scale = leaf("rstd") if weight is None else leaf("rstd") * leaf("weight")
        formula = (leaf("x") - leaf("mean")) * scale
        if bias is not None:
            formula = formula + leaf("bias")
        columns = {name: _by_channel(layout, x.ndim) for name, layout in named.items() if name != "x"}
        return loop(formula, {"x": x, **columns})

    @compiled(LEAST)
    def batch_norm_backward(self, grad: Layout, x: Layout, mean: Layout, rstd: Layout, weight: Layout | None,
                            training: bool) -> Recipe | None:  # fmt: skip
        arrays = {"dy": grad, "x": x, "mean": mean, "rstd": rstd, "weight": weight}
        if weight is None or not training or not all(a.is_float for a in arrays.values()) or grad.shape != x.shape:
            return None
        recipe = Recipe(finish=_apart)
        for number, (name, layout) in enumerate(arrays.items()):
            recipe.take(number, layout, name, _channels_last(x) if number < 2 else ())
        recipe.give("dx", x.shape, _channels_last(x))
        recipe.give("dweight dbias", (2, x.shape[1]))
        return recipe.add(cpu.batch_norm.gradient(x.size // x.shape[1], x.shape[1]))

    @compiled(LEAST)
    def layer_norm(self, x: Layout, weight: Layout | None, bias: Layout | None, axes: tuple[int, ...], eps: float
                   ) -> Recipe | None:  # fmt: skip
        affine = {"weight": weight, "bias": bias}
        if not x.is_float or (weight is None) != (bias is None):
            return None
        kept = tuple(1 if axis in axes else n for axis, n in enumerate(x.shape))
        recipe = Recipe()
        recipe.take(0, x, "x")
        for number, (name, layout) in enumerate(affine.items(), 1):
            if layout is not None:
                if not layout.is_float:
                    return None
                recipe.take(number, layout, name)
        recipe.give("y", x.shape)
        recipe.give("mean", kept)
        recipe.give("rstd", kept)
        return recipe.add(cpu.rows.layer_norm(prod(kept), x.size // prod(kept), eps, weight is not None))

    @compiled(LEAST)
    def layer_norm_backward(self, grad: Layout, x: Layout, mean: Layout, rstd: Layout, weight: Layout | None,
                            axes: tuple[int, ...]) -> Recipe | None:  # fmt: skip
        arrays = {"dy": grad, "x": x, "mean": mean, "rstd": rstd, "weight": weight}
        if weight is None or not all(a.is_float for a in arrays.values()) or grad.shape != x.shape:
            return None
        recipe = Recipe(finish=_apart)
        for number, (name, layout) in enumerate(arrays.items()):
            recipe.take(number, layout, name)
        recipe.give("dx", x.shape)
        recipe.give("dweight dbias", (2, *weight.shape))
        return recipe.add(cpu.rows.layer_norm_gradient(mean.size, weight.size))


def _channels_last(x: Layout) -> tuple[int, ...]:
    return (0, *range(2, x.ndim), 1)


def _by_channel(layout: Layout | None, ndim: int) -> Layout | None:
    """A vector with an entry for each channel, stretched over what lies behind."""
    if layout is None:
        return None
    ones = ndim - 2
    return Layout((*layout.shape, *(1,) * ones), (*layout.strides, *(0,) * ones), layout.kind)


def _apart(dx: Any, both: Any) -> tuple[Any, Any, Any]:
    return dx, both[0], both[1]
