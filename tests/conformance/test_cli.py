import pytest

from conformance.cli import RELEASES, main
from conformance.registry import check, checks_for
from conformance.wire import EXCERPT_CHARS, Exchange

FAILED, NOTHING_TO_CHECK = 1, 2


def exchange(body: bytes = b"{}", **headers: str) -> Exchange:
    return Exchange("GET", "http://shop.example/x", headers, b"", 200, {}, body)


def test_the_list_names_every_check_with_its_section(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    printed = capsys.readouterr().out
    for each in checks_for("2026-01-11"):
        assert f"{each.id}\n" in printed
        assert each.section in printed


def test_a_run_without_failures_ends_with_0(tiny_shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([tiny_shop, "--item", "mug", "--only", "discovery", "--strict"]) == 0
    assert "0 fail" in capsys.readouterr().out


def test_a_failure_ends_with_1_and_shows_what_was_said(
    tiny_shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [tiny_shop, "--item", "sold-out", "--only", "checkout.create_answers_201"]
    assert main([*asked, "--header", "X-API-Key: hush"]) == FAILED
    printed = capsys.readouterr().out
    assert "wanted: Creating answers 201." in printed
    assert "> POST" in printed
    assert "out_of_stock" in printed
    assert "hush" not in printed


def test_a_server_without_a_profile_leaves_nothing_to_check(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["http://127.0.0.1:9", "--item", "mug"]) == NOTHING_TO_CHECK
    assert "nothing to check" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["http://x.example", "--only", "no_such_group"]])
def test_a_call_that_makes_no_sense_is_told_so(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == NOTHING_TO_CHECK


def test_an_excerpt_is_short() -> None:
    shown = exchange(b"x" * 10_000).excerpt()
    assert len(shown) < 2 * EXCERPT_CHARS
    assert "10000 chars" in shown


def test_a_check_says_what_it_checks() -> None:
    async def silent(_: object) -> None:
        pass

    with pytest.raises(ValueError, match="does not say"):
        check("overview#Nothing")(silent)


def test_a_release_that_nobody_checks_has_no_checks() -> None:
    assert checks_for("1999-01-01") == []


def test_every_check_names_a_document_and_a_section() -> None:
    for each in [each for release in RELEASES for each in checks_for(release)]:
        document, _, heading = each.section.partition("#")
        assert document.replace("-", "").isalpha(), each.id
        assert heading, each.id
