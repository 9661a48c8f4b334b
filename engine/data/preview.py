"""A first look at data: the head of a table, or thumbnails, with what the fields are taken for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from engine.data import csv, images, readers, shipped, texts
from engine.data.dataset import FieldDataset
from engine.data.options import check_options
from engine.data.sniff import HEAD_ROWS, sniff
from engine.data.source import Progress, locate, no_progress
from engine.data.spec import DataSpec, FieldSpec
from engine.data.table import Table, gap_notes, guess_roles, to_dataset
from engine.errors import DataError

THUMBNAIL = 64  # pixels of the longer side
SHOWN_LETTERS = 300  # of a text file
WHOLE_BYTES = 2 * 2**20  # tables up to here are looked at whole


@dataclass(frozen=True)
class Preview:
    """What a panel shows of data: rows of texts or thumbnails, and what was found.

    columns: the names of a table's columns.
    kinds, roles: beside each column what it holds ("number", "category", "text"), and its role.
    rows: the first rows as texts, one tuple per sample.
    thumbnails, captions: images (H, W) or (H, W, 3) uint8, and the class of each.
    fields: what the data are taken for.
    class_counts: by target field, how many samples each class has; of the head only where `is_whole` is False.
    samples: how many there are; an estimate where `is_whole` is False.
    is_whole: whether all of the data was looked at.
    notes: what was noticed, in sentences.
    problem: what keeps the data from being opened, where rows can be shown all the same.

    >>> Preview(samples=3).is_whole
    True
    """

    columns: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    thumbnails: tuple[np.ndarray, ...] = ()
    captions: tuple[str, ...] = ()
    fields: tuple[FieldSpec, ...] = ()
    class_counts: dict[str, dict[str, int]] = field(default_factory=dict)
    samples: int = 0
    is_whole: bool = True
    notes: tuple[str, ...] = ()
    problem: DataError | None = None


def preview(spec: DataSpec, base: Path | None = None, rows: int = 20, progress: Progress = no_progress) -> Preview:
    """The first `rows` samples; fast for large files, since only the head of a table and a few images are read.

    Args:
        spec: where the data are.
        base: the folder that paths are relative to.
        rows: how many samples.
        progress: told the share that is done; where it answers False, reading stops.

    Raises:
        DataError: nothing can be shown at all.
        Cancelled: `progress` answered False.

    >>> shown = preview(DataSpec("bundled:spirals"), rows=2)
    >>> shown.columns, shown.rows[0], shown.class_counts
    (('x', 'y', 'arm'), ('-0.14519', '0.28203', 'A'), {'arm': {'A': 250, 'B': 250}})
    """
    check_options(spec)
    if spec.reader == "images":
        return _of_folder(locate(spec, base), spec, rows)
    if spec.reader == "texts":
        return _of_texts(locate(spec, base), spec, rows, progress)
    if spec.reader == "csv":
        return _of_table(locate(spec, base), spec, rows, progress)
    if spec.reader == "bundled":
        found = shipped.find(spec)
        about = (found.summary, *(("These points are generated, not measured.",) if found.generated else ()))
        if found.file.endswith(".csv.gz"):
            shown = _of_table(shipped.FOLDER / found.file, shipped.told(found, spec), rows, progress)
            return Preview(**{**shown.__dict__, "notes": (*about, *shown.notes)})
        return _of_arrays(readers.read(spec, base, progress), rows, about)
    return _of_arrays(readers.read(spec, base, progress), rows, ())


def _of_table(path: Path, spec: DataSpec, rows: int, progress: Progress) -> Preview:
    form = sniff(path, spec.options)
    is_whole = path.stat().st_size <= WHOLE_BYTES
    head = form.rows[:rows]
    try:
        every = replace(spec, roles={})  # unused columns too, so that their kind can be shown
        table, _ = csv.read_table(path, every, progress, most_rows=None if is_whole else HEAD_ROWS)
    except DataError as problem:
        roles = tuple(spec.roles.get(name, "") for name in form.names)
        kinds = tuple(kind or "number" for kind in form.kinds)
        return Preview(
            form.names,
            kinds,
            roles,
            head,
            samples=form.rows_guessed,
            is_whole=is_whole,
            notes=form.notes,
            problem=problem,
        )
    return _of_columns(table, spec, head, table.samples if is_whole else form.rows_guessed, is_whole)


def _of_columns(
    table: Table, spec: DataSpec, head: tuple[tuple[str, ...], ...], samples: int, is_whole: bool
) -> Preview:
    names = tuple(column.name for column in table.columns)
    kinds = tuple(column.kind for column in table.columns)
    notes = [] if is_whole else [f"About {samples:,} rows; types and counts are of the first {table.samples:,}."]
    try:
        roles = guess_roles(table, spec)
        notes += gap_notes(table, roles, spec)
        dataset = to_dataset(table, roles, spec, is_whole=is_whole)
    except DataError as problem:
        roles_known = tuple(spec.roles.get(name, "") for name in names)
        return Preview(
            names,
            kinds,
            roles_known,
            head,
            samples=samples,
            is_whole=is_whole,
            notes=(*table.notes, *notes),
            problem=problem,
        )
    return Preview(
        names,
        kinds,
        tuple(roles[name] for name in names),
        head,
        fields=dataset.fields,
        class_counts=count_classes(dataset),
        samples=samples,
        is_whole=is_whole,
        notes=(*dataset.notes, *notes),
    )


def _of_folder(folder: Path, spec: DataSpec, rows: int) -> Preview:
    files, labels, classes = images.list_images(folder, spec.options.get("without", ()))
    size, mode = images.guess_shape(files, spec.options)
    chosen = _spread(labels, rows)
    thumbnails, faults = [], []
    for i in chosen:
        try:
            thumbnails.append(_thumbnail(images.read_image(files[i], _shrunk(size), mode)))
        except DataError as error:
            faults.append((files[i], error))
            thumbnails.append(np.zeros(_shrunk(size), dtype=np.uint8))
    counts = dict(zip(classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=True))
    return Preview(
        thumbnails=tuple(thumbnails),
        captions=tuple(classes[labels[i]] for i in chosen),
        fields=images.fields_of(classes, size, mode),
        class_counts={"label": counts},
        samples=len(files),
        problem=images.without_them(faults, images.IMAGES, spec.options) if faults else None,
        notes=(f"Images are read as {size[0]} x {size[1]} pixels, {'colour' if mode == 'RGB' else 'grey'}.",),
    )


def _of_texts(folder: Path, spec: DataSpec, rows: int, progress: Progress) -> Preview:
    files, labels, classes = texts.list_files(folder, texts.TEXTS, spec.options.get("without", ()))
    counts = dict(zip(classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=True))
    chosen = _spread(labels, rows)
    about = {"columns": ("text", "label"), "kinds": ("text", "category"), "class_counts": {"label": counts}}
    try:
        read = texts.read_texts(files, spec, progress)
    except DataError as problem:
        return Preview(**about, rows=(), samples=len(files), problem=problem)
    head = tuple((_opening(read[i]), classes[labels[i]]) for i in chosen)
    fields = texts.fields_of(read, classes, spec)
    return Preview(**about, rows=head, fields=fields, samples=len(files))


def _opening(text: str) -> str:
    """The first letters of a text, on one line."""
    return " ".join(text[:SHOWN_LETTERS].split())


def _of_arrays(dataset: FieldDataset, rows: int, about: tuple[str, ...]) -> Preview:
    image = next((field for field in dataset.fields if field.kind == "image"), None)
    label = next((field for field in dataset.fields if field.kind == "category"), None)
    common = {
        "fields": dataset.fields,
        "class_counts": count_classes(dataset),
        "samples": len(dataset),
        "notes": (*about, *dataset.notes),
    }
    if image is not None:
        chosen = _spread(dataset.arrays[label.name], rows) if label else np.arange(min(rows, len(dataset)))
        pixels = dataset.column(image, chosen)
        top = dataset.maxima.get(image.name) or float(pixels.max()) or 1.0
        thumbnails = tuple(_thumbnail((np.clip(each / top, 0, 1) * 255).astype(np.uint8)) for each in pixels)
        captions = tuple(label.classes[i] for i in dataset.arrays[label.name][chosen]) if label else ()
        return Preview(thumbnails=thumbnails, captions=captions, **common)
    head = dataset.take(np.arange(min(rows, len(dataset))))
    parts = [_texts(field, head[field.name]) for field in dataset.fields]
    columns = tuple(name for names, _ in parts for name in names)
    shown = tuple(tuple(text for _, texts in parts for text in texts[i]) for i in range(min(rows, len(dataset))))
    roles = tuple(field.role for field, (names, _) in zip(dataset.fields, parts, strict=True) for _ in names)
    kinds = tuple("category" if f.classes else "number" for f, (names, _) in zip(dataset.fields, parts) for _ in names)
    return Preview(columns, kinds, roles, shown, **common)


def _texts(field: FieldSpec, values: np.ndarray) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Column names of a field and its rows as texts; of a long vector the first eight."""
    if field.kind == "category":
        return (field.name,), [(field.classes[i],) for i in values]
    flat = values.reshape(len(values), -1)[:, :8]
    names = field.columns[:8] if field.columns else tuple(f"{field.name} {i + 1}" for i in range(flat.shape[1]))
    return (field.name,) if flat.shape[1] == 1 else names, [tuple(f"{x:g}" for x in row) for row in flat]


def count_classes(dataset: FieldDataset) -> dict[str, dict[str, int]]:
    """Samples per class of every category field."""
    counts = {}
    for category in (each for each in dataset.fields if each.kind == "category"):
        numbers = np.bincount(dataset.arrays[category.name], minlength=len(category.classes)).tolist()
        counts[category.name] = dict(zip(category.classes, numbers, strict=True))
    return counts


def _spread(labels: np.ndarray, most: int) -> np.ndarray:
    """Samples of all classes in turn: the first of each, then the second of each ..."""
    order = np.argsort(labels, kind="stable")
    ranks = np.empty(len(labels), dtype=np.int64)
    _, starts, sizes = np.unique(labels[order], return_index=True, return_counts=True)
    ranks[order] = np.arange(len(labels)) - np.repeat(starts, sizes)
    return np.lexsort((labels, ranks))[:most]


def _shrunk(size: tuple[int, int]) -> tuple[int, int]:
    factor = min(1.0, THUMBNAIL / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _thumbnail(pixels: np.ndarray) -> np.ndarray:
    """(C, H, W) uint8 -> (H, W) or (H, W, 3)."""
    return pixels[0] if pixels.shape[0] in (1, 2) else np.ascontiguousarray(pixels[:3].transpose(1, 2, 0))
