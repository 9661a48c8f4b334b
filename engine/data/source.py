"""Where a data file lies, and how reading it tells how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.data.spec import DataSpec
from engine.errors import DataError, EngineError, Fix

Progress = Callable[[float], bool]
"""Called now and then with the fraction done, 0..1; returning False cancels."""

CHOOSE_AGAIN = Fix("Choose the file again", "choose_data")
CHOOSE_FOLDER = Fix("Choose the folder again", "choose_data")
FOLDERS = {"images": "images", "texts": "text files"}
"""Reader of a folder -> what lies in it."""


class Cancelled(EngineError):
    """The person called it off; nothing is wrong.

    Args:
        where: what was going on.
        got, expected, mend, fixes: as of every `EngineError`.

    >>> report(lambda fraction: fraction < 0.5, 0.4)
    >>> try:
    ...     report(lambda fraction: fraction < 0.5, 0.6)
    ... except Cancelled as stopped:
    ...     print(stopped)
    opening the data was cancelled.
    """


def no_progress(fraction: float) -> bool:
    """Go on."""
    return True


def report(progress: Progress, fraction: float) -> None:
    """Tell how far it is. Raises Cancelled where the answer is to stop."""
    if not progress(min(1.0, fraction)):
        raise Cancelled("", got="opening the data was cancelled")


def locate(spec: DataSpec, base: Path | None) -> Path:
    """The file or folder that `spec` names, seen from `base`, the folder of the project file.

    Raises:
        DataError: it is not named, not there, cannot be asked for, or is of the other kind (a folder for a file).
    """
    if not spec.source:
        raise DataError(
            "Data", got="no file is chosen yet", mend="choose a data set", fixes=(Fix("Choose data", "choose_data"),)
        )
    path = Path(spec.source).expanduser()
    path = path if path.is_absolute() or base is None else Path(base) / path
    with reading(path, CHOOSE_FOLDER if spec.reader in FOLDERS else CHOOSE_AGAIN):
        _check_kind(path, spec)
    return path


def _check_kind(path: Path, spec: DataSpec) -> None:
    """That it is there, and a file or a folder as the reader takes it."""
    if not path.exists():
        is_folder = spec.reader in FOLDERS
        raise DataError(
            str(path),
            got=f"the {'folder' if is_folder else 'file'} is not there; it may have been moved or renamed",
            mend="choose it again",
            fixes=(CHOOSE_FOLDER if is_folder else CHOOSE_AGAIN,),
        )
    if spec.reader in FOLDERS and not path.is_dir():
        raise DataError(
            str(path),
            got="this is a file",
            expected=f"a folder with one folder of {FOLDERS[spec.reader]} per class",
            fixes=(CHOOSE_FOLDER,),
        )
    if spec.reader not in FOLDERS and path.is_dir():
        raise DataError(
            str(path), got="this is a folder", expected="a file", mend="choose a file in it", fixes=(CHOOSE_AGAIN,)
        )
    if spec.reader not in FOLDERS and not path.is_file():
        raise DataError(
            str(path), got="this is a pipe or a device", expected="a file", mend="choose a file", fixes=(CHOOSE_AGAIN,)
        )


@contextmanager
def reading(place: Path, again: Fix = CHOOSE_FOLDER) -> Iterator[None]:
    """Whatever the operating system refuses within is a sentence about that file or folder.

    Raises:
        DataError: something there cannot be read, or not even be asked for.
    """
    try:
        yield
    except OSError as error:
        raise unreadable(Path(error.filename or place), error, again) from None


def unreadable(path: Path, error: OSError, again: Fix = CHOOSE_AGAIN) -> DataError:
    """The operating system's refusal as a sentence; `again` is the mend that is offered."""
    reason = "you have no right to read it" if isinstance(error, PermissionError) else error.strerror or str(error)
    return DataError(str(path), got=f"it cannot be read: {reason}", fixes=(again,))
