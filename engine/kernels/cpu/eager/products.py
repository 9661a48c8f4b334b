"""Matrix products and linear layers."""

from __future__ import annotations

from math import prod
from typing import Any

from engine.kernels.cpu import products
from engine.kernels.cpu.caller import Layout, Recipe
from engine.kernels.cpu.eager.compiled import compiled
from engine.kernels.cpu.products import Matrix
from engine.kernels.cpu.program import Plan, Step
from engine.kernels.cpu.reduction import column_sums

SMALL_PRODUCT = 32  # elements of the first operand; the rest is for `is_small` to say
SMALL_FLOPS = 200_000  # of a product that NumPy finishes sooner


def is_small(m: int, k: int, n: int) -> bool:
    """Whether NumPy finishes such a product sooner."""
    return 2 * m * k * n < SMALL_FLOPS


class Products:
    """See the generic kernels of these names."""

    @compiled(SMALL_PRODUCT)
    def linear(self, x: Layout, weight: Layout, bias: Layout | None = None) -> Recipe | None:
        if not _fit(x, weight, bias) or x.ndim < 2 or weight.ndim != 2 or x.shape[-1] != weight.shape[1]:
            return None
        samples, (outputs, inputs) = prod(x.shape[:-1]), weight.shape
        if is_small(samples, inputs, outputs) or (bias is not None and bias.shape != (outputs,)):
            return None
        recipe = Recipe()
        recipe.take(0, x, "x")
        recipe.take(1, weight, "weight")
        if bias is not None:
            recipe.take(2, bias, "bias")
        recipe.give("y", (*x.shape[:-1], outputs))
        return recipe.add(products.linear_forward(samples, inputs, outputs, bias is not None))

    @compiled(SMALL_PRODUCT)
    def linear_backward_weight(self, grad: Layout, x: Layout) -> Recipe | None:
        if not _fit(grad, x) or grad.ndim < 2 or grad.shape[:-1] != x.shape[:-1]:
            return None
        samples, outputs, inputs = prod(grad.shape[:-1]), grad.shape[-1], x.shape[-1]
        if is_small(outputs, samples, inputs):
            return None
        recipe = Recipe()
        recipe.take(0, grad, "dy")
        recipe.take(1, x, "x")
        recipe.give("dweight", (outputs, inputs))
        return recipe.add(products.linear_weight_gradient(samples, inputs, outputs, bias=False))

    @compiled(2048)
    def linear_backward_bias(self, grad: Layout) -> Recipe | None:
        if not _fit(grad) or grad.ndim < 2:
            return None
        return sum_of_rows(grad, prod(grad.shape[:-1]), grad.shape[-1], (grad.shape[-1],))

    @compiled(SMALL_PRODUCT)
    def linear_backward_input(self, grad: Layout, weight: Layout) -> Recipe | None:
        if not _fit(grad, weight) or grad.ndim < 2 or grad.shape[-1] != weight.shape[0]:
            return None
        samples, (outputs, inputs) = prod(grad.shape[:-1]), weight.shape
        if is_small(samples, outputs, inputs):
            return None
        recipe = Recipe()
        recipe.take(0, grad, "dy")
        recipe.take(1, weight, "weight")
        recipe.give("dx", (*grad.shape[:-1], inputs))
        return recipe.add(products.linear_input_gradient(samples, inputs, outputs))

    @compiled(SMALL_PRODUCT)
    def matmul(self, a: Layout, b: Layout) -> Recipe | None:
        """Batches of one shape, or one matrix on the right for all rows."""
        if not _fit(a, b) or min(a.ndim, b.ndim) < 2 or a.shape[-1] != b.shape[-2]:
            return None
        if b.ndim == 2:
            batch, m = (), prod(a.shape[:-1])
        elif a.shape[:-2] == b.shape[:-2]:
            batch, m = a.shape[:-2], a.shape[-2]
        else:
            return None
        k, n = b.shape[-2:]
        if is_small(prod(batch) * m, k, n):
            return None
        recipe = Recipe()
        left, right = _operand(recipe, 0, a, "a", m, k), _operand(recipe, 1, b, "b", k, n)
        recipe.give("c", (*a.shape[:-1], n))
        return recipe.add(products.product(m, k, n, left, right, Matrix("c", n, 1, m * n), prod(batch)))

    def matmul_backward_left(self, grad: Any, b: Any, shape: tuple[int, ...]) -> Any:
        return self.sum_to(self.matmul(grad, b.swapaxes(-1, -2)), shape)

    def matmul_backward_right(self, grad: Any, a: Any, shape: tuple[int, ...]) -> Any:
        if len(shape) == 2 and a.ndim >= 2:
            return self.linear_backward_weight(a, grad)
        return self.sum_to(self.matmul(a.swapaxes(-1, -2), grad), shape)


def sum_of_rows(x: Layout, rows: int, columns: int, shape: tuple[int, ...], order: tuple[int, ...] = ()) -> Recipe:
    """The sums over the rows of argument 0, its axes taken in this order, as an array of this shape."""
    recipe = Recipe()
    recipe.take(0, x, "x", order)
    recipe.give("sums", shape)
    return recipe.add(Plan((Step(column_sums(rows, columns), ("x", "sums")),)))


def _fit(*layouts: Layout | None) -> bool:
    return all(layout is None or layout.is_float for layout in layouts)


def _operand(recipe: Recipe, number: int, layout: Layout, name: str, rows: int, columns: int) -> Matrix:
    """An operand of a product, as it stands or transposed where it lies so."""
    axes = tuple(range(layout.ndim))
    turned = (*axes[:-2], axes[-1], axes[-2])
    if not layout.lies(axes) and layout.lies(turned):
        recipe.take(number, layout, name, turned)
        return Matrix(name, 1, rows, rows * columns)
    recipe.take(number, layout, name)
    return Matrix(name, columns, 1, rows * columns)
