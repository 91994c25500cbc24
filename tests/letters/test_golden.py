"""What buyers read, word for word: one letter per kind and language, looked at by a person.

A difference is either a defect or a decision. For a decision: ``WRITE_GOLDEN=1`` writes the files
anew, and the commit's diff is what a person reads.
"""

import os
from pathlib import Path

import pytest

from tests.letters.cases import LANGUAGES, notices, written
from ucp_server.letters.saying import SAYINGS

FOLDER = Path(__file__).parent / "golden"


@pytest.mark.parametrize("kind", SAYINGS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_letter_says_what_it_said(kind: str, language: str) -> None:
    message = written(notices(language)[kind])
    plain = f"Subject: {message.subject}\nContent-Language: {message.language}\n\n{message.text}"
    for suffix, said in (("txt", plain), ("html", message.html or "")):
        path = FOLDER / f"{kind}.{language}.{suffix}"
        if os.environ.get("WRITE_GOLDEN") == "1":
            path.parent.mkdir(exist_ok=True)
            path.write_text(said, encoding="utf-8", newline="\n")
        assert said == path.read_text(encoding="utf-8"), path.name


def test_no_golden_letter_is_left_over() -> None:
    known = {
        f"{kind}.{code}.{suffix}" for kind in SAYINGS for code in LANGUAGES for suffix in ("txt", "html")
    }
    assert {path.name for path in FOLDER.iterdir()} == known
