"""Optimizer: what all optimizers share: parameter groups, state, saving."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Annotated, Any

from engine.describe import Hidden, Range
from engine.errors import GradientError, OptionError, ShapeError
from engine.optim.arena import Arena
from engine.tensor import Tensor, enable_grad, no_grad, wrap
from engine.tensor.tape import mode

Parameters = Annotated[Iterable[Tensor] | Iterable[dict[str, Any]], Hidden()]
LearningRate = Annotated[float, Range(1e-8, 10.0, log=True)]
WeightDecay = Annotated[float, Range(0.0, 1.0)]
Share = Annotated[float, Range(0.0, 1.0)]
Epsilon = Annotated[float, Range(1e-12, 1.0, log=True)]
Switch = Annotated[bool, Hidden()]


class Optimizer:
    """Changes parameters by their gradients; a subclass says how, in `step` or, for many parameters, in `_update`.

    Args:
        params: what is learned: parameters, or dicts of "params" and options of their own.
        defaults: the options of groups that do not say theirs.

    Raises:
        OptionError: nothing to learn, a parameter given twice, or one that is computed from others.
    """

    def __init__(self, params: Parameters, defaults: dict[str, Any]):
        if isinstance(params, Tensor):
            raise TypeError(
                "an optimizer takes an iterable of parameters, as model.parameters() gives it, not one Tensor"
            )
        self.defaults = defaults
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._arenas: dict[int, Arena] = {}  # id of the parameter -> the arena of its group
        groups = list(params)
        if not groups:
            raise OptionError(type(self).__name__, got="there is no parameter to learn",
                              expected="at least one, as model.parameters() gives them")  # fmt: skip
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Learn more parameters, with options of their own: `{"params": [...], "lr": 0.1}`."""
        if not isinstance(param_group, dict):
            raise TypeError(f"a parameter group is a dict, not {type(param_group).__name__}")
        params = param_group["params"]
        group = {**self.defaults, **param_group, "params": [params] if isinstance(params, Tensor) else list(params)}
        for param in group["params"]:
            self._check(param)
        if len({id(p) for p in group["params"]}) < len(group["params"]):
            raise OptionError(type(self).__name__, got="a parameter comes twice in one group", expected="each once")
        arena = Arena(group["params"])
        self._arenas.update((id(param), arena) for param in group["params"])
        self.param_groups.append(group)

    def _check(self, param: Any) -> None:
        name = type(self).__name__
        if not isinstance(param, Tensor):
            raise TypeError(f"{name} learns Tensors, but {type(param).__name__} was given")
        if not param.is_leaf:
            raise GradientError(name, got="a tensor that is computed from others", expected="a parameter")
        if id(param) in self._arenas:
            raise OptionError(name, got="a parameter is in more than one group", expected="each in one")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient.

        Args:
            closure: computes the loss and its gradients once more; its result is returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for group in self.param_groups:
                for params in self._batches(group):
                    if mode.recorder is not None:
                        mode.recorder.saw(params)
                    self._update(group, params)
                    for param in params:
                        param._changed()
        return loss

    def _batches(self, group: dict[str, Any]) -> Iterable[list[Tensor]]:
        """The parameters that have a gradient, those of one device and dtype together."""
        batches: dict[int, list[Tensor]] = {}
        for param in group["params"]:
            if param.grad is not None:
                batches.setdefault(self._arenas[id(param)].kind(param), []).append(param)
        return batches.values()

    def _update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        """Change the arrays of parameters of one device and dtype in place, by their gradients and the group's options.

        One kernel call does it. What differs from step to step is computed in a function that is given to
        `kernels.live`, and nowhere else: where steps are replayed, it is what runs again.
        """
        raise NotImplementedError

    def _arrays(self, params: list[Tensor]) -> tuple[list[Any], list[Any]]:
        """The arrays of the parameters and of their gradients."""
        return [param.array for param in params], [param.grad.array for param in params]

    def _remembered(self, params: list[Tensor], name: str) -> list[Any]:
        """For each parameter an array of this name that lasts from step to step, zeros at first."""
        arrays = []
        for param in params:
            state = self.state[param]
            if name not in state:
                state[name] = wrap(self._arenas[id(param)].view(name, param), param.device)
            arrays.append(state[name].array)
        return arrays

    def _count(self, params: list[Tensor]) -> list[int]:
        """The number of this step of each parameter, from 1."""
        steps = []
        for param in params:
            state = self.state[param]
            state["step"] = state.get("step", 0) + 1
            steps.append(state["step"])
        return steps

    def _room(self, params: list[Tensor]) -> Callable[[int], tuple[Any, Any]]:
        """room(i) is two arrays of the shape of parameter i to compute in."""
        return lambda i: self._arenas[id(params[i])].room(params[i])

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients; without set_to_none they become zeros."""
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none and mode.recorder is not None:
                    mode.recorder.cleared(param)
                if param.grad is None:
                    continue
                if set_to_none:
                    param.grad = None
                else:
                    param.grad = param.grad.detach()
                    param.grad.zero_()

    def state_dict(self) -> dict[str, Any]:
        """State and options with parameters numbered in order: {"state": {0: {...}}, "param_groups": [{...}]}."""
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for param in group["params"]:
                numbers[id(param)] = len(numbers)
            groups.append({**group, "params": [numbers[id(param)] for param in group["params"]]})
        return {"state": {numbers[id(param)]: dict(held) for param, held in self.state.items()}, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave, with the same parameters in the same order.

        Raises:
            OptionError: other numbers of groups or parameters, or state of another shape.
        """
        name = type(self).__name__
        groups = state_dict["param_groups"]
        sizes, expected = [len(g["params"]) for g in groups], [len(g["params"]) for g in self.param_groups]
        if sizes != expected:
            raise OptionError(f"state dict for {name}", got=f"groups of {sizes} parameters", expected=f"{expected}")
        saved_numbers = [number for group in groups for number in group["params"]]
        params = [param for group in self.param_groups for param in group["params"]]
        by_number = dict(zip(saved_numbers, params, strict=True))
        state = {by_number[int(number)]: held for number, held in state_dict["state"].items()}
        for param, held in state.items():
            self._check_shapes(param, held)
        self.state = defaultdict(dict, {param: self._restored(param, held) for param, held in state.items()})
        for group, saved in zip(self.param_groups, groups, strict=True):
            group.update({**saved, "params": group["params"]})

    def _check_shapes(self, param: Tensor, held: dict[str, Any]) -> None:
        for name, value in held.items():
            got, expected = tuple(getattr(value, "shape", ())), tuple(param.shape)
            if name != "step" and got != expected:
                raise ShapeError(f"state dict for {type(self).__name__}", got=f"{name!r} has shape {got}",
                                 expected=f"{expected}, that of its parameter")  # fmt: skip

    def _restored(self, param: Tensor, held: dict[str, Any]) -> dict[str, Any]:
        """One parameter's saved state, its arrays copied into the arena."""
        restored: dict[str, Any] = {}
        for name, value in held.items():
            if name == "step":
                restored[name] = int(value)
            else:
                array = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
                view = self._arenas[id(param)].view(name, param)
                view[...] = param.device.asarray(array)
                restored[name] = wrap(view, param.device)
        return restored

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {number}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def check_options(name: str, **options: Any) -> None:
    """Rates and decays are not negative, shares lie from 0 to 1 (the 1 left out where `betas` or `alpha`)."""
    for option, value in options.items():
        if option == "betas":
            if not all(0.0 <= beta < 1.0 for beta in value):
                raise OptionError(name, got=f"betas={value}", expected="two numbers from 0 to under 1")
        elif not value >= 0.0:
            raise OptionError(name, got=f"{option}={value}", expected="0 or more")
