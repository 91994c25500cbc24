"""Templates that speak a language."""

import jinja2

from ucp_server.languages.language import LANGUAGES


def speaking(package: str, code: str) -> jinja2.Environment:
    """The HTML templates of ``package`` in the language of that code: ``_()`` and ``trans`` in them.

    Everything is escaped, and what is forgotten fails.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # They came with the package: to look whether files have changed costs more than to fill them in.
        auto_reload=False,
    )
    translations = LANGUAGES[code].translations
    environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]  # of i18n
    return environment
