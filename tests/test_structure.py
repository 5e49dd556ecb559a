"""Structure of the project: class names in the source, and links in the documents."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = (
    "edge/edgeseg",
    "train/edgeseg_train",
    "export/edgeseg_export",
    "benchmarks/edgeseg_benchmarks",
)
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "benchmarks/README.md",
    "train/RECIPES.md",
    "edge/edgeseg/models/README.md",
    *sorted(f"docs/{file.name}" for file in (ROOT / "docs").glob("*.md")),
)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)")


def test_class_names_are_used_once() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ClassDef):
                    places[node.name].append(str(file.relative_to(ROOT)))
    repeated = {name: files for name, files in places.items() if len(files) > 1}
    assert repeated == {}


def test_device_package_has_few_entries() -> None:
    entries = [
        path.name
        for path in (ROOT / "edge/edgeseg").iterdir()
        if (path.suffix == ".py" or path.is_dir()) and not path.name.startswith(("__pyc", "."))
    ]
    assert len(entries) <= 26, sorted(entries)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_document_links_exist(document: str) -> None:
    file = ROOT / document
    for target in LINK.findall(file.read_text()):
        if "://" not in target:
            assert (file.parent / target).exists(), target
