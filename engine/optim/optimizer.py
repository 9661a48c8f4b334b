"""Optimizer: what all optimizers share: parameter groups, state, steps, saving."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Annotated, Any

from engine.describe import Hidden, Range
from engine.errors import GradientError, OptionError, ShapeError, TypeMismatch
from engine.kernels.update import Pace, Update
from engine.nn.parameter import is_lazy
from engine.optim.arena import Arena
from engine.optim.hooks import (  # noqa: F401  (PyTorch has the two that register here)
    Hooked,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
    with_hooks,
)
from engine.tensor import Tensor, enable_grad, no_grad, wrap
from engine.tensor.tape import mode

Parameters = Annotated[Iterable[Tensor] | Iterable[dict[str, Any]], Hidden()]
LearningRate = Annotated[float, Range(1e-8, 10.0, log=True)]
WeightDecay = Annotated[float, Range(0.0, 1.0)]
Share = Annotated[float, Range(0.0, 1.0)]
Betas = Annotated[tuple[float, float], Range(0.0, 1.0)]
Epsilon = Annotated[float, Range(1e-12, 1.0, log=True)]
Switch = Annotated[bool, Hidden()]
Foreach = Annotated[bool | None, Hidden()]


class Optimizer(Hooked):
    """Changes parameters by their gradients; a subclass says how: in `step`, or by formulas in `_rule` and `_numbers`.

    Args:
        params: what is learned: parameters, pairs of name and parameter, or dicts of "params" and options of their own.
        defaults: the options of groups that do not say theirs.

    Raises:
        OptionError: nothing to learn, a parameter given twice, or one that is computed from others.

    Example:
        >>> import engine
        >>> class SignDescent(Optimizer):
        ...     def step(self, closure=None):
        ...         with engine.no_grad():
        ...             for group in self.param_groups:
        ...                 for p in group["params"]:
        ...                     p.sub_(p.grad.sign() * group["lr"])
        >>> w = engine.tensor([2.0], requires_grad=True)
        >>> optimizer = SignDescent([w], {"lr": 0.5})
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.tolist()
        [1.5]
    """

    _counted = frozenset({"step"})
    """What is remembered of a parameter and is one number."""
    needs_closure = False
    """Whether a step looks at the loss several times, and so is given a function that computes it."""

    def __init__(self, params: Parameters, defaults: dict[str, Any]):
        if not isinstance(params, Iterable) or isinstance(params, Tensor | dict):
            raise TypeMismatch(type(self).__name__, got=f"{type(params).__name__} arrives as its parameters",
                               expected="a list of parameters, as model.parameters() gives it",
                               mend=_parameters_meant(params))  # fmt: skip
        self.defaults = defaults
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._arenas: dict[int, Arena] = {}  # id of the parameter -> the arena of its group
        super().__init__()
        groups = list(params)
        if not groups:
            raise OptionError(type(self).__name__, got="there is no parameter to learn",
                              expected="at least one, as model.parameters() gives them",
                              mend="keep layers in nn.ModuleList: those in a plain list are not found")  # fmt: skip
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if "step" in cls.__dict__:
            cls.step = with_hooks(cls.__dict__["step"])

    @classmethod
    def groups(cls, parameters: Iterable[Tensor]) -> list[Any]:
        """All parameters of a network as this optimizer wants them: what it cannot learn, in a group of its own."""
        return list(parameters)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Learn more parameters, with options of their own: `{"params": [...], "lr": 0.1}`."""
        if not isinstance(param_group, dict):
            raise TypeError(f"a parameter group is a dict, not {type(param_group).__name__}")
        params = param_group["params"]
        params = [params] if isinstance(params, Tensor) else list(params)
        group = {**self.defaults, **param_group, "params": params}
        if params and all(isinstance(p, tuple) and len(p) == 2 for p in params):
            group["param_names"], group["params"] = ([*column] for column in zip(*params))
        for param in group["params"]:
            self._check(param)
        if len({id(p) for p in group["params"]}) < len(group["params"]):
            raise OptionError(type(self).__name__, got="a parameter comes twice in one group", expected="each once")
        self._check_switches(group)
        self._settle(group)
        self.param_groups.append(group)

    def _settle(self, group: dict[str, Any]) -> None:
        """A place for what will be remembered of a group's parameters."""
        arena = Arena(group["params"])
        self._arenas.update((id(param), arena) for param in group["params"])

    def __deepcopy__(self, memo: dict[int, Any]) -> Optimizer:
        """A copy with parameters of its own: those of the network, where that is copied in the same call."""
        twin = object.__new__(type(self))
        memo[id(self)] = twin
        vars(twin).update(deepcopy({k: v for k, v in vars(self).items() if k not in ("state", "_arenas")}, memo))
        twin._arenas = {}
        for group in twin.param_groups:
            twin._settle(group)
        held = {deepcopy(param, memo): state for param, state in self.state.items()}
        twin.state = defaultdict(dict, {param: twin._restored(param, state) for param, state in held.items()})
        return twin

    def _check(self, param: Any) -> None:
        name = type(self).__name__
        if not isinstance(param, Tensor):
            raise TypeMismatch(name, got=f"{type(param).__name__} arrives among its parameters", expected="tensors",
                               mend=_parameters_meant(param))  # fmt: skip
        if not param.is_leaf:
            raise GradientError(name, got="a tensor that is computed from others", expected="a parameter",
                                mend="make it one after moving or changing it: nn.Parameter(tensor)")  # fmt: skip
        if is_lazy(param):
            raise GradientError(name, got="a parameter of a lazy layer has no shape yet", expected="one with values",
                                mend="call the network once with an input before making the optimizer")  # fmt: skip
        if id(param) in self._arenas:
            raise OptionError(name, got="a parameter is in more than one group", expected="each in one")

    def _check_switches(self, group: dict[str, Any]) -> None:
        """PyTorch's choices among its implementations: taken where they change nothing."""
        name = type(self).__name__
        if group.get("differentiable"):
            raise OptionError(name, got="differentiable=True", expected="False: no gradient goes through a step",
                              mend="write the step as p - lr * g on tensors")  # fmt: skip
        if group.get("fused") and group.get("foreach"):
            raise OptionError(name, got="fused=True and foreach=True", expected="one of them at the most")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient.

        Args:
            closure: computes the loss and its gradients once more; its result is returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        if mode.recorder is not None:
            mode.recorder.steps(self)
        with no_grad():
            for group in self.param_groups:
                for params in self._batches(group):
                    self._update(group, params)
                    for param in params:
                        param._changed()
        return loss

    def _batches(self, group: dict[str, Any]) -> Iterable[list[Tensor]]:
        """The parameters that have a gradient, those of one device and dtype together."""
        batches: dict[int, list[Tensor]] = {}
        for param in group["params"]:
            if param._grad is not None:
                batches.setdefault(self._arenas[id(param)].kind(param), []).append(param)
        return batches.values()

    # a step by formulas

    def _update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        """Change the arrays of parameters of one device and dtype in place, by their gradients and the group's options.

        One kernel call does it. What differs from step to step is computed in a function that is given to
        `kernels.live`, and nowhere else: where steps are replayed, it is what runs again.
        """
        names: tuple[str, ...] | None = None  # of what is remembered, as it was at first

        def pace() -> Pace:
            nonlocal names
            rule = self._rule(group)
            names = rule.state if names is None else names
            if rule.state != names:
                raise OptionError(type(self).__name__, got="an option that needs memory was switched since the capture",
                                  expected="the same as then", mend="capture the step anew")  # fmt: skip
            return Pace(rule, self._rows(group, params, rule.scalars))

        k = params[0].device.kernels
        live = k.live(pace)
        state = [self._remembered(params, name, self._start(group, name)) for name in names]
        mode.quietly(k.update_step, *self._arrays(params), state, self._room(params), live)

    def _rule(self, group: dict[str, Any]) -> Update:
        """The formulas for the group's options: the same object for the same options."""
        raise NotImplementedError

    def _numbers(self, group: dict[str, Any], step: int) -> dict[str, float]:
        """The formulas' scalars at the step of this number, counted from 1."""
        raise NotImplementedError

    def _start(self, group: dict[str, Any], name: str) -> float:
        """What an array that is remembered is filled with at first."""
        return 0.0

    def _rows(self, group: dict[str, Any], params: list[Tensor], scalars: tuple[str, ...]) -> list[tuple[float, ...]]:
        """The formulas' scalars for each parameter, in order; counts its steps."""
        steps, rows = self._count(params), {}
        for step in set(steps):
            numbers = self._numbers(group, step)
            rows[step] = tuple([numbers[name] for name in scalars])
        return [rows[step] for step in steps] if len(rows) > 1 else [*rows.values()] * len(steps)

    def _arrays(self, params: list[Tensor]) -> tuple[list[Any], list[Any]]:
        """The arrays of the parameters and of their gradients."""
        return [param.array for param in params], [param._grad.array for param in params]

    def _remembered(self, params: list[Tensor], name: str, start: float = 0.0) -> list[Any]:
        """For each parameter an array of this name that lasts from step to step, filled with `start` at first."""
        arrays = []
        for param in params:
            state = self.state[param]
            if name not in state:
                view = self._arenas[id(param)].view(name, param)
                if start:
                    view[...] = start
                state[name] = wrap(view, param.device)
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

    def _room(self, params: list[Tensor]) -> Callable[[int, int], Any]:
        """room(i, n) is n arrays of the shape of parameter i to compute in."""
        return lambda i, n: self._arenas[id(params[i])].room(params[i], n)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients; without set_to_none they become zeros."""
        recording = mode.recorder is not None
        if recording:
            mode.recorder.grouped(self)
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none and not recording:
                    param._grad = None
                elif set_to_none:
                    param.grad = None
                elif param.grad is not None:
                    param.grad = param.grad.detach()
                    param.grad.zero_()

    # saving

    def state_dict(self) -> dict[str, Any]:
        """State and options with parameters numbered in order: {"state": {0: {...}}, "param_groups": [{...}]}."""
        for hook in [*self._hooks["state_dict_pre"].values()]:
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for param in group["params"]:
                numbers[id(param)] = len(numbers)
            groups.append({**group, "params": [numbers[id(param)] for param in group["params"]]})
        state = {numbers[id(param)]: dict(held) for param, held in self.state.items()}
        return self._changed_by("state_dict_post", {"state": state, "param_groups": groups})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave, with the same parameters in the same order.

        Raises:
            OptionError: other numbers of groups or parameters, or state of another shape.
        """
        state_dict = self._changed_by("load_state_dict_pre", dict(state_dict))
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
            group.update({**deepcopy(saved), "params": group["params"]})
        for hook in [*self._hooks["load_state_dict_post"].values()]:
            hook(self)

    def _check_shapes(self, param: Tensor, held: dict[str, Any]) -> None:
        for name, value in held.items():
            if name in self._counted or not hasattr(value, "shape"):
                continue
            got, expected = tuple(value.shape), tuple(param.shape)
            if got != expected:
                raise ShapeError(f"state dict for {type(self).__name__}", got=f"{name!r} has shape {got}",
                                 expected=f"{expected}, that of its parameter")  # fmt: skip

    def _restored(self, param: Tensor, held: dict[str, Any]) -> dict[str, Any]:
        """One parameter's saved state, its arrays copied into the arena."""
        restored: dict[str, Any] = {}
        for name, value in held.items():
            if name in self._counted:
                restored[name] = int(value) if name == "step" else float(value)
            elif hasattr(value, "shape"):
                array = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
                view = self._arenas[id(param)].view(name, param)
                view[...] = param.device.asarray(array)
                restored[name] = wrap(view, param.device)
            elif value is not None:
                restored[name] = deepcopy(value)
        return restored

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {number}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


Optimizer.step = with_hooks(Optimizer.step)


def _parameters_meant(given: Any) -> str:
    """How to come from what was given to parameters."""
    if hasattr(given, "parameters"):
        return "give its parameters()"
    if isinstance(given, dict):
        return "give its values()"
    if callable(given):
        return f"call it: {getattr(given, '__name__', 'parameters')}()"
    return "put it into a list" if isinstance(given, Tensor) else ""


def check_options(name: str, **options: Any) -> None:
    """Rates and decays are not negative, `betas` lie from 0 to under 1."""
    for option, value in options.items():
        if option == "betas":
            if not all(0.0 <= beta < 1.0 for beta in value):
                raise OptionError(name, got=f"betas={value}", expected="two numbers from 0 to under 1")
        elif isinstance(value, str) or value is None:
            mend = "leave it out" if value is None else "take the quotes away"
            raise OptionError(name, got=f"{option}={value!r}", expected="a number", mend=mend)
        elif not value >= 0.0:
            raise OptionError(name, got=f"{option}={value}", expected="0 or more")
