"""The kit: opened as a student would, and searched for what must not be in it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from test_release import flat, secrets

from autograder import kit
from autograder.chapter import CourseError, chapters

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def course_kit(tmp_path_factory) -> dict[str, bytes]:
    """The real course's kit, file by file."""
    root = tmp_path_factory.mktemp("kit")
    for name in ("notebooks", "gradus", "data", "LICENSE", "LICENSE-text"):
        (root / name).symlink_to(ROOT / name)
    (root / "requirements-student.lock").symlink_to(ROOT / "requirements-student.lock")
    return contents(kit.build_kit(root))


@pytest.fixture
def tiny_with_gradus(tiny):
    (tiny / "gradus").symlink_to(ROOT / "gradus")
    return tiny


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_kit_holds_what_a_student_needs_and_nothing_else(course_kit):
    names = {name.split("/")[1] for name in course_kit}
    needed = {"README.md", "Makefile", "requirements.lock", "LICENSE", "LICENSE-text"}
    assert needed | {"notebooks", "gradus"} <= names <= needed | {"notebooks", "gradus", "data"}
    assert sum(map(len, course_kit.values())) < 30e6


def test_no_solution_and_no_hidden_test_in_any_file_of_the_kit(course_kit):
    files = {name: flat(content.decode("utf-8", "ignore")) for name, content in course_kit.items()}
    for chapter in chapters(ROOT).values():
        for secret in secrets(chapter.notebook):
            assert [name for name, text in files.items() if secret in text] == []


def test_no_canary_in_the_kit(tiny_with_gradus):
    """The tiny chapter's solution, reference, hidden test and answer all say canary."""
    source = (tiny_with_gradus / "solutions" / "00_tiny" / "tiny.py").read_bytes()
    assert source.count(b"canary") >= 4
    files = contents(kit.build_kit(tiny_with_gradus))
    assert [name for name, content in files.items() if b"canary" in content] == []


def test_the_same_files_give_the_same_zip(tiny_with_gradus):
    first = kit.build_kit(tiny_with_gradus).read_bytes()
    assert kit.build_kit(tiny_with_gradus).read_bytes() == first


def test_a_kit_with_a_solution_is_refused(tiny_with_gradus):
    solution = tiny_with_gradus / "solutions" / "00_tiny" / "tiny.ipynb"
    (tiny_with_gradus / "notebooks" / "00_tiny" / "tiny.ipynb").write_bytes(solution.read_bytes())
    with pytest.raises(CourseError, match="holds a solution"):
        kit.build_kit(tiny_with_gradus)


def test_a_student_opens_the_kit(tiny_with_gradus, tmp_path):
    with zipfile.ZipFile(kit.build_kit(tiny_with_gradus)) as archive:
        archive.extractall(tmp_path / "home")
    folder = tmp_path / "home" / kit.FOLDER
    (folder / "gradus" / "__init__.py").open("a").write("\nprint('gradus of the kit')\n")

    def gradus(*arguments: str) -> str:
        command = [sys.executable, "-m", "gradus", *arguments]
        environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, encoding="utf-8"
        )
        assert done.returncode == 0, done.stderr
        assert "gradus of the kit" in done.stdout
        return done.stdout

    assert "new in work/: 00_tiny" in gradus("lab", "--copy-only")
    assert "○ 0.1" in gradus("check", "00_tiny")
    assert "handed in as 00_tiny-ada.zip" in gradus("submit", "00_tiny", "--me", "ada")
    assert contents(folder / "00_tiny-ada.zip").keys() == {"ada/00_tiny/tiny.ipynb"}


@pytest.mark.skipif(os.name != "posix", reason="make")
def test_the_kits_make_lists_its_commands(tmp_path):
    command = ["make", "--no-print-directory", "-f", kit.FILES / "Makefile"]
    own = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=own)
    assert [line.split(":")[0].strip() for line in done.stdout.splitlines()] == [
        "make help",
        "make lab",
        "make check",
        "make submit",
    ]
