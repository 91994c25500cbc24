"""The runner of the official suite, shown a suite of its own kind."""

import sys
from pathlib import Path
from textwrap import dedent

from conformance.official.environment import requirements
from conformance.official.suite import (
    Outcome,
    Target,
    declared_tests,
    files_of,
    read_outcomes,
    run_file,
)
from conformance.official.table import commit, table

# What absltest prints, reduced to what tells the outcomes.
PRINTED = dedent("""\
    Running tests under Python 3.11
    [ RUN      ] SomeTest.test_good
    [       OK ] SomeTest.test_good
    [ RUN      ] SomeTest.test_bad
    [  FAILED  ] SomeTest.test_bad
    ======================================================================
    FAIL: test_bad (__main__.SomeTest.test_bad)
    SomeTest.test_bad
    What it does.
    ----------------------------------------------------------------------
    Traceback (most recent call last):
      File "some_test.py", line 9, in test_bad
        self.assertEqual(answer.status_code, 200)
    AssertionError: 404 != 200 : http://localhost:4711/x

    ----------------------------------------------------------------------
    Ran 2 tests in 0.1s
    """)
# A file in the manner of the suite: it reads the flags and prints outcomes.
A_FILE = """
import sys

class SomeTest:
    def test_good(self): ...
    def test_bad(self): ...

assert any(each.startswith("--server_url=http") for each in sys.argv)
assert len({each for each in sys.argv if "_port=" in each}) == 2
print("[       OK ] SomeTest.test_good")
print("[  FAILED  ] SomeTest.test_bad")
"""


def suite_at(folder: Path) -> Path:
    (folder / "some_test.py").write_text(A_FILE)
    (folder / "pyproject.toml").write_text(
        '[project]\ndependencies = ["absl-py>=1", "ucp-sdk", "ruff>=0.14", "uvicorn[standard]"]\n'
    )
    git = folder / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "refs" / "heads" / "main").write_text("fdced3a\n")
    return folder


def test_outcomes_and_reasons_are_read_from_what_the_test_runner_prints() -> None:
    declared = ["SomeTest.test_good", "SomeTest.test_bad", "SomeTest.test_lost"]
    good, bad, lost = read_outcomes("some_test.py", declared, PRINTED)
    assert (good.verdict, bad.verdict, lost.verdict) == ("pass", "fail", "not run")
    assert bad.reason == "AssertionError: 404 != 200 : http://localhost:4711/x"


def test_tests_are_found_in_the_order_in_which_they_stand(tmp_path: Path) -> None:
    (file,) = files_of(suite_at(tmp_path))
    assert declared_tests(file) == ["SomeTest.test_good", "SomeTest.test_bad"]


def test_only_what_the_tests_need_is_installed(tmp_path: Path) -> None:
    assert requirements(suite_at(tmp_path)) == ["absl-py>=1", "uvicorn[standard]"]


async def test_a_file_is_run_with_the_flags_of_the_suite(tmp_path: Path) -> None:
    target = Target("http://localhost:4711", tmp_path, "secret")
    (file,) = files_of(suite_at(tmp_path))
    results = await run_file(Path(sys.executable), file, target)
    assert [each.verdict for each in results] == ["pass", "fail"]


async def test_a_file_that_breaks_counts_as_not_run(tmp_path: Path) -> None:
    file = tmp_path / "broken_test.py"
    file.write_text("class A:\n    def test_one(self): ...\nraise SystemExit('no such module')")
    target = Target("http://localhost:4711", tmp_path, "secret")
    (result,) = await run_file(Path(sys.executable), file, target)
    assert (result.verdict, result.reason) == ("not run", "no such module")


def test_the_table_is_the_same_whatever_the_port(tmp_path: Path) -> None:
    suite = suite_at(tmp_path)

    def drawn(port: int) -> str:
        url = f"http://localhost:{port}"
        results = [
            Outcome("a_test.py", "A.test_one", "pass"),
            Outcome("a_test.py", "A.test_two", "fail", f"AssertionError: {url}/x"),
        ]
        return table(results, suite, suite, Target(url, suite, "secret"))

    assert drawn(1111) == drawn(2222)
    assert "passed 1 of 2" in drawn(1111)
    assert "AssertionError: SERVER/x" in drawn(1111)
    assert commit(suite) == "fdced3a"
    assert commit(tmp_path / "nowhere") == "no git checkout"
