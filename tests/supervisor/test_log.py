import logging
import sys

import msgspec

from ucp_server.supervisor.log import OneLine


def _line(record: logging.LogRecord) -> dict[str, object]:
    text = OneLine().format(record)
    assert "\n" not in text
    return msgspec.json.decode(text, type=dict[str, object])


def test_a_record_is_one_json_object() -> None:
    record = logging.LogRecord("asyncio", logging.WARNING, "file.py", 1, "took %s s\nlong", ("2",), None)
    line = _line(record)
    assert (line["level"], line["logger"], line["text"]) == ("warning", "asyncio", "took 2 s\nlong")


def test_an_error_is_told_by_type_and_places_and_never_by_its_message() -> None:
    try:
        raise ValueError("4111 1111 1111 1111")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "file.py", 1, "failed", (), sys.exc_info())
    line = _line(record)
    assert line["error"] == "ValueError"
    assert "test_log.py" in str(line["places"])
    assert "4111" not in str(line)
