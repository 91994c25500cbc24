"""Which language somebody is spoken to in."""

from typing import Final

from ucp_server.languages.language import ENGLISH, LANGUAGES, Language

# A browser names a handful; whoever names more is served by the first of them.
_ENTRIES_MAX: Final = 16


def choose(asked: str | None, accept_language: str, fallback: str) -> Language:
    """The language that is ``asked`` for, else the best of ``Accept-Language`` (RFC 9110 12.5.4).

    ``fallback`` is the code of the merchant's own, and counts where neither names one of ours.
    """
    wanted = (asked or "", *_by_weight(accept_language), fallback)
    return next((language for language in map(named, wanted) if language is not None), ENGLISH)


def named(tag: str) -> Language | None:
    """The language of ours that a tag (BCP 47) names, whatever its region; None for one we do not speak."""
    return LANGUAGES.get(tag.partition("-")[0].lower())


def _by_weight(accept_language: str) -> list[str]:
    """The tags, the most wanted first; those of weight 0 are not wanted."""
    entries = [entry.strip().partition(";") for entry in accept_language.split(",")[:_ENTRIES_MAX]]
    weighed = [(_weight(parameter), tag.strip()) for tag, _, parameter in entries]
    return [tag for weight, tag in sorted(weighed, key=lambda it: -it[0]) if weight > 0]


def _weight(parameter: str) -> float:
    name, _, number = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(number) if name.strip().lower() == "q" else 1.0
    except ValueError:
        return 0.0
