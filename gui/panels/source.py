"""Where data come from: a file that was chosen or dropped, and what the project then says of it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.data import texts
from engine.errors import DataError
from engine.graph.spec import DataSpec
from gui.i18n import tr


def spec_for(path: Path, before: DataSpec, base: Path | None) -> DataSpec:
    """The settings for a file or folder of one's own; what is not about the source stays as it was.

    Raises:
        DataError: no reader takes such a file.
    """
    readers = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".npz": "npz"}
    names = [path.suffix.lower(), *([Path(path.stem).suffix.lower()] if path.suffix.lower() == ".gz" else [])]
    reader = next((readers[n] for n in names if n in readers), None)
    if path.is_dir():
        reader = "texts" if texts.holds_texts(path) else "images"
    if reader is None:
        kinds = tr("a CSV or TSV table, an NPZ file, or a folder with one folder of images or text files per class")
        got = tr("a file of the kind {kind}", kind=path.suffix or tr("without an ending"))
        raise DataError(path.name, got=got, expected=kinds)
    source = str(path)
    if base is not None and path.resolve().is_relative_to(base.resolve()):
        source = path.resolve().relative_to(base.resolve()).as_posix()
    return msgspec.structs.replace(before, source=source, reader=reader, options={}, roles={}, fields=(), samples=0)


def dropped(mime) -> Path | None:
    """The one local file or folder that is dragged, if it is one."""
    urls = [url for url in mime.urls() if url.isLocalFile()] if mime.hasUrls() else []
    return Path(urls[0].toLocalFile()) if len(urls) == 1 else None


def content_key(data: DataSpec, base: Path | None) -> tuple:
    """What the preview depends on."""
    return (data.source, data.reader, repr(sorted(data.options.items())), tuple(sorted(data.roles.items())), base)
