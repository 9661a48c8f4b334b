"""L-BFGS: steps by the curvature that the last gradients tell of."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Annotated, Any, Literal

from engine.describe import Choice, Range, Start, optimizer
from engine.errors import OptionError
from engine.nn.utils import parameters_to_vector, vector_to_parameters
from engine.optim.line_search import Point, strong_wolfe
from engine.optim.optimizer import LearningRate, Optimizer, Parameters, check_options
from engine.tensor import Tensor, enable_grad, no_grad
from engine.tensor.creation import zeros
from engine.tensor.shapes import cat

Tolerance = Annotated[float, Range(0.0, 1.0)]


@optimizer("L-BFGS", synonyms=("lbfgs", "quasi-newton", "second order", "full batch"))
class LBFGS(Optimizer):
    """Several steps at once along the slope bent by its recent changes; for small networks and whole data sets.

    d = -H · g, with H built from the last changes of weights s and gradients y, and p = p + t · d

    Nocedal and Wright, Numerical Optimization, 2006. A step looks at the loss several times, so it is given a function
    that computes the loss and its gradients: `step(closure)`. There is one group of options for all parameters.

    Args:
        params: What is learned: parameters of one device.
        lr: How far a step goes; with a line search, where that begins.
        max_iter: Iterations of one step.
        max_eval: How often one step looks at the loss; none: a quarter more than there are iterations.
        tolerance_grad: A step ends where no gradient is larger than this.
        tolerance_change: A step ends where loss or weights change by less than this.
        history_size: How many changes are remembered; each takes twice the memory of the weights.
        line_search_fn: "strong_wolfe" looks for a length of each step that lowers the loss well; none: lr.

    Raises:
        OptionError: a negative rate, several groups, or another line search.

    Example:
        >>> import engine
        >>> p = engine.nn.Parameter(engine.tensor([3.0, -2.0]))
        >>> optimizer = engine.optim.LBFGS([p], line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = ((p - engine.tensor([1.0, 5.0])) ** 2).sum()
        ...     loss.backward()
        ...     return loss
        >>> optimizer.step(closure).item()
        53.0
        >>> [round(value, 3) for value in p.tolist()]
        [1.0, 5.0]
    """

    needs_closure = True

    def __init__(
        self,
        params: Parameters,
        lr: Annotated[LearningRate, Start(1.0)] = 1,
        max_iter: Annotated[int, Range(1, 1000)] = 20,
        max_eval: Annotated[int | None, Range(1, 10_000)] = None,
        tolerance_grad: Tolerance = 1e-7,
        tolerance_change: Tolerance = 1e-9,
        history_size: Annotated[int, Range(1, 1000)] = 100,
        line_search_fn: Annotated[
            Literal["strong_wolfe"] | None, Choice(("strong_wolfe",)), Start("strong_wolfe")
        ] = None,
    ):
        check_options("LBFGS", lr=lr)
        if line_search_fn not in (None, "strong_wolfe"):
            raise OptionError("LBFGS", got=f"line_search_fn={line_search_fn!r}", expected="'strong_wolfe' or None")
        super().__init__(params, {
            "lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change, "history_size": history_size,
            "line_search_fn": line_search_fn,
        })  # fmt: skip

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """The one group."""
        if self.param_groups:
            raise OptionError("LBFGS", got="a second group of parameters", expected="one for all of them")
        super().add_param_group(param_group)

    @property
    def _params(self) -> list[Tensor]:
        return self.param_groups[0]["params"]

    @no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:
        """Some iterations towards the least loss.

        Args:
            closure: zeroes the gradients, computes the loss and its gradients, and returns the loss.

        Returns:
            What the closure returned first.
        """
        group, state = self.param_groups[0], self.state[self._params[0]]
        lr, evaluate = float(group["lr"]), enable_grad()(closure)
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first = evaluate()
        loss, gradient, evaluated = float(first), self._gradient(), 1
        state["func_evals"] += 1
        if float(gradient.abs().max()) <= group["tolerance_grad"]:
            return first
        for number in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            direction = self._direction(state, gradient, group["history_size"])
            state["prev_flat_grad"], state["prev_loss"], before = gradient.clone(), loss, loss
            begins = state["n_iter"] == 1
            length = min(1.0, 1.0 / float(gradient.abs().sum())) * lr if begins else lr
            state["d"], state["t"] = direction, length
            falls = _dot(gradient, direction)
            if falls > -group["tolerance_change"]:
                break
            looked = 0
            if group["line_search_fn"] is not None:
                start = Point(0.0, loss, gradient, falls)
                there = self._along(evaluate, direction)
                most = group["max_eval"] - evaluated
                found, looked = strong_wolfe(there, start, length, float(direction.abs().max()), most)
                loss, gradient, length = found.loss, found.gradient, found.length
                state["t"] = length
                self._move(direction, length)
            else:
                self._move(direction, length)
                if number != group["max_iter"]:
                    loss, looked = float(evaluate()), 1
                    gradient = self._gradient()
            evaluated += looked
            state["func_evals"] += looked
            moved = float(direction.abs().max()) * abs(length)
            if (
                evaluated >= group["max_eval"]
                or float(gradient.abs().max()) <= group["tolerance_grad"]
                or moved <= group["tolerance_change"]
                or abs(loss - before) < group["tolerance_change"]
            ):
                break
        return first

    def _direction(self, state: dict[str, Any], gradient: Tensor, most: int) -> Tensor:
        """-H · gradient, H made of the changes remembered, the newest among them."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            return -gradient
        changes, steps, ro = state["old_dirs"], state["old_stps"], state["ro"]
        y, s = gradient - state["prev_flat_grad"], state["d"] * state["t"]
        product = _dot(y, s)
        if product > 1e-10:
            if len(changes) == most:
                for oldest in (changes, steps, ro):
                    oldest.pop(0)
            changes.append(y)
            steps.append(s)
            ro.append(1.0 / product)
            state["H_diag"] = product / _dot(y, y)
        q, shares = -gradient, [0.0] * len(changes)
        for i in reversed(range(len(changes))):
            shares[i] = _dot(steps[i], q) * ro[i]
            q.add_(changes[i], alpha=-shares[i])
        q.mul_(state["H_diag"])
        for i in range(len(changes)):
            q.add_(steps[i], alpha=shares[i] - _dot(changes[i], q) * ro[i])
        return q

    def _along(self, evaluate: Callable[[], Any], direction: Tensor) -> Callable[[float], Point]:
        """Loss and gradient at so many directions from here; the weights come back."""
        here = parameters_to_vector(self._params).clone()

        def there(length: float) -> Point:
            self._move(direction, length)
            loss, gradient = float(evaluate()), self._gradient()
            vector_to_parameters(here, self._params)
            return Point(length, loss, gradient, _dot(gradient, direction))

        return there

    def _gradient(self) -> Tensor:
        """All gradients end to end; a new tensor."""
        parts = [zeros(p.numel(), dtype=p.dtype, device=p.device) if p.grad is None else p.grad.reshape(-1)
                 for p in self._params]  # fmt: skip
        return cat(parts).clone()

    def _move(self, direction: Tensor, length: float) -> None:
        begin = 0
        for param in self._params:
            end = begin + param.numel()
            param.add_(direction[begin:end].reshape(param.shape), alpha=length)
            begin = end

    def _check_shapes(self, param: Tensor, held: dict[str, Any]) -> None:
        size = sum(p.numel() for p in self._params)
        for name in ("d", "prev_flat_grad"):
            if name in held and tuple(held[name].shape) != (size,):
                raise OptionError("state dict for LBFGS", got=f"{name!r} of shape {tuple(held[name].shape)}",
                                  expected=f"({size},), as many as there are weights")  # fmt: skip

    def _restored(self, param: Tensor, held: dict[str, Any]) -> dict[str, Any]:
        return {name: _copied(value, param) for name, value in held.items() if name != "al"}


def _dot(a: Tensor, b: Tensor) -> float:
    return float((a * b).sum())


def _copied(value: Any, param: Tensor) -> Any:
    """Tensors on the parameter's device, in its dtype; single numbers as such."""
    if isinstance(value, list):
        return [_copied(each, param) for each in value]
    if isinstance(value, Tensor):
        return value.item() if value.ndim == 0 else value.detach().clone().to(param.device, param.dtype)
    return deepcopy(value)
