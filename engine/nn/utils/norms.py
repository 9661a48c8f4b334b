"""Weight and spectral norm as PyTorch had them before parametrizations: computed by a hook before each call.

Their state dicts are those of older checkpoints: weight_g and weight_v, weight_orig, weight_u and weight_v.
"""

from __future__ import annotations

from typing import Any

from engine.errors import OptionError
from engine.nn.conv_transposed import TransposedConvolution
from engine.nn.functional import normalize
from engine.nn.module import Module
from engine.nn.parameter import Parameter
from engine.tensor import Tensor, no_grad
from engine.tensor.random import randn


class _Computed:
    """A hook that computes a parameter of a module before each call, and can give it back."""

    def __init__(self, module: Module, name: str):
        taken = [h for h, _ in module._forward_pre_hooks.values() if type(h) is type(self) and h.name == name]
        if taken or not isinstance(module._parameters.get(name), Tensor):
            raise OptionError(type(self).title, got=f"{type(module).__name__} and {name!r}",
                              expected="the name of a parameter that is not computed yet")  # fmt: skip
        self.name = name

    title = ""

    def replace(self, module: Module, learned: dict[str, Tensor]) -> Module:
        """Let these be learned instead of the parameter."""
        del module._parameters[self.name]
        for name, value in learned.items():
            module.register_parameter(self.name + name, Parameter(value.detach().clone()))
        setattr(module, self.name, self.value(module))
        module.register_forward_pre_hook(self)
        return module

    def give_back(self, module: Module, learned: tuple[str, ...]) -> None:
        """Make the parameter an ordinary one again, with the value it has."""
        with no_grad():
            value = self.value(module, still=True).detach().clone()
        delattr(module, self.name)
        for name in learned:
            del module._parameters[self.name + name]
        module.register_parameter(self.name, Parameter(value))

    def value(self, module: Module, still: bool = False) -> Tensor:
        raise NotImplementedError

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.value(module))


class _WeightNorm(_Computed):
    title = "weight_norm"

    def __init__(self, module: Module, name: str, dim: int | None):
        super().__init__(module, name)
        self.dim = -1 if dim is None else dim

    def length(self, v: Tensor) -> Tensor:
        if self.dim == -1:
            return (v * v).sum().sqrt()
        return (v * v).sum(tuple(a for a in range(v.ndim) if a != self.dim), keepdim=True).sqrt()

    def value(self, module: Module, still: bool = False) -> Tensor:
        g, v = getattr(module, f"{self.name}_g"), getattr(module, f"{self.name}_v")
        return v * (g / self.length(v))


def weight_norm(module: Module, name: str = "weight", dim: int = 0) -> Module:
    """Learn the length of a weight and its direction apart: weight = g · v / |v| (Salimans and Kingma, 2016).

    `engine.nn.utils.parametrizations.weight_norm` does the same, and newer; its state dict has other keys.

    Args:
        module: whose weight it is.
        name: the weight's name.
        dim: the axis each place of which has a length of its own; None is one length for all.

    Raises:
        OptionError: no such parameter, or it has one already.

    >>> import engine
    >>> sorted(weight_norm(engine.nn.Linear(3, 2)).state_dict())
    ['bias', 'weight_g', 'weight_v']
    """
    hook = _WeightNorm(module, name, dim)
    weight = module._parameters[name]
    return hook.replace(module, {"_g": hook.length(weight), "_v": weight})


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Undo `weight_norm`; the weight keeps its value.

    Args:
        name: the weight's name.

    >>> import engine
    >>> sorted(remove_weight_norm(weight_norm(engine.nn.Linear(3, 2))).state_dict())
    ['bias', 'weight']
    """
    _taken(module, name, _WeightNorm).give_back(module, ("_g", "_v"))
    return module


class _SpectralNorm(_Computed):
    title = "spectral_norm"

    def __init__(self, module: Module, name: str, steps: int, eps: float, dim: int):
        super().__init__(module, name)
        if steps < 1:
            raise OptionError("spectral_norm", got=f"n_power_iterations={steps}", expected="1 or more")
        self.steps, self.eps, self.dim = steps, eps, dim

    def matrix(self, weight: Tensor) -> Tensor:
        """(places along dim, all others)"""
        return weight.permute(self.dim, *(a for a in range(weight.ndim) if a != self.dim)).flatten(1)

    def value(self, module: Module, still: bool = False) -> Tensor:
        weight, u, v = (getattr(module, f"{self.name}_{part}") for part in ("orig", "u", "v"))
        matrix = self.matrix(weight)
        if module.training and not still:
            with no_grad():
                for _ in range(self.steps):
                    v.copy_(normalize(u @ matrix, dim=0, eps=self.eps))
                    u.copy_(normalize(matrix @ v, dim=0, eps=self.eps))
            u, v = u.clone(), v.clone()  # they move on before backward, where the module is called twice
        return weight / (u * (matrix @ v)).sum()


def spectral_norm(module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
                  dim: int | None = None) -> Module:  # fmt: skip
    """Divide a weight by its largest singular value, found by power iteration (Miyato et al., 2018).

    `engine.nn.utils.parametrizations.spectral_norm` does the same, and newer; its state dict has other keys.

    Args:
        module: whose weight it is, a discriminator's layer, say.
        name: the weight's name.
        n_power_iterations: steps at each call in training.
        eps: the least length, against division by zero.
        dim: the axis of the outputs; None is 0, or 1 of a transposed convolution.

    Raises:
        OptionError: no such parameter, or it has one already.

    >>> import engine
    >>> sorted(spectral_norm(engine.nn.Linear(3, 2)).state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    if dim is None:
        dim = 1 if isinstance(module, TransposedConvolution) else 0
    hook = _SpectralNorm(module, name, n_power_iterations, eps, dim)
    weight = module._parameters[name]
    rows, columns = hook.matrix(weight).shape
    for vector, length in (("_u", rows), ("_v", columns)):
        start = randn(length, dtype=weight.dtype, device=weight.device)
        module.register_buffer(name + vector, normalize(start, dim=0, eps=eps))
    return hook.replace(module, {"_orig": weight})


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Undo `spectral_norm`; the weight keeps the value that it was divided to.

    Args:
        name: the weight's name.

    >>> import engine
    >>> sorted(remove_spectral_norm(spectral_norm(engine.nn.Linear(3, 2))).state_dict())
    ['bias', 'weight']
    """
    _taken(module, name, _SpectralNorm).give_back(module, ("_orig",))
    for vector in ("_u", "_v"):
        del module._buffers[name + vector]
    return module


def _taken(module: Module, name: str, kind: type[_Computed]) -> _Computed:
    """The hook of a parameter, taken off its module."""
    for key, (hook, _) in list(module._forward_pre_hooks.items()):
        if type(hook) is kind and hook.name == name:
            del module._forward_pre_hooks[key]
            return hook
    raise OptionError(f"remove_{kind.title}", got=f"{type(module).__name__} and {name!r}",
                      expected=f"a parameter with {kind.title}")  # fmt: skip
