"""A project made real: its network built, its losses bound, its data opened and dealt out."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import engine
import engine.data
from engine.data.ahead import ahead
from engine.data.augment import Augmentation, without_mixing
from engine.data.prepare import Preparation, split
from engine.data.spec import FieldSpec
from engine.data.upload import uploaded
from engine.errors import DataError, Fix, TrainingError
from engine.formats import trust
from engine.graph import build, catalogue
from engine.graph.answers import ANSWERS
from engine.graph.network import Network
from engine.graph.purpose import TASKS, TaskKind
from engine.graph.sharing import read_alike
from engine.graph.spec import Project
from engine.metrics import offers
from engine.train.settings import chosen, usable_device

CACHED_BYTES = 512 * 2**20
"""Prepared samples are kept in memory up to that size."""
AHEAD = 2
"""Batches that are read before they are needed, where samples are not kept."""
EVALUATED_VALUES = 2**19
"""Input values in one batch that is only looked at."""


@dataclass(frozen=True)
class Batch:
    """Samples as the network takes them: tensors by field and by loss, and what the metrics compare with."""

    inputs: dict[str, Any]
    targets: dict[str, Any]
    true: np.ndarray

    def moved(self, move: Callable[[Any], Any]) -> Batch:
        """Each tensor moved."""
        inputs, targets = (
            {name: move(tensor) for name, tensor in part.items()} for part in (self.inputs, self.targets)
        )
        return Batch(inputs, targets, self.true)


@dataclass(frozen=True)
class Answer:
    """What the network says of one sample."""

    probabilities: dict[str, float] = field(default_factory=dict)
    value: float | None = None


class Predictor:
    """The network of a project: it can predict, and needs no data for it.

    The first loss says what the answers mean: classes, one of two, or values.

    Args:
        project: with the fields of its data in it.

    Raises:
        GraphError: the network has a fault; its fixes come along.
        ProjectError: it has layers whose code nobody here trusts, or names a metric that tells nothing of it.
        DeviceError: the device cannot be used.
    """

    def __init__(self, project: Project):
        trust.take_up(project)
        self.project = project
        self.seed = project.training.seed
        self.device = usable_device(project.training.device)
        engine.manual_seed(self.seed)
        fields = project.data.fields
        self.model = build.build(project.graph, fields).to(self.device)
        self.losses = build.losses(project.graph, fields)
        for loss in self.losses:
            loss.module.to(self.device)
        self.judge = self.losses[0]
        self.target: FieldSpec = self.judge.target
        self.kind: TaskKind = TASKS[self.judge.prediction]
        self.classes = self._class_names()
        self.metrics = offers.chosen(project.training.metrics, self.kind, len(self.classes))
        self._reads_scores = any(offers.OFFERS[name].reads == "scores" for name in self.metrics)
        self.inputs = tuple(f for f in fields if f.name in self.model.input_fields)
        self.preparation: Preparation | None = None

    def _class_names(self) -> tuple[str, ...]:
        if self.kind == "regression":
            return ()
        return self.target.classes or ("0", "1")

    @property
    def parameter_count(self) -> int:
        """Numbers that are learned."""
        return sum(math.prod(parameter.shape) for parameter in self.model.parameters())

    def load_weights(self, state: Mapping[str, np.ndarray]) -> None:
        """Take these weights.

        Raises:
            EngineError: they are of another network; all that does not fit is named.
        """
        self.model.load_state_dict({name: engine.from_numpy(np.array(array)) for name, array in state.items()})

    def load_preparation(self, state: Mapping[str, np.ndarray]) -> None:
        """Scale inputs, and read texts, as it was done in training."""
        self.preparation = Preparation.from_state(dict(state))

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[None]:
        """Look without learning: no dropout, statistics left alone, no gradients."""
        was_training = self.model.training
        self.model.eval()
        try:
            with engine.no_grad():
                yield
        finally:
            self.model.train(was_training)

    def prepared(self, raw: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Input fields in the data's own units -> tensors as the network takes them."""
        inputs = {spec.name: raw[spec.name] for spec in self.inputs}
        arrays = self.preparation.apply(inputs) if self.preparation is not None else inputs
        return {name: engine.from_numpy(np.ascontiguousarray(array)).to(self.device) for name, array in arrays.items()}

    def judged(self, output: Any) -> Any:
        """The output that the first loss judges, or what the several that it judges say together."""
        return self.judge.answer(output[self.judge.id] if isinstance(output, dict) else output)

    @property
    def learns_scaled(self) -> bool:
        """Whether the network learns its target as the preparation scales it, and answers so."""
        return self._is_scaled(self.target)

    def _is_scaled(self, field: FieldSpec) -> bool:
        return field.role == "target" and self.preparation is not None and field.name in self.preparation.scaling

    def in_own_units(self, values: np.ndarray) -> np.ndarray:
        """Answers as the target has them; classes stay what they are."""
        if self.judge.prediction in ("count", "distribution"):  # the network gives the logarithm
            with np.errstate(over="ignore"):
                return np.exp(values)
        if self.judge.prediction == "mask":  # the network gives logits
            return 0.5 * (1 + np.tanh(0.5 * values))
        return self.preparation.restore(self.target.name, values) if self.learns_scaled else values

    def decided(self, output: Any) -> np.ndarray:
        """Class (N) int64, or value as the target has it, of what the network put out."""
        values = self.judged(output).detach().cpu().numpy()
        if self.kind == "classification":
            return values.argmax(axis=1)
        if self.kind == "binary":
            return (values.reshape(len(values)) > self.judge.boundary).astype(np.int64)
        return self.in_own_units(values)

    def scored(self, output: Any) -> Any:
        """What `log_probabilities` takes, on the device still; None where no metric asks for it."""
        return self.judged(output).detach() if self._reads_scores else None

    def log_probabilities(self, values: Any) -> np.ndarray | None:
        """(N, classes) float64 of what `scored` gave; None of None."""
        if values is None:
            return None
        logits = values.cpu().numpy().astype(np.float64)
        if self.kind == "binary":
            logits = self._logits(logits)
            logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
        logits -= logits.max(axis=1, keepdims=True)
        return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))

    def decision(self, output: Any) -> Any:
        """The same as `decided`, in the network's own units, as a tensor that stays on the device."""
        values = self.judged(output).detach()
        if self.kind == "classification":
            return values.argmax(1)
        return (values.reshape(len(values)) > self.judge.boundary).long() if self.kind == "binary" else values

    def scores(self, inputs: Mapping[str, Any]) -> np.ndarray:
        """(N, classes) probabilities, (N, 1) the probability of the second class, or (N, ...) values."""
        with self.evaluating():
            output = self.judged(self.model(dict(inputs))).cpu().numpy().astype(np.float64)
        if self.kind == "classification":
            exponentials = np.exp(output - output.max(axis=1, keepdims=True))
            return exponentials / exponentials.sum(axis=1, keepdims=True)
        if self.kind == "binary":
            return 0.5 * (1 + np.tanh(0.5 * self._logits(output)))
        return self.in_own_units(output).reshape(len(output), -1)

    def _logits(self, output: np.ndarray) -> np.ndarray:
        """(N, 1) of a network that tells two classes apart; of a probability the difference of its logarithms, of which
        none is under -100, as in BCELoss. What is outside 0 to 1 counts as the nearer of them."""
        values = output.reshape(len(output), 1)
        if self.judge.prediction != "probability":
            return values
        values = values.clip(0, 1)
        with np.errstate(divide="ignore"):
            return np.maximum(np.log(values), -100) - np.maximum(np.log1p(-values), -100)

    def in_batches(self, indices: np.ndarray) -> list[np.ndarray]:
        """Cut for looking only: larger than for learning, where samples are small."""
        values = sum(math.prod(spec.shape) for spec in self.inputs)
        size = max(self.project.data.batch_size, min(2048, EVALUATED_VALUES // max(values, 1)))
        return [indices[start : start + size] for start in range(0, len(indices), size)]

    def all_scores(self, raw: Mapping[str, np.ndarray]) -> Iterator[np.ndarray]:
        """`scores` of each of many samples, in the data's own units."""
        count = len(next(iter(raw.values())))
        for part in self.in_batches(np.arange(count)):
            yield from self.scores(self.prepared({name: values[part] for name, values in raw.items()}))

    def predict(self, sample: Mapping[str, Any]) -> Answer:
        """Answer for one sample in the data's own units, as `engine.data.sample_from_inputs` takes it.

        Raises:
            DataError: a field is missing, or not of the shape that the network takes.
        """
        return self.answer(self.scores(self.prepared(engine.data.sample_from_inputs(self.inputs, sample)))[0])

    def answer(self, scores: np.ndarray) -> Answer:
        """One row of `scores` in words."""
        if self.kind == "regression":
            if scores.size != 1:
                raise DataError("prediction", got=f"the network answers with {scores.size} numbers", expected="one")
            return Answer(value=float(scores[0]))
        if self.kind == "binary":
            scores = np.array([1 - scores[0], scores[0]])
        return Answer(probabilities=dict(zip(self.classes, scores.tolist())))

    def number_inputs(self) -> list[tuple[str, int]]:
        """The single numbers that go in, as (field, index); empty where an image or a text is among them."""
        if any(spec.kind in ("image", "category", "text") for spec in self.inputs):
            return []
        return [(spec.name, index) for spec in self.inputs for index in range(math.prod(spec.shape))]


class Learner(Predictor):
    """A network that can learn from batches, whoever brings them."""

    def __init__(self, project: Project):
        super().__init__(project)
        self.look = engine.capture(self._look)
        """(inputs, targets) of a batch -> loss and output, as a plan: every epoch asks again."""

    def as_batch(self, arrays: Mapping[str, np.ndarray]) -> Batch:
        """Fields of some samples, inputs scaled, as tensors."""
        return self._as_batch(arrays).moved(self._there)

    def _as_batch(self, arrays: Mapping[str, np.ndarray]) -> Batch:
        """The same on the host."""
        judged = [loss for loss in self.losses if loss.has_target]
        targets = {loss.id: loss.shape_target(arrays[loss.target.name]) for loss in judged}
        count = len(arrays[self.inputs[0].name])
        true = targets[self.judge.id] if self.judge.has_target else np.ones(count, np.float32)
        for loss in judged:
            if self._is_scaled(loss.target):
                targets[loss.id] = self.preparation.apply({loss.target.name: targets[loss.id]})[loss.target.name]
        return Batch(
            {spec.name: engine.from_numpy(arrays[spec.name]) for spec in self.inputs},
            {id: engine.from_numpy(values) for id, values in targets.items()},
            self._compared(true),
        )

    def _compared(self, true: np.ndarray) -> np.ndarray:
        """What the metrics compare with; of a mixed sample the class that most of it is of."""
        if self.kind == "binary":
            return (true.reshape(len(true)) > 0.5).astype(np.int64)
        return true.argmax(axis=1) if self.kind == "classification" and true.ndim == 2 else true

    def _there(self, tensor: Any) -> Any:
        return tensor.to(self.device)

    def loss(self, output: Any, targets: Mapping[str, Any]) -> Any:
        """All losses together, each with its weight."""
        outputs = output if isinstance(output, dict) else {self.judge.id: output}
        parts = [loss(outputs[loss.id], targets.get(loss.id)) for loss in self.losses]
        return sum(parts[1:], start=parts[0])

    def _look(self, inputs: dict[str, Any], targets: dict[str, Any]) -> tuple[Any, Any]:
        output = self.model(inputs)
        return self.loss(output, targets), output

    def make_optimizer(self) -> Any:
        """The optimizer of the project.

        Raises:
            TrainingError: the network has nothing to learn.
        """
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        if not parameters:
            raise TrainingError("network", got="no layer has anything to learn", mend="add a Linear or Conv2d layer")
        return chosen(self.project.training.optimizer, "optimizer", parameters)

    def make_schedule(self, optimizer: Any) -> Any:
        """The schedule of the project, None where the rate stays."""
        choice = self.project.training.schedule
        return chosen(choice, "schedule", optimizer) if choice is not None else None


class Task(Learner):
    """A network together with its samples.

    Raises:
        DataError: the data cannot be opened, or do not fit the network.
    """

    def __init__(self, project: Project):
        super().__init__(project)
        self.data = engine.data.open(project.data, None)
        self.train, self.validation = split(self.data, project.data)
        scaled = {loss.target.name for loss in self.losses if loss.scales_target}
        together = read_alike(Network(project.graph, project.data.fields))
        self.preparation = Preparation.fit(self.data, self.train, project.data, scaled, together)
        self.augmentation = Augmentation.of(self.data, self.train, project.data, self.preparation)
        self._check_mixing()
        self._cache = self._prepare_all()

    def _check_mixing(self) -> None:
        if self.augmentation is None or not self.augmentation.mixings:
            return
        loss = next((loss for loss in self.losses if not loss.takes_shares), None)
        if loss is not None and loss.type in ANSWERS:
            raise DataError("Data, augment", got=f"mixed images are of several samples, which the loss {loss.id!r} "
                            "cannot compare", expected="each image by itself", mend="take the mixing out",
                            fixes=(without_mixing(self.project.data),))  # fmt: skip
        if loss is not None:
            entry = catalogue.entry("BCEWithLogitsLoss" if loss.prediction == "sign" else "CrossEntropyLoss")
            raise DataError(
                "Data, augment", got=f"mixed images are of several classes, which the loss {loss.id!r} does not take",
                expected=f"{entry.title} or a loss of values", mend=f"make it {entry.title}, or take the mixing out",
                fixes=(Fix(f"Make it {entry.title}", "replace", loss.id, entry.type),
                       without_mixing(self.project.data)),
            )  # fmt: skip

    def load_preparation(self, state: Mapping[str, np.ndarray]) -> None:
        super().load_preparation(state)
        self._cache = self._prepare_all()

    def _prepare_all(self) -> dict[str, np.ndarray] | None:
        """All samples scaled once, where they fit in memory; decoding an image again each epoch costs more."""
        values = sum(math.prod(spec.shape) for spec in self.inputs)
        if values * len(self.data) * 4 > CACHED_BYTES:
            return None
        raw = self.data.take(np.arange(len(self.data)))
        return raw | self.preparation.apply({spec.name: raw[spec.name] for spec in self.inputs})

    @property
    def batches_per_epoch(self) -> int:
        return len(cut(self.train, self.project.data.batch_size))

    def batches(self, epoch: int) -> list[np.ndarray]:
        """Indices of each batch of that epoch; the order comes from seed and epoch alone, so any can be taken up."""
        order = self.train
        if self.project.data.shuffle:
            generator = np.random.Generator(np.random.PCG64([self.seed, epoch]))
            order = order[generator.permutation(len(order))]
        return cut(order, self.project.data.batch_size)

    def raw(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Fields of these samples in the data's own units."""
        return self.data.take(indices)

    def batch(self, indices: np.ndarray) -> Batch:
        """These samples as tensors."""
        return self.as_batch(self._arrays(indices))

    def _arrays(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Fields of these samples, inputs scaled."""
        if self._cache is not None:
            return {name: values[indices] for name, values in self._cache.items()}
        arrays = self.raw(indices)
        return arrays | self.preparation.apply({spec.name: arrays[spec.name] for spec in self.inputs})

    def each(self, parts: Sequence[np.ndarray]) -> Generator[Batch, None, None]:
        """The batch of each part; where samples are not kept in memory, the next are read meanwhile."""
        return self._dealt(lambda part: self._as_batch(self._arrays(part)), parts, self._cache is None)

    def _dealt(self, make: Callable[[Any], Batch], items: Iterable[Any], reads: bool) -> Generator[Batch, None, None]:
        """Batches made on the host, before they are asked for where that reads; a GPU gets the next meanwhile."""
        made = ahead(make, items, AHEAD) if reads else (make(item) for item in items)
        return uploaded(made, self.device, Batch.moved) if self.device.type == "cuda" else made

    def to_learn_from(self, epoch: int, first: int = 0) -> Generator[Batch, None, None]:
        """The batches of that epoch from the `first` on, images augmented as the project says, meanwhile."""
        parts = self.batches(epoch)
        if self.augmentation is None:
            return self.each(parts[first:])

        def augmented(number: int) -> Batch:
            return self._as_batch(self.augmentation(self._arrays(parts[number]), self.seed, epoch, number))

        return self._dealt(augmented, range(first, len(parts)), True)


def cut(order: np.ndarray, size: int) -> list[np.ndarray]:
    """Batches of `size`; a single sample left over joins the last, for batch norm can learn nothing from one.

    >>> [batch.tolist() for batch in cut(np.arange(7), 3)]
    [[0, 1, 2], [3, 4, 5, 6]]
    """
    ends = list(range(size, len(order), size))
    if ends and size > 1 and len(order) - ends[-1] == 1:
        ends.pop()
    return np.split(order, ends)
