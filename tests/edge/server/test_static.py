"""Files of the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from edgeseg.measures.values import MeasuresStatus
from edgeseg.quality.frame_quality import QualityReason
from edgeseg.server import application

STATIC = Path(application.__file__).parent / "static"
FILES = sorted(path for path in STATIC.iterdir() if path.suffix in {".html", ".css", ".js", ".svg"})
NAMESPACE = "http://www.w3.org/2000/svg"


def keys_of(constant: str) -> set[str]:
    """Return the keys of an object in text.js."""
    text = (STATIC / "text.js").read_text()
    match = re.search(rf"const {constant} = {{(.*?)}};", text, re.DOTALL)
    assert match is not None
    return set(re.findall(r"^\s*(\w+):", match[1], re.MULTILINE))


def test_page_has_texts_for_every_reason_and_status() -> None:
    assert keys_of("QUALITY_REASONS") == set(get_args(QualityReason))
    assert keys_of("MEASURES_STATUSES") == set(get_args(MeasuresStatus)) - {"ok"}


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_static_file_loads_nothing_from_other_servers(file: Path) -> None:
    text = file.read_text().replace(NAMESPACE, "")
    assert "//" not in re.sub(r"^\s*//.*|\s//\s.*", "", text, flags=re.MULTILINE)


def test_page_has_no_inline_code_that_the_policy_blocks() -> None:
    text = (STATIC / "page.html").read_text()
    assert not re.search(
        r"\son\w+=|\sstyle=|javascript:|<style|<script(?! type=\"module\" src=)", text
    )


def test_imports_of_modules_exist() -> None:
    for file in STATIC.glob("*.js"):
        for name in re.findall(r'from "\./([\w.]+)"', file.read_text()):
            assert (STATIC / name).is_file()
