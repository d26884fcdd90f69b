"""The rules that hold the repository together: who may import whom, what lies where, what is documented."""

import argparse
import ast
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("app", "specs_core", "annotations")
CODE_FOLDERS = (*PACKAGES, "tests", "benchmarks")
TOP_LEVEL = {
    *(".ci", ".dockerignore", ".gitignore", "CHANGELOG.md", "Dockerfile", "LICENSE", "Makefile", "README.md"),
    *(
        "annotations",
        "app",
        "benchmarks",
        "docs",
        "pyproject.toml",
        "requirements.txt",
        "specs_core",
        "tests",
    ),
}
LONGEST_FILE = 400  # lines
VAGUE_NAMES = {"common", "helper", "helpers", "misc", "util", "utils"}

TENSOR_LIBRARIES = {"torch", "torchvision", "open_clip", "timm"}
TENSOR_CODE = (
    "specs_core/attribution.py",
    "specs_core/encoder.py",
    "specs_core/heat_map.py",
    "specs_core/longclip.py",
    "specs_core/prefix_tree.py",
    "specs_core/text_branches.py",
    "specs_core/text_input.py",
    "specs_core/text_memory.py",
    "specs_core/vocabulary_subset.py",
    "specs_core/training/",
)

# Addresses of package registries (written so that this file does not hold one itself), and places that exist
# on one machine only.
REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("download", "pytorch", "org"),
        ("registry", "npmjs", "org"),
        ("deb", "debian", "org"),
        ("anaconda", "org"),
    )
)
MACHINE_PATH = re.compile(r"(?<![\w./-])/(?:work|root|Users|tmp/\w+|home/(?!user\b)\w+)/")
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME)\b")


def tracked_files() -> list[Path]:
    git = shutil.which("git")
    listing = git and subprocess.run(
        [git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if not listing or listing.returncode:
        pytest.skip("not a git checkout, so nothing says which files belong to the repository")
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def tracked_texts() -> Iterator[tuple[str, str]]:
    for path in tracked_files():
        try:
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # an image or weights
            continue


def python_files(*folders: str) -> list[Path]:
    return sorted(
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if "__pycache__" not in path.parts
    )


def imported_modules(path: Path) -> Iterator[tuple[str, int]]:
    """Absolute dotted names that a file imports, inside functions too, with the line of each."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *([node.module] if node.module else [])))
            yield module, node.lineno
            if node.level and not node.module:  # from .. import sibling
                for alias in node.names:
                    yield f"{module}.{alias.name}".lstrip("."), node.lineno
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first = node.args[0] if node.args else None
            if name in ("import_module", "__import__") and isinstance(first, ast.Constant):
                yield str(first.value), node.lineno


def offences(folder: str, forbidden: set[str], *, allowed_in: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{name}:{line} imports {module}"
        for path in python_files(folder)
        if not (name := path.relative_to(ROOT).as_posix()).startswith(allowed_in or ("\0",))
        for module, line in imported_modules(path)
        if module.split(".")[0] in forbidden
    ]


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def canonical(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement).group()).lower()


def pinned() -> dict[str, set[str]]:
    versions: dict[str, set[str]] = {}
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([\w.-]+)==([^\s;]+)", line):
            versions.setdefault(canonical(match[1]), set()).add(match[2])
    return versions


# Arrows between the packages


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("specs_core", {"app", "annotations", "gradio"}),
        ("annotations", {"app", "specs_core", "gradio", *TENSOR_LIBRARIES}),
    ],
)
def test_imports_of_a_package_when_read_from_its_source_keep_to_the_arrows(folder, forbidden):
    assert offences(folder, forbidden) == []


@pytest.mark.parametrize("folder", ["app", "specs_core"])
def test_tensor_libraries_when_imported_are_imported_in_the_marked_files_only(folder):
    assert offences(folder, TENSOR_LIBRARIES, allowed_in=TENSOR_CODE) == []


def test_import_scan_when_given_every_kind_of_import_sees_them_all(tmp_path, monkeypatch):
    source = (
        "import a.b\n"
        "from c import d\n"
        "from . import e\n"
        "from ..f import g\n"
        "def inner():\n"
        "    import h\n"
        "    importlib.import_module('i.j')\n"
    )
    folder = tmp_path / "pkg" / "sub"
    folder.mkdir(parents=True)
    (folder / "module.py").write_text(source)
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    found = {name for name, _ in imported_modules(folder / "module.py")}
    assert {"a.b", "c", "pkg.sub.e", "pkg.f", "h", "i.j"} <= found


def test_packages_when_imported_load_nothing_heavy():
    code = (
        "import sys, json, app, annotations, annotations.errors\n"
        "import specs_core, specs_core.checkpoints, specs_core.cli\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(result.stdout))
    assert (
        loaded
        & {
            *("torch", "open_clip", "spacy", "gradio", "pandas", "scipy", "sqlalchemy", "nltk"),
            *("sacrebleu", "rouge_score", "openai"),
        }
        == set()
    )


# What lies where


def test_top_level_when_listed_holds_the_agreed_entries_only():
    entries = {path.relative_to(ROOT).parts[0] for path in tracked_files()}
    assert entries <= TOP_LEVEL
    assert {
        "app",
        "specs_core",
        "annotations",
        "tests",
        "requirements.txt",
        "Dockerfile",
        "README.md",
    } <= entries


def test_code_files_when_counted_stay_within_the_longest_length():
    suffixes = {".py", ".js", ".css", ".html"}
    lengths = {
        name: text.count("\n")
        for name, text in tracked_texts()
        if Path(name).suffix in suffixes and name.split("/")[0] in CODE_FOLDERS
    }
    assert {name: count for name, count in lengths.items() if count > LONGEST_FILE} == {}


def test_module_names_when_listed_say_what_is_inside():
    vague = [path for path in python_files(*CODE_FOLDERS) if path.stem in VAGUE_NAMES]
    assert vague == []


def test_test_folders_when_searched_hold_no_package_marker():
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_tracked_text_when_searched_names_no_registry_and_no_path_of_one_machine():
    found = []
    for name, text in tracked_texts():
        found += [f"{name}: {host}" for host in REGISTRIES if host in text]
        found += [f"{name}: {match.group()}" for match in MACHINE_PATH.finditer(text)]
    assert found == []


def test_tracked_text_when_searched_holds_no_mark_of_unfinished_work():
    assert [
        f"{name}: {hit.group()}" for name, text in tracked_texts() for hit in UNFINISHED.finditer(text)
    ] == []


# Dependencies


def test_third_party_imports_when_compared_with_the_metadata_are_all_declared():
    declared = {canonical(entry) for entry in project()["dependencies"]}
    extras = project()["optional-dependencies"]
    optional = {
        place: {canonical(entry) for entry in extras[extra]}
        for place, extra in (("/training/", "train"), ("specs_core/judge.py", "judge"))
    }
    distributions = importlib.metadata.packages_distributions()
    undeclared = set()
    for path in python_files(*PACKAGES):
        name = path.relative_to(ROOT).as_posix()
        allowed = declared.union(*(extra for place, extra in optional.items() if place in name))
        for module, line in imported_modules(path):
            top = module.split(".")[0]
            if top in sys.stdlib_module_names or top in PACKAGES:
                continue
            owners = {canonical(owner) for owner in distributions.get(top, [top])}
            if not owners & allowed:
                undeclared.add(f"{name}:{line} imports {top}")
    assert sorted(undeclared) == []


def test_requirements_when_read_pin_every_direct_dependency_and_name_no_index():
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert re.search(r"://|--(?:extra-)?index|--find-links|--trusted| @ ", text) is None
    metadata = project()
    direct = [
        *metadata["dependencies"],
        *(e for group in metadata["optional-dependencies"].values() for e in group),
    ]
    assert {canonical(entry) for entry in direct} <= pinned().keys()


def test_torch_and_torchvision_when_pinned_are_the_matched_pair():
    assert (pinned()["torch"], pinned()["torchvision"]) == ({"2.14.1"}, {"0.29.1"})
    assert {"torch==2.14.1", "torchvision==0.29.1"} <= set(project()["dependencies"])


def test_decisions_when_read_name_every_direct_dependency():
    text = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8").lower()
    metadata = project()
    direct = [
        *metadata["dependencies"],
        *(e for group in metadata["optional-dependencies"].values() for e in group),
    ]
    assert [entry for entry in map(canonical, direct) if f"`{entry}`" not in text] == []


# Documentation


def test_readme_when_read_documents_every_specs_command():
    from specs_core.cli import build_parser

    subparsers = [
        action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction)
    ]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [name for name in subparsers[0].choices if not re.search(rf"\bspecs {name}\b", text)]
    assert missing == []
    assert "curve" in subparsers[0].choices


def test_readme_when_read_lists_every_setting_of_the_app():
    from app.settings import Settings

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    names = [f"SPECS_{name.upper()}" for name in Settings.model_fields]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_readme_when_read_links_to_files_that_exist():
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    broken = []
    for document in documents:
        for target in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8")):
            if "://" not in target and not (document.parent / target).exists():
                broken.append(f"{document.name}: {target}")
    assert broken == []
