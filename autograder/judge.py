"""Step 4: the trusted process. It holds references and expected values, and never student code.

``python -m autograder.judge SOURCE`` serves one chapter over its standard input and output: it
runs setup, references and every Arrange once, hands out the inputs of the tests, and judges
claims. For each submission it forks: the child reads the hostile bytes, under limits of its own,
and dies. Where there is no fork, the process itself serves one submission and ends.

``Judge`` is the client. The two speak in frames: eight bytes of length, then JSON or raw bytes.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import re
import secrets
import select
import struct
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import CodeType
from typing import Any, BinaryIO

from autograder.boundary import TestCell, split
from autograder.chapter import Chapter, CourseError, Exercise
from autograder.limits import LIMITS
from autograder.pool import hide_from_neighbours, kill_after
from autograder.run import Claim

# What gradus.wire says of a value that cannot cross. Any other text may be that of a hidden test.
_REFUSED = re.compile(
    r"too large: (more than \d{1,12} [A-Za-z ]{1,30}|nested more than \d{1,9} deep[a-z ()]{0,25}"
    r"|an integer of \d{1,12} bits|an? (tensor|array) of shape \([\d, ]{0,200}\))"
    r"|a text that is not valid Unicode|the value cannot be read \(\w{1,30}\)"
)
CAN_FORK = hasattr(os, "fork") and sys.platform != "darwin"


@dataclass(frozen=True)
class Outcome:
    """Of one test: passed, or the message (and values) of the check that failed.

    ``fault``: the course's own mistake, for a person; nobody loses points for it silently.
    """

    passed: bool
    message: str = ""
    values: str = ""
    fault: str = ""


class Judge:
    """Client of one judging process; start it once per chapter and worker, close it at the end."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.process: subprocess.Popen | None = None

    def inputs(self, exercise: str) -> dict[str, bytes]:
        """Inputs of an exercise's tests by grade id. Raises CourseError when an Arrange fails."""
        with self._exchange({"inputs": exercise}, {}) as answer:
            stream = self.process.stdout
            return {grade_id: _read_frame(stream) or b"" for grade_id in answer["ids"]}

    def judge(self, claims: dict[str, Claim], texts: dict[str, str]) -> dict[str, Outcome]:
        """Outcomes by grade id; ``texts``: the answers' text by exercise, for ``check.avoids``.

        Raises CourseError when the judging process fails as a whole.
        """
        brought = {grade_id: claim for grade_id, claim in claims.items() if not claim.error}
        if sum(len(claim.data) for claim in brought.values()) > LIMITS.claim_bytes:
            message = "the results of the whole notebook are too large"
            return {grade_id: Outcome(False, message) for grade_id in claims}
        with self._exchange({"judge": list(brought), "texts": texts}, brought) as answer:
            fields = answer["outcomes"]
        outcomes = {grade_id: Outcome(**outcome) for grade_id, outcome in fields.items()}
        for grade_id, claim in claims.items():
            if claim.error:
                outcomes[grade_id] = Outcome(False, claim.error, claim.values)
        return outcomes

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.stdin.close()
            self.process.kill()
            self.process.wait()
            self.process = None

    @contextlib.contextmanager
    def _exchange(
        self, request: dict[str, Any], claims: dict[str, Claim]
    ) -> Iterator[dict[str, Any]]:
        """Ask and give the answer. Raises CourseError for a fault, silence, or a foreign answer."""
        process, nonce = self._running(), secrets.token_hex(16)
        with kill_after(process, LIMITS.judge_seconds + LIMITS.setup_seconds):
            with contextlib.suppress(BrokenPipeError):
                _write_frame(process.stdin, json.dumps(request | {"nonce": nonce}).encode())
                for claim in claims.values():
                    _write_frame(process.stdin, claim.data)
                process.stdin.flush()
            answer = json.loads(_read_frame(process.stdout) or b"{}")
            if answer.get("nonce") != nonce:
                self.close()
                raise CourseError(f"{self.source.name}: the judging process ended unexpectedly")
            if "fault" in answer:
                raise CourseError(answer["fault"])
            yield answer

    def _running(self) -> subprocess.Popen:
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "autograder.judge", str(self.source)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"},
            )
        return self.process


@dataclass(frozen=True)
class _Test:
    """A test that is ready to judge: all that does not depend on the student is done."""

    cell: TestCell
    arranged: dict[str, Any]  # namespace after Arrange
    assertion: CodeType
    parts: list[tuple[str, object]]

    @classmethod
    def ready(cls, grade_id: str, cell: TestCell, arranged: dict[str, Any]) -> _Test:
        tree = ast.parse(cell.assertion.text)
        assertion = compile(tree, f"<{grade_id}>", "exec")
        # The names that cross are worked out now, once: children that judge inherit them.
        _ = cell.shipped, cell.answer_texts
        return cls(cell, arranged, assertion, _parts(tree))


class Bench:
    """The trusted state of a chapter: setup has run, the rest runs when it is first asked for."""

    def __init__(self, chapter: Chapter) -> None:
        self.chapter = chapter
        self.setup: dict[str, Any] = {"__name__": "__main__"}
        for cell in chapter.setup:
            exec(compile(cell.source, f"<{chapter.name} setup>", "exec"), self.setup)
        self.tests: dict[str, _Test] = {}
        self.inputs: dict[str, dict[str, bytes]] = {}  # exercise → grade id → bytes

    def prepare(self, exercise: Exercise) -> dict[str, bytes]:
        """Run references and Arranges of an exercise once; inputs of its tests by grade id."""
        from gradus import wire

        if exercise.key in self.inputs:
            return self.inputs[exercise.key]
        namespace = dict(self.setup)
        for grade_id, cell in exercise.references.items():
            exec(compile(cell.source, f"<{grade_id}>", "exec"), namespace)
        inputs = {}
        for grade_id, cell in exercise.tests.items():
            test = split(cell.source)
            own = dict(namespace)
            exec(compile(test.arrange.text, f"<{grade_id}>", "exec"), own)
            inputs[grade_id] = wire.encode_inputs({name: own[name] for name in test.given})
            self.tests[grade_id] = _Test.ready(grade_id, test, own)
        self.inputs[exercise.key] = inputs
        return inputs

    def judge(self, grade_id: str, data: bytes, text: str) -> Outcome:
        """Read a claim and run the Assert of its test."""
        from gradus import check, wire

        if grade_id not in self.tests:
            self.prepare(self.chapter.exercises["-".join(grade_id.split("-")[:3])])
        test = self.tests[grade_id]
        try:
            claims = _unpack(data, test.cell.shipped)
        except wire.WireError as error:
            return Outcome(False, str(error))
        claims |= {name: text for name in test.cell.answer_texts if name in claims}
        missing = _missing_part(test.parts, claims)
        if missing:
            return Outcome(False, missing)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(test.assertion, test.arranged | claims)
        except check.CheckFailed as failed:
            return Outcome(False, failed.message[:4000], failed.values[:8000])
        return Outcome(True)


def _unpack(data: bytes, names: list[str]) -> dict[str, Any]:
    """The shipped values by name. Raises WireError for anything that ``ship`` would not write."""
    from gradus import wire

    shipped = wire.decode(data)
    if not isinstance(shipped, dict):
        raise wire.WireError("malformed data")
    values = {}
    for name in names:
        match shipped.get(name):
            case ["value", bytes() as inner]:
                values[name] = wire.decode(inner)
            case ["refused", str() as reason]:
                plain = reason if _REFUSED.fullmatch(reason) else "it cannot be brought out"
                raise wire.WireError(f"{name}: {plain}")
            case _:
                raise wire.WireError(f"{name} did not come back from your code")
    return values


def _parts(tree: ast.AST) -> list[tuple[str, object]]:
    """Where a piece of code takes parts of names: ``pulled["grads"]`` is (pulled, grads)."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=key)):
                found.append((name, key))
    return found


def _missing_part(parts: list[tuple[str, object]], claims: dict[str, Any]) -> str:
    """What to say where Assert takes a part of a claim that has none."""
    for name, key in parts:
        try:
            claims.get(name, {key: None})[key]
        except (IndexError, KeyError, TypeError):
            return f"{name}: there is no {key!r} in what came back from your code"
    return ""


def serve(source: Path, stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Answer requests until the input ends."""
    chapter = Chapter(source)
    bench: Bench | None = None
    while (frame := _read_frame(stdin)) is not None:
        request = json.loads(frame)
        claims = {grade_id: _read_frame(stdin) or b"" for grade_id in request.get("judge", [])}
        try:
            bench = bench or Bench(chapter)
            if "inputs" in request:
                _serve_inputs(bench, request, stdout)
                continue
            answer = _judge_apart(bench, claims, request["texts"])
        except Exception:
            answer = {"fault": f"{source.name}: {traceback.format_exc(limit=-3)}"}
        _write_frame(stdout, json.dumps(answer | {"nonce": request["nonce"]}).encode())
        stdout.flush()
        if not CAN_FORK and "judge" in request:
            return


def _serve_inputs(bench: Bench, request: dict[str, Any], stdout: BinaryIO) -> None:
    inputs = bench.prepare(bench.chapter.exercises[request["inputs"]])
    answer = {"ids": list(inputs), "nonce": request["nonce"]}
    _write_frame(stdout, json.dumps(answer).encode())
    for data in inputs.values():
        _write_frame(stdout, data)
    stdout.flush()


def _judge_all(bench: Bench, claims: dict[str, bytes], texts: dict[str, str]) -> dict[str, Any]:
    outcomes = {}
    for grade_id, data in claims.items():
        exercise = "-".join(grade_id.split("-")[:3])
        try:
            outcomes[grade_id] = asdict(bench.judge(grade_id, data, texts.get(exercise, "")))
        except Exception:
            fault = traceback.format_exc(limit=-2)
            outcomes[grade_id] = asdict(Outcome(False, "this test could not be judged", "", fault))
    return {"outcomes": outcomes}


def _judge_apart(bench: Bench, claims: dict[str, bytes], texts: dict[str, str]) -> dict[str, Any]:
    """Judge in a forked child that has a time limit; its answer, or a fault."""
    if not CAN_FORK:
        return _judge_all(bench, claims, texts)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.close(reader)
            _limit_child()
            answer = _judge_all(bench, claims, texts)
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(json.dumps(answer).encode())
        os._exit(0)
    os.close(writer)
    try:
        answer = _read_all(reader, LIMITS.judge_seconds)
    finally:
        os.close(reader)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, 9)
        os.waitpid(child, 0)
    return json.loads(answer) if answer else {"fault": "judging ended without an answer"}


def _limit_child() -> None:
    import resource

    seconds = LIMITS.judge_seconds
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _read_all(descriptor: int, seconds: float) -> bytes:
    """Everything written to a pipe until it closes; b"" if that takes too long."""
    chunks = []
    while True:
        ready, _, _ = select.select([descriptor], [], [], seconds)
        if not ready:
            return b""
        chunk = os.read(descriptor, 2**16)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)


def _write_frame(stream: BinaryIO, data: bytes) -> None:
    stream.write(struct.pack("<Q", len(data)) + data)


def _read_frame(stream: BinaryIO) -> bytes | None:
    """The next frame, or None when the stream has ended."""
    head = stream.read(8)
    if len(head) < 8:
        return None
    (length,) = struct.unpack("<Q", head)
    data = stream.read(length)
    return data if len(data) == length else None


def main() -> None:
    """Keep the real standard output for the protocol; what the chapter prints goes nowhere."""
    hide_from_neighbours()
    protocol = os.fdopen(os.dup(1), "wb")
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    import torch

    torch.set_num_threads(1)
    try:
        serve(Path(sys.argv[1]), sys.stdin.buffer, protocol)
    except BrokenPipeError:  # nobody waits for the answer any more
        os._exit(1)


if __name__ == "__main__":
    main()
