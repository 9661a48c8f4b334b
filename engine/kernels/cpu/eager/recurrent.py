"""Recurrent layers over whole sequences, there and back."""

from __future__ import annotations

from engine.kernels import cpu
from engine.kernels.cpu.caller import Layout, Recipe
from engine.kernels.cpu.eager.compiled import compiled

LEAST = 256  # numbers in the input, or in the gradient


class Recurrent:
    """See the generic kernels of these names."""

    @compiled(LEAST)
    def rnn(self, x: Layout, hidden: Layout | None, weight_ih: Layout, weight_hh: Layout, bias_ih: Layout | None,
            bias_hh: Layout | None, relu: bool, reverse: bool) -> Recipe | None:  # fmt: skip
        named = {"x": x, "hidden": hidden, "weight_ih": weight_ih, "weight_hh": weight_hh, "bias_ih": bias_ih,
                 "bias_hh": bias_hh}  # fmt: skip
        recipe = _forward("relu" if relu else "tanh", named, reverse)
        if recipe is None:
            return None
        recipe.scratch["gates"] = _states(x, weight_hh)[0] * _states(x, weight_hh)[1] * weight_hh.shape[0]
        recipe.give("states", _states(x, weight_hh))
        return recipe

    @compiled(LEAST)
    def rnn_backward(self, grad: Layout, out: Layout, weight_hh: Layout, relu: bool, reverse: bool) -> Recipe | None:
        named = {"grad": grad, "states": out, "weight_hh": weight_hh}
        return _backward("relu" if relu else "tanh", named, out.shape, reverse)

    @compiled(LEAST)
    def lstm(self, x: Layout, hidden: Layout | None, cell: Layout | None, weight_ih: Layout, weight_hh: Layout,
             bias_ih: Layout | None, bias_hh: Layout | None, weight_hr: Layout | None, reverse: bool
             ) -> Recipe | None:  # fmt: skip
        named = {"x": x, "hidden": hidden, "cell": cell, "weight_ih": weight_ih, "weight_hh": weight_hh,
                 "bias_ih": bias_ih, "bias_hh": bias_hh}  # fmt: skip
        recipe = _forward("lstm", named, reverse) if weight_hr is None else None
        if recipe is None:
            return None
        steps, samples, size = _states(x, weight_hh)
        recipe.rename({"states": ("result", 0), "last": ("result", steps * samples * size)})
        recipe.give("result", (steps + 1, samples, size))
        recipe.give("gates", (steps, samples, 4 * size))
        recipe.give("cells", (steps, samples, size))
        return recipe

    @compiled(LEAST)
    def lstm_backward(self, grad: Layout, cell: Layout | None, weight_hh: Layout, weight_hr: Layout | None,
                      gates: Layout, cells: Layout, reverse: bool) -> Recipe | None:  # fmt: skip
        named = {"both": grad, "cell": cell, "weight_hh": weight_hh, "projection": None, "gates": gates, "cells": cells}
        recipe = _backward("lstm", named, cells.shape, reverse) if weight_hr is None else None
        if recipe is None:
            return None
        recipe.rename({"grad": ("both", 0), "dlast": ("both", cells.size)})
        recipe.finish = lambda sums, dhidden, dcell: (sums, dhidden, dcell, None)
        return recipe

    @compiled(LEAST)
    def gru(self, x: Layout, hidden: Layout | None, weight_ih: Layout, weight_hh: Layout, bias_ih: Layout | None,
            bias_hh: Layout | None, reverse: bool) -> Recipe | None:  # fmt: skip
        named = {"x": x, "hidden": hidden, "weight_ih": weight_ih, "weight_hh": weight_hh, "bias_ih": bias_ih,
                 "bias_hh": bias_hh}  # fmt: skip
        recipe = _forward("gru", named, reverse)
        if recipe is None:
            return None
        steps, samples, size = _states(x, weight_hh)
        recipe.give("states", (steps, samples, size))
        recipe.give("gates", (steps, samples, 3 * size))
        recipe.give("recalled", (steps, samples, size))
        return recipe

    @compiled(LEAST)
    def gru_backward(self, grad: Layout, before: Layout, weight_hh: Layout, gates: Layout, recalled: Layout,
                     reverse: bool) -> Recipe | None:  # fmt: skip
        named = {"grad": grad, "before": before, "weight_hh": weight_hh, "gates": gates, "recalled": recalled}
        return _backward("gru", named, recalled.shape, reverse)


def _states(x: Layout, weight_hh: Layout) -> tuple[int, int, int]:
    return x.shape[0], x.shape[1], weight_hh.shape[1]


def _forward(kind: str, named: dict[str, Layout | None], reverse: bool) -> Recipe | None:
    x, hidden, weight_hh = named["x"], named["hidden"], named["weight_hh"]
    states = [named[name] is None for name in ("hidden", "cell") if name in named]
    biases = [named[name] is None for name in ("bias_ih", "bias_hh")]
    if x.ndim != 3 or len(set(states)) > 1 or len(set(biases)) > 1:
        return None
    recipe = _taken(named)
    if recipe is None:
        return None
    steps, samples, size = _states(x, weight_hh)
    recipe.scratch["before"] = steps * samples * size
    return recipe.add(
        cpu.recurrent.forward(kind, steps, samples, x.shape[2], size, not biases[0], hidden is not None, reverse)
    )


def _backward(kind: str, named: dict[str, Layout | None], states: tuple[int, ...], reverse: bool) -> Recipe | None:
    """Gradients of the sums and of where the state began."""
    recipe = _taken(named)
    if recipe is None:
        return None
    steps, samples, size = states
    has_cell = kind == "lstm"
    initial = named.get("cell") is not None
    recipe.add(cpu.recurrent_gradient.backward(kind, steps, samples, size, initial, reverse, cell_gradient=has_cell))
    recipe.give("sums", (steps, samples, named["weight_hh"].shape[0]))
    if kind == "gru":
        recipe.give("state sums", (steps, samples, 3 * size))
    recipe.give("dhidden", (samples, size))
    if has_cell:
        recipe.give("dcell", (samples, size))
    return recipe


def _taken(named: dict[str, Layout | None]) -> Recipe | None:
    """A recipe with all arguments that are there, in C order."""
    recipe = Recipe()
    for number, (name, layout) in enumerate(named.items()):
        if layout is not None:
            if not layout.is_float:
                return None
            recipe.take(number, layout, name)
    return recipe
