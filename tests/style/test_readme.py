"""What README.md says of settings, modes and releases is what the code does."""

from tests.style.readme import README, written_anew


def test_the_tables_of_the_readme_are_those_of_the_code() -> None:
    text = README.read_text()
    assert text == written_anew(text), "run `python -m tests.style.readme` and look at the difference"
