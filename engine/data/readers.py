"""The one way in: open, describe and preview data of any kind."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from engine.data import csv, images, npz, shipped, texts
from engine.data.dataset import FieldDataset
from engine.data.options import check_options
from engine.data.prepare import part_sizes
from engine.data.source import CHOOSE_AGAIN, Progress, locate, no_progress
from engine.data.spec import DataSpec, FieldSpec
from engine.data.table import guess_roles, listed, to_dataset
from engine.errors import DataError, Fix
from engine.wording import counted


def open(spec: DataSpec, base: Path | None = None, progress: Progress = no_progress) -> FieldDataset:
    """The samples that `spec` names, ready for training.

    Args:
        spec: where the data is and how it is read.
        base: the folder that a relative source starts from: that of the project file.
        progress: told the fraction done; answering False cancels.

    Raises:
        DataError: what is wrong, with file and row, and how to mend it.
        Cancelled: `progress` answered False.

    >>> digits = open(DataSpec("bundled:digits"))
    >>> len(digits), digits[0]["image"].shape
    (1797, (1, 8, 8))
    """
    dataset = read(spec, base, progress)
    _check_unchanged(spec, dataset)
    check_batch(spec, len(dataset))
    return dataset


def read(spec: DataSpec, base: Path | None, progress: Progress) -> FieldDataset:
    """`open` without the checks against what the project knows of its data."""
    check_options(spec)
    if spec.reader == "bundled":
        return shipped.open_bundled(spec, progress)
    path = locate(spec, base)
    if spec.reader == "images":
        return images.open_images(path, spec, progress)
    if spec.reader == "texts":
        return texts.open_texts(path, spec, progress)
    if spec.reader == "npz":
        return npz.open_npz(path, spec, progress)
    table, _ = csv.read_table(path, spec, progress)
    return to_dataset(table, guess_roles(table, spec), spec)


def describe(spec: DataSpec, base: Path | None = None, progress: Progress = no_progress) -> DataSpec:
    """`spec` with fields, samples and guessed roles filled in; reads a table whole, but only the names of images.

    Args:
        spec: where the data are.
        base: the folder that paths are relative to.
        progress: told the share that is done; where it answers False, reading stops.

    Raises:
        DataError: what is wrong, with file and row, and how to mend it.
        Cancelled: `progress` answered False.

    >>> describe(DataSpec("bundled:diabetes", options={"columns": ["bmi"]})).fields[0].columns
    ('bmi',)
    """
    check_options(spec)
    if spec.reader == "bundled" and not shipped.is_changed(spec):
        found = shipped.find(spec)
        return replace(spec, fields=found.fields, samples=found.samples)
    if spec.reader == "images":
        files, _, classes = images.list_images(locate(spec, base), spec.options.get("without", ()))
        size, mode = images.guess_shape(files, spec.options)
        return replace(spec, fields=images.fields_of(classes, size, mode), samples=len(files))
    if spec.reader == "csv":
        table, _ = csv.read_table(locate(spec, base), spec, progress)
        roles = guess_roles(table, spec)
        dataset = to_dataset(table, roles, spec)
        return replace(spec, fields=dataset.fields, samples=len(dataset), roles=roles)
    dataset = read(spec, base, progress)
    return replace(spec, fields=dataset.fields, samples=len(dataset))


def check_batch(spec: DataSpec, samples: int) -> None:
    """Refuses a batch that is larger than the training part.

    Args:
        spec: what says the batch size and the share to validate with.
        samples: how many samples there are.

    Raises:
        DataError: with a fix that sets a size that goes.

    >>> check_batch(DataSpec(batch_size=32), 50) is None
    True
    """
    train, _ = part_sizes(samples, spec.validation)
    if spec.batch_size > train > 0:
        size = fitting_batch(spec, samples)
        raise DataError(
            "Data",
            got=f"a batch of {spec.batch_size} is larger than the {train} training samples",
            expected=f"at most {train}",
            mend=f"set the batch size to {size}",
            fixes=(Fix(f"Set batch size to {size}", "set_data", name="batch_size", value=size),),
        )


def fitting_batch(spec: DataSpec, samples: int) -> int:
    """The batch size of `spec`, or the largest power of two that the training part has samples for.

    Args:
        spec: what says the batch size and the share to validate with.
        samples: how many samples there are.

    >>> fitting_batch(DataSpec(batch_size=32), 1000), fitting_batch(DataSpec(batch_size=32), 38)
    (32, 16)
    """
    train, _ = part_sizes(samples, spec.validation)
    return spec.batch_size if spec.batch_size <= train else 1 << max(0, train.bit_length() - 1)


def _check_unchanged(spec: DataSpec, dataset: FieldDataset) -> None:
    """The network was drawn for the fields that the project knows; a file may have changed since."""
    known = {field.name: field for field in spec.fields if field.role != "unused"}
    found = {field.name: field for field in dataset.fields if field.role != "unused"}
    differing = [name for name in (*known, *found) if known.get(name) != found.get(name)]
    if known and differing:
        raise DataError(
            spec.source,
            got=_difference(differing[0], known.get(differing[0]), found.get(differing[0])),
            expected="the data that the project was made with",
            mend="choose the data again, so that the network can follow",
            fixes=(CHOOSE_AGAIN,),
        )


def _difference(name: str, was: FieldSpec | None, now: FieldSpec | None) -> str:
    if was is None or now is None:
        return f"there is no field {name!r} any more" if now is None else f"field {name!r} is new"
    if was.shape != now.shape:
        return f"field {name!r} now has shape {now.shape} instead of {was.shape}"
    if was.classes != now.classes:
        return f"field {name!r} now has {counted(len(now.classes), 'class')}: {listed(now.classes)}"
    if was.vocabulary != now.vocabulary:
        return f"field {name!r} now has {now.vocabulary:,} tokens instead of {was.vocabulary:,}"
    if was.columns != now.columns:
        return f"field {name!r} now has columns {listed(now.columns)}"
    return f"field {name!r} is now a {now.kind} as {now.role}"
