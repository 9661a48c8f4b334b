"""Averages of what was learned: of all epochs (SWA), or mostly of the last (EMA)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from itertools import chain
from typing import Annotated, Any, Literal

from engine.describe import Choice, Range, Start, schedule
from engine.errors import OptionError
from engine.nn.module import Module
from engine.nn.normalisation import BatchNorm
from engine.optim.lr_scheduler.scheduler import LastEpoch, LRScheduler, for_each_group
from engine.optim.optimizer import Optimizer
from engine.tensor import Tensor, no_grad
from engine.tensor.creation import tensor
from engine.tensor.promotion import int64

__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn",
    "update_bn",
]  # fmt: skip

Tensors = Sequence[Tensor]


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[[Tensors, Tensors, Any], None]:
    """For `AveragedModel`: the exponential average, average = decay · average + (1 - decay) · parameter, in place.

    Args:
        decay: how much of the old average is kept, 0 to 1.

    Raises:
        OptionError: a decay outside 0 to 1.

    Example:
        >>> import engine
        >>> average = [engine.ones(1)]
        >>> get_ema_multi_avg_fn(0.75)(average, [engine.zeros(1)], 1)
        >>> average[0].tolist()
        [0.75]
    """
    one = get_ema_avg_fn(decay)

    def update(averages: Tensors, parameters: Tensors, num_averaged: Any) -> None:
        for average, parameter in zip(averages, parameters, strict=True):
            average.copy_(one(average, parameter, num_averaged))

    return no_grad()(update)


def get_swa_multi_avg_fn() -> Callable[[Tensors, Tensors, Any], None]:
    """For `AveragedModel`: the plain average, in place.

    Example:
        >>> import engine
        >>> average = [engine.ones(1)]
        >>> get_swa_multi_avg_fn()(average, [engine.zeros(1)], 3)
        >>> average[0].tolist()
        [0.75]
    """
    one = get_swa_avg_fn()

    def update(averages: Tensors, parameters: Tensors, num_averaged: Any) -> None:
        for average, parameter in zip(averages, parameters, strict=True):
            average.copy_(one(average, parameter, num_averaged))

    return no_grad()(update)


def get_ema_avg_fn(decay: float = 0.999) -> Callable[[Tensor, Tensor, Any], Tensor]:
    """For `AveragedModel`: the exponential average of one tensor; see `get_ema_multi_avg_fn`.

    Args:
        decay: how much of the old average is kept, 0 to 1.

    Raises:
        OptionError: a decay outside 0 to 1.

    Example:
        >>> import engine
        >>> get_ema_avg_fn(0.75)(engine.ones(1), engine.zeros(1), 1).tolist()
        [0.75]
    """
    if not 0.0 <= decay <= 1.0:
        raise OptionError("get_ema_avg_fn", got=f"decay={decay}", expected="0 to 1")
    return no_grad()(lambda average, parameter, num_averaged: decay * average + (1 - decay) * parameter)


def get_swa_avg_fn() -> Callable[[Tensor, Tensor, Any], Tensor]:
    """For `AveragedModel`: average + (parameter - average) / (num_averaged + 1) of one tensor.

    Example:
        >>> import engine
        >>> get_swa_avg_fn()(engine.ones(1), engine.zeros(1), 3).tolist()
        [0.75]
    """
    return no_grad()(
        lambda average, parameter, num_averaged: average + (parameter - average) / (float(num_averaged) + 1)
    )


class AveragedModel(Module):
    """A copy of a network that holds the average of its parameters over training; often it judges better.

    Izmailov et al., 2018, for the plain average. Call `update_parameters` after each step or epoch. Where the network
    has batch norms, give them statistics of their own in the end: `update_bn`, or `use_buffers`.

    Args:
        model: the network.
        device: where the copy lies, if not with the network.
        avg_fn: (average, parameter, how many were averaged) -> the new average; the plain average, if not said.
        multi_avg_fn: the same for lists of tensors of one device and dtype, in place.
        use_buffers: whether buffers are averaged too; otherwise they are copied.

    Raises:
        OptionError: both functions.

    Example:
        >>> from engine import nn
        >>> layer = nn.Linear(1, 1, bias=False)
        >>> average = AveragedModel(layer, multi_avg_fn=get_ema_multi_avg_fn(0.5))
        >>> for weight in (1.0, 3.0):
        ...     _ = nn.init.constant_(layer.weight, weight)
        ...     average.update_parameters(layer)
        >>> average.module.weight.item()
        2.0
    """

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable[[Tensor, Tensor, Any], Tensor] | None = None,
        multi_avg_fn: Callable[[Tensors, Tensors, Any], None] | None = None,
        use_buffers: bool = False,
    ):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise OptionError("AveragedModel", got="avg_fn and multi_avg_fn", expected="one of them")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take what the network has learned now into the average; the first time, it is the average."""
        theirs = chain(model.parameters(), model.buffers()) if self.use_buffers else model.parameters()
        ours = self.module.parameters()
        if self.use_buffers:
            ours = chain(ours, self.module.buffers())
        pairs = [(average, new.detach().to(average.device)) for average, new in zip(ours, theirs)]
        if int(self.n_averaged) == 0:
            for average, new in pairs:
                average.copy_(new)
        else:
            self._average(pairs)
        if not self.use_buffers:
            for buffer, new in zip(self.module.buffers(), model.buffers(), strict=True):
                buffer.copy_(new.to(buffer.device))
        self.n_averaged.add_(1)

    def _average(self, pairs: list[tuple[Tensor, Tensor]]) -> None:
        if self.avg_fn is not None:
            for average, new in pairs:
                average.copy_(self.avg_fn(average.detach(), new, self.n_averaged))
            return
        alike: dict[Any, list[tuple[Tensor, Tensor]]] = {}
        for average, new in pairs:
            alike.setdefault((average.device, average.dtype), []).append((average, new))
        update = self.multi_avg_fn or get_swa_multi_avg_fn()
        for some in alike.values():
            update(*zip(*some), self.n_averaged)


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Give all batch norms of a network the statistics of these data, for example after its weights were averaged.

    Args:
        loader: batches: tensors, or tuples and lists of which the first is what the network takes.
        model: the network; it is in training mode meanwhile.
        device: where batches are moved to first.

    Example:
        >>> import engine
        >>> layer = engine.nn.BatchNorm1d(1)
        >>> update_bn([engine.tensor([[1.0], [3.0]]), engine.tensor([[5.0], [7.0]])], layer)
        >>> layer.running_mean.tolist()
        [4.0]
    """
    norms = {module: module.momentum for module in model.modules() if isinstance(module, BatchNorm)}
    if not norms:
        return
    was_training = model.training
    model.train()
    for module in norms:
        module.reset_running_stats()
        module.momentum = None
    for batch in loader:
        inputs = batch[0] if isinstance(batch, list | tuple) else batch
        model(inputs if device is None else inputs.to(device))
    for module, momentum in norms.items():
        module.momentum = momentum
    model.train(was_training)


@schedule("SWA", synonyms=("stochastic weight averaging", "swalr"))
class SWALR(LRScheduler):
    """Brings the learning rate to another one and holds it there, as averaging of weights wants it.

    lr = swa_lr · α + lr₀ · (1 - α), α going from 0 to 1 in anneal_epochs

    Izmailov et al., 2018.

    Args:
        optimizer: Whose learning rate is set.
        swa_lr: The learning rate that is gone to.
        anneal_epochs: How many epochs it takes.
        anneal_strategy: Along half a cosine ("cos") or a line ("linear").
        last_epoch: The number of the epoch to go on from; -1 begins anew.

    Raises:
        OptionError: another strategy, or a negative number of epochs.

    Example:
        >>> import engine
        >>> optimizer = engine.optim.SGD([engine.nn.Parameter(engine.ones(1))], lr=1.0)
        >>> schedule = SWALR(optimizer, swa_lr=0.5, anneal_epochs=2)
        >>> schedule.step()
        >>> [round(rate, 3) for rate in schedule.get_last_lr()]
        [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: Annotated[float | list[float], Range(0.0, 10.0), Start(0.01)],
        anneal_epochs: Annotated[int, Range(0, 1_000_000)] = 10,
        anneal_strategy: Annotated[Literal["cos", "linear"], Choice(("cos", "linear"))] = "cos",
        last_epoch: LastEpoch = -1,
    ):
        rates = for_each_group("SWALR", "swa_lr", optimizer, swa_lr)
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise OptionError("SWALR", got=f"anneal_strategy={anneal_strategy!r}", expected="'cos' or 'linear'")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise OptionError("SWALR", got=f"anneal_epochs={anneal_epochs}", expected="a whole number from 0")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        step = max(1, self._step_count - 1) if self.anneal_epochs == 0 else self._step_count - 1
        before, now = self._gone(step - 1), self._gone(step)
        rates = []
        for group, rate in zip(self.optimizer.param_groups, self._rates(), strict=True):
            target = group["swa_lr"]
            start = target if before == 1 else (rate - before * target) / (1 - before)
            rates.append(target * now + start * (1 - now))
        return rates

    def _gone(self, step: int) -> float:
        share = max(0, min(1, step / max(1, self.anneal_epochs)))
        return share if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * share)) / 2
