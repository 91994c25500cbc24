"""Forms as browsers and OAuth clients send them: ``application/x-www-form-urlencoded``."""

from urllib.parse import parse_qsl


def read_pairs(body: bytes, pairs_max: int) -> list[tuple[str, str]]:
    """Names and texts in their order, empty texts too; raises ValueError for what is no such form.

    Percent-encoded bytes are UTF-8. An empty body is an empty form.
    """
    return parse_qsl(
        body.decode("ascii"),
        keep_blank_values=True,
        strict_parsing=bool(body),
        encoding="utf-8",
        errors="strict",
        max_num_fields=pairs_max,
    )
