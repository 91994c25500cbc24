"""The page behind a cart's ``continue_url``: what lies in it, what it comes to, the way on to buying it."""

from collections.abc import Sequence

from ucp_server.domain.cart import PricedCart, nothing_to_be_had
from ucp_server.domain.checkout import Line
from ucp_server.domain.problems import Kind, Problem
from ucp_server.domain.quote import QuotedLine
from ucp_server.languages import Language
from ucp_server.pages import words
from ucp_server.pages.bill import bill, picture_path
from ucp_server.pages.contexts import Assets, CartLine, CartPage, Notice, Shop
from ucp_server.pages.words import problem_text


def cart_page(
    priced: PricedCart, shop: Shop, *, form_token: str, said: str | None, assets: Assets
) -> CartPage:
    """``said`` is the code of what became of the last press."""
    cart, quote = priced.cart, priced.quote
    quoted = {line.line_id: line for line in quote.lines}
    wanted, language = cart.basket.lines, shop.language
    lines = tuple(
        _line(line, quoted.get(line.id), quote.currency, _at(quote.problems, f"lines[{index}]"), language)
        for index, line in enumerate(wanted)
    )
    is_buyable = bool(wanted) and nothing_to_be_had(wanted, quote.problems) is None
    return CartPage(
        shop=shop,
        title=language.text("Your cart"),
        lead=_lead(lines, language, is_buyable=is_buyable),
        assets=assets,
        notices=(*_said(said, language), *_notices(quote.problems, language)),
        lines=lines,
        totals=bill(quote.totals, quote.currency, quote.included_tax_minor, language),
        is_buyable=is_buyable,
        open_until=language.moment(cart.expires_at),
        form_token=form_token,
    )


def _lead(lines: Sequence[CartLine], language: Language, *, is_buyable: bool) -> str:
    if not lines:
        return language.text("Nothing lies in it yet. Your assistant can put something in.")
    if not is_buyable:
        return language.text(
            "Nothing of it can be had at the moment. Your assistant can look for something else."
        )
    if any(line.problem for line in lines):
        return language.text(
            "Not everything can be had as it is. You can still go on, and change it on the next page."
        )
    return language.text(
        "Nothing is ordered yet: on the next page you say where it goes, and you see the final total."
    )


def _said(code: str | None, language: Language) -> tuple[Notice, ...]:
    return () if code is None else (Notice(kind="error", text=words.refusal_text(code, language)),)


def _notices(found: Sequence[Problem], language: Language) -> tuple[Notice, ...]:
    """What is told of the cart as a whole, or of something that this page does not show."""
    untold = (problem for problem in found if not (problem.where or "").startswith("lines["))
    notices = (
        Notice(kind=words.problem_kind(problem), text=problem_text(problem, language)) for problem in untold
    )
    return tuple(dict.fromkeys(notices))


def _at(found: Sequence[Problem], place: str) -> list[Problem]:
    return [problem for problem in found if (problem.where or "").startswith(place)]


def _line(
    line: Line, quoted: QuotedLine | None, currency: str, found: Sequence[Problem], language: Language
) -> CartLine:
    """``quoted`` is None for what is not sold here (any more)."""
    return CartLine(
        title=quoted.title if quoted else line.item_id,
        quantity=line.quantity,
        amount=language.amount(quoted.unit_price_minor * line.quantity, currency) if quoted else "",
        image_url=picture_path(quoted.image_url) if quoted else None,
        note=" ".join(
            problem_text(problem, language) for problem in found if problem.kind is not Kind.ERROR
        ),
        problem=" ".join(
            problem_text(problem, language) for problem in found if problem.kind is Kind.ERROR
        ),
    )
