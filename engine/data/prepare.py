"""Before training: which samples validate, how inputs are scaled and which tokens texts have, by the training part."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from engine.data.dataset import FieldDataset
from engine.data.spec import DataSpec, FieldSpec
from engine.data.statistics import Statistics
from engine.errors import DataError
from engine.wording import counted

PARTS = {"offset", "scale", "fill"}
TOKENS = "tokens"
CHUNK_BYTES = 32 * 2**20  # of inputs looked at in one go when statistics are fitted
KEPT_VALUES = 2**22  # of each column or channel, for its median; of more of them evenly spread ones


def part_sizes(samples: int, validation: float) -> tuple[int, int]:
    """Samples to train and to validate with: at least one to validate with where a part is asked for.

    Args:
        samples: how many there are.
        validation: the share to validate with.

    >>> part_sizes(10, 0.2), part_sizes(2, 0.1), part_sizes(5, 0.0)
    ((8, 2), (1, 1), (5, 0))
    """
    count = min(samples, max(1, round(samples * validation))) if validation > 0 else 0
    return samples - count, count


def split(dataset: FieldDataset, spec: DataSpec) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and of the validation part, drawn by `spec.seed` and each in the order of the file.

    Where there is a category to predict, both parts hold its classes in the same proportions.

    Raises:
        DataError: no sample is left to train with.

    >>> from engine.data import open
    >>> spec = DataSpec("bundled:digits", validation=0.2)
    >>> train, validation = split(open(spec), spec)
    >>> len(train), len(validation)
    (1438, 359)
    """
    train_count, count = part_sizes(len(dataset), spec.validation)
    if train_count < 1:
        raise DataError(
            "Data",
            got=f"of {counted(len(dataset), 'sample')} none is left to train with",
            expected="more samples",
            mend="set the validation part to 0 or choose more data",
        )
    order = np.random.Generator(np.random.PCG64(spec.seed)).permutation(len(dataset))
    labels = next((dataset.arrays[f.name] for f in dataset.fields if f.role == "target" and f.kind == "category"), None)
    chosen = order[:count] if labels is None else _stratified(order, labels[order], count)
    validates = np.zeros(len(dataset), dtype=bool)
    validates[chosen] = True
    return np.flatnonzero(~validates), np.flatnonzero(validates)


def _stratified(order: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """The first of each class in `order`, as many as its share of `count`, the rest to the largest remainders."""
    ordered = np.sort(labels)  # np.unique imports all of numpy.ma, a twentieth of the time to a first step
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
    classes, sizes = ordered[starts], np.diff(starts, append=len(ordered))
    quota = sizes * count / len(order)
    shares = np.floor(quota).astype(np.int64)
    remainders = np.argsort(shares - quota, kind="stable")
    shares[remainders[: count - shares.sum()]] += 1
    return np.concatenate([order[labels == each][:share] for each, share in zip(classes, shares, strict=True)])


class Preparation:
    """Scales the inputs: (x - offset) / scale, after gaps (NaN) were filled; and makes token numbers of texts.

    Fitted on the training part only, so that nothing of the validation part leaks in. Targets pass unchanged, but for
    those that `fit` is asked to scale.

    Args:
        scaling: by field, its "offset", "scale" and "fill": (F,) for a vector, (C, 1, 1) for an image, float32.
        tokens: by text field, the `engine.data.tokens.Tokens` that read it.

    >>> scaled = Preparation({"x": {"offset": np.float32([1]), "scale": np.float32([2]), "fill": np.float32([1])}})
    >>> scaled.apply({"x": np.float32([[5], [np.nan]])})["x"].tolist()
    [[2.0], [0.0]]
    """

    def __init__(self, scaling: Mapping[str, Mapping[str, np.ndarray]], tokens: Mapping[str, Any] | None = None):
        self.scaling = {name: dict(values) for name, values in scaling.items()}
        self.tokens = dict(tokens or {})

    @classmethod
    def fit(
        cls,
        dataset: FieldDataset,
        indices: np.ndarray,
        spec: DataSpec,
        targets: Collection[str] = (),
        together: Collection[tuple[str, ...]] = (),
    ) -> Preparation:
        """Look at the samples of `indices` and note offset and scale of every input, and of these target fields.

        "standard" takes each column's (each channel's) mean and deviation; columns that mark a category stay 0 or 1.
        "unit" takes the known largest value of an image, else the smallest and largest met; "robust" the median and
        the distance of the quartiles. A target is always scaled as "standard" does it. Gaps of a table are filled as
        `spec.options["missing"]` says: with the "mean", the "median", the "mode" or the "constant" of
        `spec.options["missing_value"]`. Fields named `together`, which are read by the same weights, are scaled as one.

        >>> from engine.data import open
        >>> spec = DataSpec("bundled:digits", scaling="unit")
        >>> digits = open(spec)
        >>> images = Preparation.fit(digits, np.arange(100), spec).apply(digits.take(np.arange(100)))["image"]
        >>> float(images.min()), float(images.max())
        (0.0, 1.0)
        """
        fields = [f for f in dataset.fields if f.role == "input" or (f.role == "target" and f.name in targets)]
        numbers = [field for field in fields if field.dtype == "float32"]
        texts = [field for field in dataset.fields if field.role == "input" and field.kind == "text"]
        known = {field.name: field for field in numbers}
        groups = {name: [known[other] for other in group if other in known] for group in together for name in group}
        return cls(
            {f.name: _fit_field(dataset, f, np.asarray(indices), spec, groups.get(f.name, [f])) for f in numbers},
            {f.name: _fit_tokens(dataset, f, indices, spec) for f in texts},
        )

    def apply(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """The arrays by field name, scaled, float32, texts as token numbers; those of other fields as they are."""
        return {name: self._applied(name, values) for name, values in arrays.items()}

    def _applied(self, name: str, values: Any) -> Any:
        if name in self.tokens:
            return self.tokens[name](values)
        return self._scale(name, values) if name in self.scaling else values

    def restore(self, name: str, values: np.ndarray) -> np.ndarray:
        """Values of a field back in the data's own units.

        >>> price = {"offset": np.array([3e5]), "scale": np.array([1e5]), "fill": np.array([3e5])}
        >>> Preparation({"price": price}).restore("price", np.array([[-1.0], [0.5]])).tolist()
        [[200000.0], [350000.0]]
        """
        if name not in self.scaling:
            return values
        return values * self.scaling[name]["scale"] + self.scaling[name]["offset"]

    def _scale(self, name: str, values: np.ndarray) -> np.ndarray:
        scaling = self.scaling[name]
        values = np.asarray(values, dtype=np.float32)
        gaps = np.isnan(values)
        if gaps.any():
            values = np.where(gaps, scaling["fill"], values)
        return (values - scaling["offset"]) / scaling["scale"]

    def state(self) -> dict[str, np.ndarray]:
        """Offset, scale and fill as "FIELD/offset" ..., vocabularies as "FIELD/tokens": what a checkpoint keeps."""
        scaling = {f"{name}/{part}": values for name, parts in self.scaling.items() for part, values in parts.items()}
        return scaling | {f"{name}/{TOKENS}": tokens.state() for name, tokens in self.tokens.items()}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Preparation:
        """The preparation whose `state()` that was.

        Raises:
            DataError: a field's scaling is not whole, or a vocabulary cannot be read.

        >>> one = Preparation({"x": {"offset": np.ones(2), "scale": np.ones(2), "fill": np.ones(2)}})
        >>> Preparation.from_state(one.state()).apply({"x": np.zeros((1, 2))})["x"].tolist()
        [[-1.0, -1.0]]
        """
        scaling: dict[str, dict[str, np.ndarray]] = {}
        tokens: dict[str, Any] = {}
        for key, values in state.items():
            name, _, part = key.rpartition("/")
            if part == TOKENS:
                tokens[name] = _tokens_of(values)
                continue
            scaling.setdefault(name, {})[part] = np.asarray(values, dtype=np.float32)
        for name, parts in scaling.items():
            if parts.keys() != PARTS:
                raise DataError(f"Scaling of {name!r}", got=f"there are {', '.join(sorted(parts))}",
                                expected=f"{', '.join(sorted(PARTS))}", mend="train again")  # fmt: skip
        return cls(scaling, tokens)


def _fit_tokens(dataset: FieldDataset, field: FieldSpec, indices: np.ndarray, spec: DataSpec) -> Any:
    from engine.data.tokens import Tokens  # runs without texts are spared it

    return Tokens.fit(dataset.column(field, np.asarray(indices)), field, spec)


def _tokens_of(state: np.ndarray) -> Any:
    from engine.data.tokens import Tokens

    return Tokens.from_state(state)


def _fit_field(
    dataset: FieldDataset, field: FieldSpec, indices: np.ndarray, spec: DataSpec, group: list[FieldSpec]
) -> dict[str, np.ndarray]:
    """How a field is scaled, by the values of all of a group that is scaled as one."""
    how = spec.scaling if field.role == "input" else "standard"
    gaps = spec.options.get("missing", "mean") if field.role == "input" and field.kind == "vector" else "mean"
    statistics = Statistics(field.shape[0], keeps=how == "robust" or gaps in ("median", "mode"))
    maxima = [dataset.maxima.get(each.name) for each in group]
    known = max(maxima) if all(maxima) else None
    if not (how == "unit" and known) or field.kind != "image":
        pixels = len(indices) * int(np.prod(field.shape[1:]))
        rows = max(1, CHUNK_BYTES // (4 * int(np.prod(field.shape))))
        for each in group:
            for start in range(0, len(indices), rows):
                values = dataset.column(each, indices[start : start + rows])
                if field.kind == "image":
                    values = values.transpose(0, 2, 3, 1).reshape(-1, values.shape[1])  # (N, C, H, W) -> (N H W, C)
                statistics.add(values, every=max(1, pixels // KEPT_VALUES))
    offset, scale = statistics.scaling(how)
    if how == "unit" and known:
        offset, scale = np.zeros_like(offset), np.full_like(scale, known)
    switches = dataset.switches.get(field.name)
    if switches is not None:
        offset, scale = np.where(switches, 0.0, offset), np.where(switches, 1.0, scale)
    shape = (-1, 1, 1) if field.kind == "image" else (-1,)
    fill = statistics.fill(gaps, spec.options.get("missing_value", 0.0))
    parts = {"offset": offset, "scale": scale, "fill": fill}
    return {part: values.astype(np.float32).reshape(shape) for part, values in parts.items()}
