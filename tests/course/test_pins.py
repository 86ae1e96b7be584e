"""One set of versions: pyproject, locks, environment files, README and this machine agree."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXACT = {"torch": "2.13.0", "torchvision": "0.28.0", "nbgrader": "0.9.6", "nbval": "0.11.0"}


def lock(name: str) -> dict[str, Requirement]:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert len({pin.name for pin in pins}) == len(pins)
    return {pin.name: pin for pin in pins}


def pinned(pin: Requirement) -> str:
    (specifier,) = pin.specifier
    assert specifier.operator == "==" and "+" not in specifier.version, pin
    return specifier.version


ALL, STUDENT = lock("requirements.lock"), lock("requirements-student.lock")


def test_the_pins_of_the_course():
    for name, exact in EXACT.items():
        assert pinned(ALL[name]) == exact
    assert pinned(ALL["jupyterlab"]).startswith("4.")


@pytest.mark.parametrize("extra", [None, "teach", "dev", "postgres"])
def test_the_lock_holds_every_dependency_in_the_allowed_range(extra):
    wanted = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(pinned(ALL[requirement.name])), requirement


def test_the_students_lock_is_a_part_of_the_lock():
    assert {name: str(pin.specifier) for name, pin in STUDENT.items()}.items() <= {
        name: str(pin.specifier) for name, pin in ALL.items()
    }.items()
    assert {"nbgrader", "pytest", "ruff"}.isdisjoint(STUDENT)


def test_the_lock_is_portable():
    for name in ("requirements.lock", "requirements-student.lock"):
        text = (ROOT / name).read_text("utf-8")
        assert not re.search(r"^(nvidia|cuda|triton|-)|://|--index", text, re.MULTILINE)


def test_what_is_installed_is_what_the_lock_says():
    wrong = {}
    for name, pin in ALL.items():
        if pin.marker is None or pin.marker.evaluate():
            try:
                installed = version(name).split("+")[0]
            except PackageNotFoundError:
                installed = "nothing"
            if installed != pinned(pin):
                wrong[name] = f"{installed} instead of {pinned(pin)}"
    assert wrong == {}, "make lab installs the lock"


@pytest.mark.parametrize("name, up", [("environment.yml", ""), ("binder/environment.yml", "../")])
def test_conda_and_binder_install_the_lock(name, up):
    python, pip, packages = yaml.safe_load((ROOT / name).read_text("utf-8"))["dependencies"]
    assert python == "python" + PROJECT["requires-python"] and pip == "pip"
    assert packages["pip"] == [f"-r {up}requirements.lock", f"-e {up or '.'}".rstrip("/")]


def test_the_readme_names_the_same_versions():
    text = (ROOT / "README.md").read_text("utf-8")
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
    assert "Python 3.11, 3.12 or 3.13" in text and f"PyTorch {EXACT['torch']}" in text
