"""The run folder: events whole and numbered, commands taken once, one process at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from engine.errors import TrainingError
from engine.formats.atomic import sweep, write_atomic
from engine.train.events import Pause, Predict, Refused, Set, StateChanged, Step, Stop, decode_event, encode
from engine.train.run_folder import CommandReader, EventWriter, RunFolder, mend_tail


def events_of(path: Path) -> list:
    return [decode_event(line) for line in path.read_bytes().splitlines()]


def a_step(number: int) -> Step:
    return Step(step=number, epoch=1, loss=0.5, learning_rate=0.1, gradient_norm=1.0, samples_per_second=10.0,
                progress=0.1, seconds_left=1.0)  # fmt: skip


def test_events_of_many_threads_are_numbered_without_gaps(tmp_path):
    writer = EventWriter(tmp_path / "events.jsonl")
    threads = [threading.Thread(target=lambda: [writer.emit(a_step(i)) for i in range(200)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert [event.seq for event in events_of(tmp_path / "events.jsonl")] == list(range(1, 1601))


def test_events_of_50_ms_go_out_in_one_write(tmp_path):
    writer = EventWriter(tmp_path / "events.jsonl")
    writes = []
    real = writer._file

    class Counting:
        def write(self, content):
            writes.append(len(content))
            return real.write(content)

        close = real.close

    writer._file = Counting()
    began = time.monotonic()
    while time.monotonic() - began < 0.5:
        writer.emit(a_step(1))
        time.sleep(0.0005)
    writer.close()
    assert len(writes) <= 12
    assert len(events_of(tmp_path / "events.jsonl")) == writer.seq


def test_an_event_is_on_the_disk_soon_without_being_asked_for(tmp_path):
    writer = EventWriter(tmp_path / "events.jsonl")
    writer.emit(a_step(1))
    deadline = time.monotonic() + 2
    while not (tmp_path / "events.jsonl").stat().st_size and time.monotonic() < deadline:
        time.sleep(0.01)
    assert events_of(tmp_path / "events.jsonl")[0].step == 1
    writer.close()


@pytest.mark.parametrize("tail", [b'{"event":"Step","se', b"\x00\x00\x00", b'{"event":"Nonsense"}\n', b"\xff\xfe\n{"])
def test_a_resumed_run_cuts_off_a_torn_line_and_goes_on_counting(tmp_path, tail):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(encode(StateChanged(seq=i, state="running", step=i)) for i in (1, 2, 3)) + tail)
    writer = EventWriter(path)
    writer.emit(a_step(9))
    writer.close()
    assert [event.seq for event in events_of(path)] == [1, 2, 3, 4]


def test_a_file_with_no_whole_event_is_started_anew(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"x" * 200_000)
    assert mend_tail(path) == 0
    assert path.stat().st_size == 0


def test_a_long_last_line_is_found_across_blocks(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(encode(Refused(seq=1, request="", message="y" * 150_000)) + b"z" * 150_000)
    assert mend_tail(path) == 1
    assert len(events_of(path)) == 1


def test_a_second_process_is_kept_out_of_a_run_folder_and_let_in_after_a_kill(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from engine.train.run_folder import RunFolder; "
        "folder = RunFolder(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(TrainingError, match=r"another process is at work in it; stop that one"):
            RunFolder(tmp_path)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    RunFolder(tmp_path).close()


def test_a_file_in_place_of_the_folder_is_one_sentence(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(TrainingError, match=r"run folder .*taken/run: it cannot be written to \(not a directory\)"):
        RunFolder(tmp_path / "taken" / "run")


def test_a_command_still_being_written_waits_for_its_end(tmp_path):
    path = tmp_path / "commands.jsonl"
    reader = CommandReader(path)
    line = encode(Predict(request="p", inputs={"x": [1.0, 2.0]}))
    path.write_bytes(encode(Pause(request="a")) + line[:20])
    assert reader.poll(0) == [Pause(request="a")]
    assert reader.poll(0) == []
    with open(path, "ab") as file:
        file.write(line[20:])
    assert reader.poll(0) == [Predict(request="p", inputs={"x": [1.0, 2.0]})]


@pytest.mark.parametrize(
    ("line", "request_id", "message"),
    [
        (b"garbage", "", "The line is no command"),
        (b"\xff\xfe\x00", "", "The line is no command"),
        (b"[1, 2]", "", "The line is no command"),
        (b'{"command":"set","request":"s"}', "s", "the field 'name' is missing"),
        (b'{"command":"fly","request":"f"}', "f", "The command 'fly' is unknown."),
        (b'{"command":"pause","request":5}', "", "The line is no command"),
    ],
)
def test_what_is_no_command_is_refused_and_the_next_one_is_taken(tmp_path, line, request_id, message):
    path = tmp_path / "commands.jsonl"
    path.write_bytes(line + b"\n" + encode(Stop(request="next")))
    refused, following = CommandReader(path).poll(0)
    assert isinstance(refused, Refused)
    assert refused.request == request_id
    assert message in refused.message
    assert following == Stop(request="next")


def test_each_command_is_taken_once_also_by_a_later_process(tmp_path):
    path = tmp_path / "commands.jsonl"
    path.write_bytes(encode(Stop(request="old")) + encode(Set(request="half", name="lr", value=1))[:-5])
    assert CommandReader(path).poll(0) == [Stop(request="old")]
    path.write_bytes(path.read_bytes() + encode(Set(request="half", name="lr", value=1))[-5:])
    assert CommandReader(path).poll(0) == [Set(request="half", name="lr", value=1)]
    assert CommandReader(path).poll(0) == []


@pytest.mark.parametrize("later", ["x", "a much longer request than the one before it"])
def test_a_command_file_begun_anew_between_two_processes_is_read_from_its_beginning(tmp_path, later):
    path = tmp_path / "commands.jsonl"
    path.write_bytes(encode(Stop(request="before")))
    assert CommandReader(path).poll(0) == [Stop(request="before")]
    path.write_bytes(encode(Pause(request=later)))
    assert CommandReader(path).poll(0) == [Pause(request=later)]


def test_a_command_file_begun_anew_under_a_living_process_is_read_from_its_beginning(tmp_path):
    path = tmp_path / "commands.jsonl"
    reader = CommandReader(path)
    path.write_bytes(encode(Stop(request="a long one before")))
    assert len(reader.poll(0)) == 1
    path.write_bytes(encode(Pause(request="x")))
    assert reader.poll(0) == [Pause(request="x")]


def test_who_only_looks_whether_the_engine_lives_does_not_keep_it_out(tmp_path):
    from filelock import FileLock

    look = FileLock(tmp_path / "run.lock", thread_local=False)
    look.acquire()
    threading.Timer(0.2, look.release).start()
    folder = RunFolder(tmp_path)
    with pytest.raises(TrainingError, match="another process"):  # it is the folder's now, and nobody else's
        RunFolder(tmp_path)
    folder.close()


def test_commands_are_looked_for_at_most_every_50_ms(tmp_path):
    path = tmp_path / "commands.jsonl"
    reader = CommandReader(path)
    assert reader.poll() == []
    path.write_bytes(encode(Pause()))
    assert reader.poll() == []
    time.sleep(0.06)
    assert reader.poll() == [Pause()]


def test_a_file_is_replaced_whole_or_not_at_all_when_the_disk_is_full(tmp_path):
    path = tmp_path / "kept.bin"
    write_atomic(path, b"old")
    code = (
        "import resource, sys; from pathlib import Path; from engine.formats.atomic import write_atomic\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_atomic(Path(sys.argv[1]), b'n' * 5000)\n"
        "except OSError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=20)
    assert done.stdout == "refused\n", done.stderr
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["kept.bin"]


def test_what_a_kill_left_half_written_is_swept_at_the_next_start(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from engine.formats.atomic import write_atomic\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), 9)\n"
        "write_atomic(Path(sys.argv[1]), b'half')"
    )
    last = tmp_path / "run" / "checkpoints" / "last.safetensors"
    last.parent.mkdir(parents=True)
    for path in (last, tmp_path / "run" / "project.json"):
        subprocess.run([sys.executable, "-c", code, str(path)], timeout=20)
    assert len(list(tmp_path.rglob("*.part"))) == 2
    with RunFolder(tmp_path / "run"):
        assert list(tmp_path.rglob("*.part")) == []


def test_only_what_is_half_written_and_abandoned_is_swept(tmp_path):
    names = [".a [1].loom.0123abcd.part", ".b.loom.0123abcd.part", "a [1].loom.part", ".a [1].loom.part", "mine.part"]
    for name in names:
        (tmp_path / name).touch()
    sweep(tmp_path, "a [1].loom", 60)
    assert sorted(os.listdir(tmp_path)) == sorted(names), "somebody may still be writing"
    for name in names:
        os.utime(tmp_path / name, (0, 0))
    sweep(tmp_path, "a [1].loom", 60)
    assert sorted(os.listdir(tmp_path)) == sorted(names[1:])


def test_events_that_a_full_disk_refused_are_written_once_there_is_room(tmp_path):
    code = """
import json, resource, sys, time
from pathlib import Path
from engine.errors import TrainingError
from engine.train.events import Refused
from engine.train.run_folder import EventWriter
writer = EventWriter(Path(sys.argv[1]))
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300, hard))
for i in range(20): writer.emit(Refused(request=str(i), message="m" * 30))
try: writer.flush()
except TrainingError as error: print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
writer.emit(Refused(request="20", message="room again"))
writer.close()
"""
    path = tmp_path / "events.jsonl"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=20)
    assert "the run's events cannot be written (file too large)" in done.stdout, done.stderr
    assert [event.request for event in events_of(path)] == [str(i) for i in range(21)]


def test_events_go_to_standard_output_too_when_asked(tmp_path):
    code = (
        "import sys; from pathlib import Path; from engine.train.run_folder import RunFolder\n"
        "from engine.train.events import Refused\n"
        "with RunFolder(Path(sys.argv[1]), echo=True) as folder: folder.events.emit(Refused(request='a', message='b'))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], capture_output=True, timeout=20)
    assert json.loads(done.stdout)["request"] == "a"
    assert done.stdout == (tmp_path / "run" / "events.jsonl").read_bytes()
