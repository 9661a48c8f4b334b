"""Pruning of a module's parameters, by PyTorch's names: parts of them are held at zero by a mask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.errors import OptionError, TypeMismatch
from engine.nn.module import Module
from engine.nn.utils.gradients import parameters_to_vector
from engine.nn.utils.pruning_methods import (
    BasePruningMethod,
    CustomFromMask,
    Identity,
    L1Unstructured,
    LnStructured,
    PruningContainer,
    RandomStructured,
    RandomUnstructured,
    drop,
    hook_of,
)
from engine.tensor import Tensor
from engine.tensor.creation import ones_like

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "PruningContainer",
    "RandomStructured", "RandomUnstructured", "custom_from_mask", "global_unstructured", "identity", "is_pruned",
    "l1_unstructured", "ln_structured", "random_structured", "random_unstructured", "remove",
]  # fmt: skip


def identity(module: Module, name: str) -> Module:
    """Put a mask on a parameter, of which nothing goes yet; `Identity`.

    Args:
        name: the parameter's name.

    >>> import engine
    >>> identity(engine.nn.Linear(2, 2), "bias").bias_mask
    tensor([1., 1.])
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: int | float) -> Module:
    """Elements of a parameter go at random; `RandomUnstructured`.

    Args:
        name: the parameter's name.
        amount: how many, or which share from 0 to 1.

    >>> import engine
    >>> int(random_unstructured(engine.nn.Linear(2, 3), "weight", 0.5).weight_mask.sum())
    3
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount: int | float,
                    importance_scores: Tensor | None = None) -> Module:  # fmt: skip
    """The smallest elements of a parameter go; `L1Unstructured`.

    Args:
        name: the parameter's name.
        amount: how many, or which share from 0 to 1.
        importance_scores: the importance of each element, instead of its own value.

    >>> import engine
    >>> int(l1_unstructured(engine.nn.Linear(2, 3), "weight", 2).weight_mask.sum())
    4
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: int | float, dim: int) -> Module:
    """Channels of a parameter go at random; `RandomStructured`.

    Args:
        name: the parameter's name.
        amount: how many, or which share from 0 to 1.
        dim: the axis of the channels.

    >>> import engine
    >>> int(random_structured(engine.nn.Linear(2, 3), "weight", 1, dim=0).weight_mask.sum())
    4
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module: Module, name: str, amount: int | float, n: float, dim: int,
                  importance_scores: Tensor | None = None) -> Module:  # fmt: skip
    """The channels of the least norm go; `LnStructured`.

    Args:
        name: the parameter's name.
        amount: how many, or which share from 0 to 1.
        n: the order of the norm.
        dim: the axis of the channels.
        importance_scores: the importance of each element, instead of its own value.

    >>> import engine
    >>> int(ln_structured(engine.nn.Conv2d(1, 4, 3), "weight", 0.5, n=2, dim=0).weight_mask.sum())
    18
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def global_unstructured(parameters: Iterable[tuple[Module, str]], pruning_method: type[BasePruningMethod],
                        importance_scores: dict[tuple[Module, str], Tensor] | None = None,
                        **kwargs: Any) -> None:  # fmt: skip
    """Prune several parameters as if they were one.

    Args:
        parameters: pairs of a module and the name of a parameter.
        pruning_method: the class of the method, which is unstructured.
        importance_scores: by such a pair, the importance of each element, instead of its own value.
        kwargs: what the method is made with.

    Raises:
        TypeMismatch: a method that is not unstructured, or arguments of another kind.

    >>> import engine
    >>> net = engine.nn.Sequential(engine.nn.Linear(3, 2), engine.nn.Linear(2, 1))
    >>> global_unstructured([(net[0], "weight"), (net[1], "weight")], L1Unstructured, amount=0.5)
    >>> sum(int(layer.weight_mask.sum()) for layer in net)
    4
    """
    if not isinstance(parameters, Iterable):
        raise TypeMismatch("global_unstructured", got=f"parameters is a {type(parameters).__name__}",
                           expected="pairs of a module and a name")  # fmt: skip
    if not isinstance(importance_scores or {}, dict):
        raise TypeMismatch("global_unstructured", got="importance_scores is no dict", expected="scores by such a pair")
    pairs = list(parameters)
    weights = [getattr(module, name) for module, name in pairs]
    known = importance_scores or {}
    scores = parameters_to_vector([known.get(pair, weight) for pair, weight in zip(pairs, weights)]).detach()
    masks = [getattr(module, f"{name}_mask", ones_like(weight).detach())
             for (module, name), weight in zip(pairs, weights)]  # fmt: skip
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeMismatch("global_unstructured", got=f"{pruning_method.__name__} is {method.PRUNING_TYPE}",
                           expected="an unstructured method")  # fmt: skip
    mask, start = PruningContainer(method).compute_mask(scores, parameters_to_vector(masks)), 0
    for (module, name), weight in zip(pairs, weights):
        custom_from_mask(module, name, mask[start : start + weight.numel()].view_as(weight))
        start += weight.numel()


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """What a mask says of a parameter goes; `CustomFromMask`.

    Args:
        name: the parameter's name.
        mask: 1 for what stays, 0 for what goes.

    >>> import engine
    >>> custom_from_mask(engine.nn.Linear(2, 2), "bias", engine.tensor([0, 1])).bias_mask
    tensor([0., 1.])
    """
    CustomFromMask.apply(module, name, mask)
    return module


def remove(module: Module, name: str) -> Module:
    """Make a pruned parameter an ordinary one; what is zero goes on from there.

    Args:
        name: the parameter's name.

    Raises:
        OptionError: it is not pruned.

    >>> import engine
    >>> layer = remove(l1_unstructured(engine.nn.Linear(2, 2), "weight", 0.5), "weight")
    >>> sorted(layer.state_dict()), int((layer.weight == 0).sum())
    (['bias', 'weight'], 2)
    """
    hook = hook_of(module, name)
    if hook is None:
        raise OptionError("prune.remove", got=f"{name!r} of {type(module).__name__} is not pruned",
                          expected="a parameter that is")  # fmt: skip
    hook.remove(module)
    drop(module, hook)
    return module


def is_pruned(module: Module) -> bool:
    """Whether any parameter of a module, or of one in it, is pruned.

    >>> import engine
    >>> is_pruned(engine.nn.Linear(2, 2))
    False
    """
    hooks = [hook for inner in module.modules() for hook, _ in inner._forward_pre_hooks.values()]
    return any(isinstance(hook, BasePruningMethod) for hook in hooks)
