"""The folder that a run is: its lock, the events it says, the commands it is told."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import sys
import threading
import time
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from engine.errors import TrainingError
from engine.formats import checkpoint
from engine.formats.atomic import sweep, write_atomic
from engine.formats.regular import is_regular, make_folder, open_regular, read_regular
from engine.train.events import AnyCommand, AnyEvent, Event, Refused, decode_command, decode_event, encode
from engine.wording import plain_words

BATCH_SECONDS = 0.05
LOCK_SECONDS = 1.0
"""Who looks whether the engine lives holds the lock for a moment too; that is waited for."""
LONGEST_COMMAND = 64 * 2**20
"""Bytes of one line: an image of 1,000 x 1,000 in colour as JSON is some 20 MB."""
LONGEST_EVENT = 64 * 2**20
LONGEST_NOTE = 256


class RunFolder:
    """A run folder that this process holds: nobody else can write events to it until `close`.

    Args:
        path: the folder, made where it is missing.
        echo: whether events go to standard output too.

    Raises:
        TrainingError: the folder cannot be made or written to, or another process runs in it.
    """

    def __init__(self, path: Path, echo: bool = False):
        self.path = Path(path).absolute()
        self.checkpoints = self.path / checkpoint.FOLDER
        self.snapshots = self.path / "snapshots"
        self._lock = FileLock(self.path / "run.lock")
        try:
            self.path.mkdir(parents=True, exist_ok=True)  # the one folder that may be a link: whoever runs us named it
            make_folder(self.checkpoints)
            make_folder(self.snapshots)
            _require_file(self.path / "run.lock")
            self._lock.acquire(timeout=LOCK_SECONDS)
            for folder in (self.path, self.checkpoints):
                sweep(folder)
        except Timeout:
            raise TrainingError(f"run folder {self.path}", got="another process is at work in it",
                                mend="stop that one, or choose another folder with --out") from None  # fmt: skip
        except OSError as error:
            raise TrainingError(f"run folder {self.path}", got=f"it cannot be written to ({reason(error)})",
                                mend="choose another folder with --out") from None  # fmt: skip
        try:
            self.commands = CommandReader(self.path / "commands.jsonl")
            self.events = EventWriter(self.path / "events.jsonl", echo)
        except OSError as error:
            self._lock.release()
            name = Path(error.filename or "events.jsonl").name
            raise TrainingError(f"run folder {self.path}", got=f"{name} cannot be used ({reason(error)})",
                                mend="choose another folder with --out") from None  # fmt: skip

    def checkpoint(self, kind: str) -> Path:
        """Where the checkpoint "last" or "best" lies."""
        return self.checkpoints / f"{kind}{checkpoint.SUFFIX}"

    def close(self) -> None:
        """Write what is left to say and let the folder go."""
        try:
            self.events.close()
        finally:
            self._lock.release()

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _require_file(path: Path) -> None:
    """Raises OSError where something stands that is no regular file."""
    with contextlib.suppress(FileNotFoundError), open_regular(path, "rb"):
        pass


class EventWriter:
    """Numbers events and appends them to a file from any thread, everything of 50 ms in one write.

    A last line cut off by a kill is removed first, and the numbers go on after the last whole one.
    """

    def __init__(self, path: Path, echo: bool = False):
        self.path = path
        self.seq = mend_tail(path)
        self._echo = echo
        self._file = open_regular(path, "ab", buffering=0)
        self._waiting: list[bytes] = []
        self._mutex = threading.Lock()
        self._writing = threading.Lock()
        self._closing = threading.Event()
        self._fault: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def emit(self, event: Event) -> AnyEvent:
        """Number `event`, stamp it with the time, and write it within 50 ms; returns it as written."""
        with self._mutex:
            self.seq += 1
            numbered = msgspec.structs.replace(event, seq=self.seq, time=time.time())
            self._waiting.append(encode(numbered))
        return numbered

    def flush(self) -> None:
        """Write now what waits.

        Raises:
            TrainingError: the disk is full or the file cannot be written to.
        """
        self.write()
        if self._fault is not None:
            raise TrainingError(f"{self.path}", got=f"the run's events cannot be written ({reason(self._fault)})")

    def close(self) -> None:
        """Write what waits and end the thread; closing twice is no error.

        Raises:
            TrainingError: the disk is full or the file cannot be written to.
        """
        if self._closing.is_set():
            return
        self._closing.set()
        self._thread.join()
        try:
            self.flush()
        finally:
            self._file.close()

    def _run(self) -> None:
        while not self._closing.wait(BATCH_SECONDS):
            self.write()

    def write(self) -> None:
        """Write now what waits; what a full disk refuses stays in the queue, in order, for the next batch."""
        with self._writing:
            with self._mutex:
                lines, self._waiting = self._waiting, []
            if not lines:
                return
            content = memoryview(b"".join(lines))
            try:
                while content:
                    written = self._file.write(content)
                    self._mirror(content[:written])
                    content = content[written:]
            except OSError as error:
                self._fault = error
                with self._mutex:
                    self._waiting.insert(0, bytes(content))
                return
            self._fault = None

    def _mirror(self, content: memoryview) -> None:
        if not self._echo:
            return
        try:
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        except BrokenPipeError:  # who read along has gone; the run and its file go on
            self._echo = False


def mend_tail(path: Path) -> int:
    """Cut a torn last line off the event file at `path`; returns the last event's number, 0 where there is none.

    >>> import tempfile; path = Path(tempfile.mkdtemp()) / "events.jsonl"
    >>> path.write_bytes(b'{"event":"Refused","seq":7,"request":"","message":""}' + b"\\n" + b'{"event":"St')
    66
    >>> mend_tail(path), path.stat().st_size
    (7, 54)
    """
    if not path.exists():
        return 0
    with open_regular(path, "r+b") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = _start_of_line(file, end)
            if end - start > LONGEST_EVENT:
                raise OSError(errno.EFBIG, "its last line is too long for an event", str(path))
            file.seek(start)
            line = file.read(end - start)
            try:
                seq = decode_event(line).seq if line.endswith(b"\n") else None
            except msgspec.MsgspecError:
                seq = None
            if seq is not None:
                file.truncate(end)
                return seq
            end = start
        file.truncate(0)
    return 0


def _start_of_line(file, end: int, block: int = 65536) -> int:
    """The offset of the first byte of the line whose last byte (its newline, if it has one) is at `end - 1`."""
    position = end - 1
    while position > 0 and end - position <= LONGEST_EVENT:
        start = max(0, position - block)
        file.seek(start)
        found = file.read(position - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0


class CommandReader:
    """Takes each command of a file once, also across processes: where it got to is noted beside the file.

    The note carries a digest of what stood before that place, so that a file begun anew is read from its beginning.

    Raises:
        OSError: it is no regular file, or holds more than one command can be.
    """

    def __init__(self, path: Path):
        self.path = path
        self._note = path.with_name("commands.position")
        self._offset = self._noted_position()
        self._partial = b""
        self._polled = float("-inf")
        if self._size() - self._offset > LONGEST_COMMAND:
            raise OSError(errno.EFBIG, "there are more commands in it than anybody gives", str(path))

    def poll(self, at_most_every: float = BATCH_SECONDS) -> list[AnyCommand | Refused]:
        """The commands that came since; a line that is none comes as the Refused that answers it.

        A line without its newline is still being written and waits. Asked again within `at_most_every` seconds, it
        answers with nothing without looking.
        """
        now = time.monotonic()
        if now - self._polled < at_most_every:
            return []
        self._polled = now
        lines = self._new_lines()
        if lines:
            position = self._offset - len(self._partial)
            with contextlib.suppress(OSError):  # a full disk: the next process may take a command twice, no worse
                write_atomic(self._note, f"{position} {self._digest(position)}".encode())
        return [read_command(line) for line in lines if line.strip()]

    def _noted_position(self) -> int:
        try:
            text, digest = read_regular(self._note, LONGEST_NOTE).decode().split()
            position = int(text)
            return position if digest == self._digest(position) else 0
        except (OSError, ValueError):
            return 0

    def _digest(self, position: int) -> str:
        """Of the last bytes before `position`."""
        with open_regular(self.path, "rb") as file:
            file.seek(max(0, position - 256))
            return hashlib.sha256(file.read(min(position, 256))).hexdigest()

    def _size(self) -> int:
        """Bytes of the file, 0 where there is none yet."""
        try:
            with open_regular(self.path, "rb") as file:
                return file.seek(0, os.SEEK_END)
        except FileNotFoundError:
            return 0

    def _new_lines(self) -> list[bytes]:
        size = self._size()
        if size < self._offset:  # begun anew
            self._offset, self._partial = 0, b""
        if size == self._offset:
            return []
        with open_regular(self.path, "rb") as file:
            file.seek(self._offset)
            content = file.read(min(size - self._offset, LONGEST_COMMAND))
        self._offset += len(content)
        *lines, self._partial = (self._partial + content).split(b"\n")
        if len(self._partial) > LONGEST_COMMAND:
            lines.append(self._partial)
            self._partial = b""
        return lines


def read_command(line: bytes) -> AnyCommand | Refused:
    """The command of a line, or the Refused that says what is wrong with it.

    >>> read_command(b'{"command":"pause","request":"r1"}')
    Pause(request='r1')
    >>> read_command(b'{"command":"dance","request":"r2"}').message
    "The command 'dance' is unknown."
    """
    try:
        return decode_command(line)
    except msgspec.DecodeError as error:
        return Refused(request=_request_of(line), message=_plain_words(str(error)))


def _request_of(line: bytes) -> str:
    try:
        plain = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    request = plain.get("request", "") if isinstance(plain, dict) else ""
    return request if isinstance(request, str) else ""


def _plain_words(message: str) -> str:
    unknown = re.fullmatch(r"Invalid value '(.*)' - at `\$\.command`", message)
    if unknown:
        return f"The command {unknown[1]!r} is unknown."
    place, words = plain_words(message)
    return f"The line is no command: {f'at {place}: ' if place else ''}{words}."


def store_project(folder: Path, content: bytes) -> None:
    """Keep the project as it was when the run began; left alone where it is the very same.

    Raises:
        TrainingError: it cannot be written there.
    """
    path = folder / "project.json"
    try:
        if not is_regular(path) or path.stat().st_size != len(content) or read_regular(path, len(content)) != content:
            write_atomic(path, content)
    except OSError as error:
        raise TrainingError(f"run folder {folder}", got=f"project.json cannot be written ({reason(error)})",
                            mend="choose another folder with --out") from None  # fmt: skip


def reason(error: OSError) -> str:
    """The system's word for a fault, without number and path.

    >>> reason(OSError(28, "No space left on device"))
    'no space left on device'
    """
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]
