"""Ways to prune: what of a weight is held at zero (Han et al., 2015).

The weight NAME becomes what NAME_orig, which is learned, is where NAME_mask is 1; it is computed before each call.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

from engine.errors import OptionError, RangeError, ShapeError, TypeMismatch
from engine.nn.module import Module
from engine.nn.parameter import Parameter
from engine.ops.base import times
from engine.tensor import Tensor
from engine.tensor.creation import ones_like
from engine.tensor.random import rand, rand_like


class BasePruningMethod(ABC):
    """A way to prune: a subclass says in `compute_mask` what stays.

    PRUNING_TYPE says on what a second method works: on the elements that are left ("unstructured"), on the channels
    along `dim` of which anything is left ("structured"), or on all ("global").

    >>> import engine
    >>> class Positive(BasePruningMethod):
    ...     PRUNING_TYPE = "unstructured"
    ...     def compute_mask(self, t, default_mask):
    ...         return default_mask * (t > 0)
    >>> layer = engine.nn.Linear(2, 2)
    >>> _ = Positive.apply(layer, "weight")
    >>> bool((layer.weight >= 0).all())
    True
    """

    PRUNING_TYPE = "unstructured"
    _tensor_name = ""

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """1 for what stays and 0 for what goes, by the importance of each element; what had gone stays away."""

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    def apply_mask(self, module: Module) -> Tensor:
        """The pruned weight of a module."""
        original = getattr(module, f"{self._tensor_name}_orig")
        return getattr(module, f"{self._tensor_name}_mask").to(dtype=original.dtype) * original

    @classmethod
    def apply(cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None,
              **kwargs: Any) -> BasePruningMethod:  # fmt: skip
        """Prune a parameter of a module, once more where it is pruned already."""
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        earlier = hook_of(module, name)
        if earlier is not None:
            method = PruningContainer(*_each(earlier), method)
        weight = getattr(module, name)
        scores = weight if importance_scores is None else importance_scores
        if tuple(scores.shape) != tuple(weight.shape):
            raise ShapeError("pruning", got=f"scores of {times(tuple(scores.shape))} come for {name!r}",
                             expected=times(tuple(weight.shape)))  # fmt: skip
        before = ones_like(weight) if earlier is None else getattr(module, f"{name}_mask").detach().clone()
        mask = method.compute_mask(scores.detach(), default_mask=before.detach())
        if earlier is None:
            original = module._parameters.pop(name)
            module.register_parameter(f"{name}_orig", original)
        else:
            drop(module, earlier)
        module.register_buffer(f"{name}_mask", mask)
        method(module, ())
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """A tensor pruned in this way."""
        mask = ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(t if importance_scores is None else importance_scores, default_mask=mask)

    def remove(self, module: Module) -> None:
        """Make the pruned weight the parameter that is learned."""
        weight = self.apply_mask(module).detach()
        delattr(module, self._tensor_name)
        original: Parameter = module._parameters.pop(f"{self._tensor_name}_orig")
        original.data = weight
        del module._buffers[f"{self._tensor_name}_mask"]
        setattr(module, self._tensor_name, original)


class PruningContainer(BasePruningMethod):
    """Several ways to prune one parameter, one after the other.

    Args:
        args: the methods.

    >>> import engine
    >>> from engine.nn.utils.prune import l1_unstructured
    >>> layer = l1_unstructured(engine.nn.Linear(4, 2), "weight", 2)
    >>> int((l1_unstructured(layer, "weight", 3).weight_mask == 0).sum())
    5
    """

    PRUNING_TYPE = "container"

    def __init__(self, *args: BasePruningMethod):
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        self._tensor_name = args[0]._tensor_name if args else ""
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Add one more; it is of the same parameter."""
        if not isinstance(method, BasePruningMethod):
            raise TypeMismatch("PruningContainer", got=f"a {type(method).__name__} comes", expected="a pruning method")
        if self._tensor_name != method._tensor_name:
            raise OptionError("PruningContainer", got=f"a method for {method._tensor_name!r} comes",
                              expected=f"one for {self._tensor_name!r}")  # fmt: skip
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, index: int) -> BasePruningMethod:
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask so far, with what the last method takes away of what is left."""
        method = self[-1]
        mask = default_mask.to(dtype=t.dtype).clone()
        left: Any
        if method.PRUNING_TYPE == "unstructured":
            left = default_mask == 1
        elif method.PRUNING_TYPE == "structured":
            dim = method.dim % t.ndim  # type: ignore[attr-defined]
            others = [axis for axis in range(t.ndim) if axis != dim]
            kept = (default_mask.sum(others) != 0).nonzero().reshape(-1)
            part = method.compute_mask(t.index_select(dim, kept), default_mask=default_mask.index_select(dim, kept))
            return mask.index_copy(dim, kept, part.to(dtype=mask.dtype))
        elif method.PRUNING_TYPE == "global":
            left = ...
        else:
            raise OptionError("PruningContainer", got=f"PRUNING_TYPE is {method.PRUNING_TYPE!r}",
                              expected="unstructured, structured or global")  # fmt: skip
        mask[left] = method.compute_mask(t[left], default_mask=default_mask[left]).to(dtype=mask.dtype)
        return mask


class Identity(BasePruningMethod):
    """Nothing goes; the mask is there for later.

    >>> import engine
    >>> from engine.nn.utils.prune import identity
    >>> sorted(identity(engine.nn.Linear(2, 1), "bias").state_dict())
    ['bias_mask', 'bias_orig', 'weight']
    """

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class CustomFromMask(BasePruningMethod):
    """What a mask says.

    Args:
        mask: 1 for what stays, 0 for what goes.

    >>> import engine
    >>> from engine.nn.utils.prune import custom_from_mask
    >>> custom_from_mask(engine.nn.Linear(2, 3), "bias", engine.tensor([0, 1, 0])).bias_mask
    tensor([0., 1., 0.])
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor):
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask * self.mask.to(dtype=default_mask.dtype)


class _Some(BasePruningMethod):
    """A number or a share of the elements goes: those of least importance.

    Args:
        amount: how many, or which share from 0 to 1.
    """

    def __init__(self, amount: int | float):
        if not isinstance(amount, Real):
            raise TypeMismatch(type(self).__name__, got=f"amount={amount!r}", expected="a number or a share")
        if amount < 0 or (not isinstance(amount, Integral) and amount > 1):
            raise OptionError(type(self).__name__, got=f"amount={amount}", expected="0 or more, or a share up to 1")
        self.amount = amount

    def count(self, whole: int) -> int:
        """How many of so many go."""
        count = self.amount if isinstance(self.amount, Integral) else round(self.amount * whole)
        if count > whole:
            raise OptionError(
                type(self).__name__, got=f"{count} are to go of {whole}", expected="no more than there are"
            )
        return int(count)

    def importance(self, t: Tensor) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        mask = default_mask.clone()
        least = self.importance(t).reshape(-1).topk(self.count(t.numel()), largest=False).indices
        return mask.reshape(-1).index_fill(0, least, 0).reshape(tuple(t.shape))


class RandomUnstructured(_Some):
    """Elements go at random.

    Args:
        amount: how many, or which share from 0 to 1.

    >>> import engine
    >>> int(RandomUnstructured(3).prune(engine.ones(2, 4)).sum())
    5
    """

    def importance(self, t: Tensor) -> Tensor:
        return rand_like(t)


class L1Unstructured(_Some):
    """The smallest elements go.

    Args:
        amount: how many, or which share from 0 to 1.

    >>> import engine
    >>> L1Unstructured(0.5).prune(engine.tensor([1.0, -3.0, 2.0, 0.5]))
    tensor([ 0., -3.,  2.,  0.])
    """

    def importance(self, t: Tensor) -> Tensor:
        return t.abs()


class _Channels(_Some):
    """As many places along an axis go as a whole."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: int | float, dim: int = -1):
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if t.ndim < 2:
            raise ShapeError(type(self).__name__, got=f"a tensor of {times(tuple(t.shape))}", expected="two axes",
                             mend="prune it with l1_unstructured")  # fmt: skip
        if not -t.ndim <= self.dim < t.ndim:
            raise RangeError(type(self).__name__, got=f"dim={self.dim} of {t.ndim} axes", expected="one of them")
        dim = self.dim % t.ndim
        least = self.importance(t).topk(self.count(t.shape[dim]), largest=False).indices
        return default_mask.index_fill(dim, least, 0)


class RandomStructured(_Channels):
    """Channels go at random.

    Args:
        amount: how many, or which share from 0 to 1.
        dim: the axis of the channels.

    >>> import engine
    >>> int(RandomStructured(1, dim=0).prune(engine.ones(2, 4)).sum())
    4
    """

    def importance(self, t: Tensor) -> Tensor:
        return rand(t.shape[self.dim], device=t.device)


class LnStructured(_Channels):
    """The channels of the least norm go.

    Args:
        amount: how many, or which share from 0 to 1.
        n: the order of the norm.
        dim: the axis of the channels.

    >>> import engine
    >>> LnStructured(1, n=2, dim=0).prune(engine.tensor([[1.0, 2.0], [3.0, 0.0]]))
    tensor([[0., 0.],
            [3., 0.]])
    """

    def __init__(self, amount: int | float, n: float, dim: int = -1):
        super().__init__(amount, dim)
        self.n = n

    def importance(self, t: Tensor) -> Tensor:
        return t.norm(self.n, [axis for axis in range(t.ndim) if axis != self.dim % t.ndim])


def hook_of(module: Module, name: str) -> BasePruningMethod | None:
    """The method by which a parameter is pruned."""
    hooks = [hook for hook, _ in module._forward_pre_hooks.values()]
    found = [hook for hook in hooks if isinstance(hook, BasePruningMethod) and hook._tensor_name == name]
    return found[0] if found else None


def _each(method: BasePruningMethod) -> tuple[BasePruningMethod, ...]:
    return tuple(method) if isinstance(method, PruningContainer) else (method,)


def drop(module: Module, method: BasePruningMethod) -> None:
    """Compute no longer before each call."""
    for key, (hook, _) in list(module._forward_pre_hooks.items()):
        if hook is method:
            del module._forward_pre_hooks[key]
