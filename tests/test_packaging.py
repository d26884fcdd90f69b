"""Setting up: what make does on a fresh machine, what CI runs, what the container image and the Space are."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("app", "specs_core", "annotations")

# Stand-ins for Python that note what they are asked to do; the one in .venv is a copy of its maker.
BROKEN_SHIM = "#!/bin/sh\nexit 127\n"
UNSUITABLE = "#!/bin/sh\nexit 1\n"
SUITABLE = """#!/bin/sh
[ "$1" = -c ] && exit 0
echo "$(basename "$(dirname "$(dirname "$0")")") $*" >> "$CALLS"
case "$*" in
  "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  *"$FAIL_ON"*) [ -z "$FAIL_ON" ] || exit 1 ;;
esac
"""


class Machine:
    """A checkout without an environment, and a path on which only chosen Pythons are found."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "checkout"
        self.commands = folder / "machine" / "bin"
        self.calls_file = folder / "calls"
        self.checkout.mkdir()
        self.commands.mkdir(parents=True)
        for name in ("Makefile", "requirements.txt", "pyproject.toml"):
            shutil.copy(ROOT / name, self.checkout)
        for tool in ("sh", "cp", "mkdir", "touch", "basename", "dirname", "echo", "rm"):
            (self.commands / tool).symlink_to(shutil.which(tool))

    def install(self, name: str, script: str) -> None:
        path = self.commands / name
        path.write_text(script)
        path.chmod(0o755)

    def make(self, *arguments: str, fail_on: str = "") -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.commands), "CALLS": str(self.calls_file), "FAIL_ON": fail_on}
        return subprocess.run(
            [shutil.which("make"), "SHELL=" + shutil.which("sh"), *arguments],
            cwd=self.checkout,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []

    @property
    def is_set_up(self) -> bool:
        return (self.checkout / ".venv" / ".installed").exists()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    return Machine(tmp_path)


def test_setup_when_no_python_is_suitable_says_so_in_one_sentence(machine):
    machine.install("python3.13", BROKEN_SHIM)
    machine.install("python3", UNSUITABLE)
    result = machine.make("setup")
    message, *rest = result.stderr.splitlines()
    assert result.returncode != 0
    assert re.fullmatch(r"Found no Python 3\.11, 3\.12 or 3\.13 .+ install one .+", message)
    assert all(line.startswith("make: ***") for line in rest)
    assert not machine.is_set_up


def test_setup_when_the_named_python_is_unsuitable_takes_no_other(machine):
    machine.install("python3.12", SUITABLE)
    machine.install("old", UNSUITABLE)
    result = machine.make("setup", "PYTHON=old")
    assert result.returncode != 0
    assert result.stderr.startswith("old is not Python 3.11, 3.12 or 3.13")
    assert machine.calls == []


def test_setup_when_the_newest_python_is_a_shim_that_does_not_run_takes_the_next(machine):
    machine.install("python3.13", BROKEN_SHIM)
    machine.install("python3.12", SUITABLE)
    machine.install("python3", UNSUITABLE)
    assert machine.make("setup").returncode == 0
    assert machine.calls[0] == "machine -m venv .venv"
    assert machine.is_set_up


def test_setup_when_done_twice_installs_once_and_again_only_after_the_pins_changed(machine):
    machine.install("python3.13", SUITABLE)
    machine.make("setup")
    after_first = machine.calls
    machine.make("setup")
    after_second = machine.calls
    stamp = machine.checkout / ".venv" / ".installed"
    later = stamp.stat().st_mtime + 10
    os.utime(machine.checkout / "requirements.txt", (later, later))
    machine.make("setup")
    assert [call.split(" -qq ")[-1] for call in after_first] == [
        "machine -m venv .venv",
        "install --requirement requirements.txt",
        "install --no-deps --editable .",
    ]
    assert after_second == after_first
    assert machine.calls[3:] == after_first[1:]


def test_setup_when_an_installation_breaks_off_is_not_taken_for_done(machine):
    machine.install("python3.13", SUITABLE)
    assert machine.make("setup", fail_on="--requirement").returncode != 0
    assert not machine.is_set_up
    assert machine.make("setup").returncode == 0
    assert machine.is_set_up


def test_setup_when_torch_has_an_index_of_its_own_takes_only_torch_from_there(machine):
    machine.install("python3.13", SUITABLE)
    assert machine.make("setup", "TORCH_INDEX=https://cpu.example").returncode == 0
    assert [call.split(" -qq ")[-1] for call in machine.calls[1:]] == [
        "install --no-deps --constraint requirements.txt --index-url https://cpu.example torch torchvision",
        "install --constraint requirements.txt --editable .[train,test]",
    ]


def test_readme_front_matter_when_read_describes_a_docker_space():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    front_matter = dict(re.findall(r"^(\w+): (.+)$", text.split("---")[1], flags=re.MULTILINE))
    assert text.startswith("---\n")
    assert (front_matter["sdk"], front_matter["app_port"]) == ("docker", "7860")
    assert (
        front_matter["license"]
        == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"].lower()
    )


def test_dockerfile_when_read_copies_what_exists_and_everything_the_app_needs():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = [
        source
        for line in re.findall(r"^COPY (.+)$", text, flags=re.MULTILINE)
        for source in [word for word in line.split() if not word.startswith("--")][:-1]
    ]
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert {*PACKAGES, "pyproject.toml", "requirements.txt"} <= set(copied)
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert [source for source in copied if f"!{source}" not in kept] == []


def test_ci_script_when_read_runs_the_same_command_as_everybody():
    path = ROOT / ".ci" / "run"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert path.stat().st_mode & 0o111
    assert (lines[0], lines[-1]) == ("#!/usr/bin/env bash", "make test")
