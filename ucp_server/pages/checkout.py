"""The hand-off page of an open checkout: what is there, what is missing, what it costs.

Every problem of the checkout is told once, at the place that it concerns.
"""

from collections.abc import Callable, Collection, Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from ucp_server.domain.checkout import Checkout, Line
from ucp_server.domain.fulfillment import Address, Destination, Group, Method
from ucp_server.domain.lifecycle import Standing
from ucp_server.domain.methods import SHIPPING
from ucp_server.domain.problems import (
    FULFILLMENT_MISSING,
    TERMS_AGREEMENT_REQUIRED,
    Kind,
    Problem,
    Severity,
)
from ucp_server.domain.quote import QuotedLine
from ucp_server.languages import Language, message
from ucp_server.pages import forms, words
from ucp_server.pages.bill import bill, picture_path
from ucp_server.pages.contexts import (
    Assets,
    CheckoutPage,
    Choice,
    Field,
    GroupForm,
    LineForm,
    MethodForm,
    Need,
    Notice,
    Shop,
    Terms,
)
from ucp_server.pages.payment import Paying, card_fields, challenge, pays_with
from ucp_server.pages.words import address_line, problem_text

_OPTIONAL_ADDRESS = frozenset({"extended_address", "region"})
# What posts of all countries want; the rest depends.
_REQUIRED_ADDRESS = frozenset({"street_address", "locality", "country"})


class _Untold:
    """The problems that no part of the page has told yet."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self._left = list(problems)

    def take(self, *places: str) -> list[Problem]:
        """Those at one of ``places`` or below; from now on they count as told."""
        return self._take(lambda problem: (problem.where or "").startswith(places))

    def take_code(self, code: str) -> list[Problem]:
        """Those of that code, wherever they are."""
        return self._take(lambda problem: problem.code == code)

    def _take(self, is_meant: Callable[[Problem], bool]) -> list[Problem]:
        taken = [problem for problem in self._left if is_meant(problem)]
        self._left = [problem for problem in self._left if problem not in taken]
        return taken

    def rest(self) -> list[Problem]:
        return self._left


def checkout_page(
    checkout: Checkout,
    shop: Shop,
    *,
    form_token: str,
    said: str | None,
    assets: Assets,
    paying: Paying,
) -> CheckoutPage:
    """``said`` is the code of what became of the last press."""
    quote, language, payment = checkout.quote, shop.language, paying.payment
    untold = _Untold(checkout.problems)
    buyer = _buyer(checkout, shop, untold)
    methods = tuple(_method(checkout, shop, index, untold) for index in range(len(quote.methods or ())))
    code_notices = tuple(_notices(untold.take("discount_codes"), language))
    lines = _lines(checkout, untold, language)
    terms = _terms(shop, untold)
    needs = (
        *_buyer_needs(buyer, language),
        *_method_needs(methods, language),
        *_terms_needs(terms, language),
    )
    is_payable = not any(_stands_in_the_way(problem) for problem in quote.problems)
    return CheckoutPage(
        shop=shop,
        title=language.text("Finish your order"),
        lead=_lead(checkout, language, is_payable=is_payable, is_paid_here=payment is not None),
        assets=assets,
        notices=tuple(
            dict.fromkeys((*_said(said, untold.rest(), language), *_notices(untold.rest(), language)))
        ),
        needs=needs,
        buyer=buyer,
        methods=methods,
        codes=" ".join(checkout.basket.discount_codes or ()),
        code_notices=code_notices,
        lines=lines,
        totals=bill(quote.totals, quote.currency, quote.included_tax_minor, language),
        glance=_glance(checkout, language),
        pay_text=language.amount(quote.total_minor, quote.currency) if is_payable and payment else "",
        pays_with=pays_with(payment, language),
        card_fields=card_fields(payment, shop),
        challenge=challenge(checkout, came_back=paying.came_back),
        terms=terms,
        open_until=language.moment(checkout.expires_at),
        form_token=form_token,
        revision=checkout.revision,
        total_minor=quote.total_minor,
    )


def _stands_in_the_way(problem: Problem) -> bool:
    """Whether pressing "pay" cannot work.

    The buyer's being here answers what asks for the buyer's review, and the press itself brings
    the buyer's own data along.
    """
    is_answered = problem.severity is Severity.BUYER_REVIEW or (problem.where or "").startswith("buyer.")
    return problem.kind is Kind.ERROR and not is_answered


# --- sentences ---


def _lead(checkout: Checkout, language: Language, *, is_payable: bool, is_paid_here: bool) -> str:
    agent = _agent(checkout, language)
    if any(problem.code == "payment_failed" for problem in checkout.payment_problems):
        return language.text("Nothing was charged. Please check your order, then try again.")
    if not is_payable:
        return language.text("%(agent)s has got this far. Please complete what is marked.", agent=agent)
    if not is_paid_here and checkout.standing is Standing.NEEDS_BUYER and not checkout.challenge_url:
        return language.text(
            "Everything is in place, but this page cannot take the payment: please turn to the shop."
        )
    if not is_paid_here:
        return language.text(
            "Everything is in place. The payment comes through your assistant: please go back there."
        )
    return language.text(
        "%(agent)s has filled this in for you. Please check it, then place your order.", agent=agent
    )


def _agent(checkout: Checkout, language: Language) -> str:
    try:
        host = urlsplit(checkout.platform_id).hostname
    except ValueError:
        host = None
    return (
        language.text("Your assistant (%(host)s)", host=host) if host else language.text("Your assistant")
    )


def _glance(checkout: Checkout, language: Language) -> str:
    pieces = sum(line.quantity for line in checkout.basket.lines)
    total = language.amount(checkout.quote.total_minor, checkout.quote.currency)
    return language.count("%(number)s item, %(total)s", "%(number)s items, %(total)s", pieces, total=total)


def _said(code: str | None, told: Iterable[Problem], language: Language) -> tuple[Notice, ...]:
    """What became of the last press, unless a problem of the checkout tells it better."""
    if code is None or any(problem.code == code for problem in told):
        return ()
    return (Notice(kind=words.refusal_kind(code), text=words.refusal_text(code, language)),)


def _notices(problems: Iterable[Problem], language: Language) -> Iterable[Notice]:
    return (Notice(kind=words.problem_kind(p), text=problem_text(p, language)) for p in problems)


def _terms(shop: Shop, untold: _Untold) -> Terms:
    """The box beside the button tells of the agreement that is missing."""
    url = next((link.url for link in shop.links if link.type == "terms_of_service"), "")
    return Terms(url=url, is_asked=bool(untold.take_code(TERMS_AGREEMENT_REQUIRED)))


def _terms_needs(terms: Terms, language: Language) -> Iterable[Need]:
    if terms.is_asked:
        yield Need(text=language.text("Your agreement to the terms"), anchor=forms.TERMS)


# --- who ---


def _buyer(checkout: Checkout, shop: Shop, untold: _Untold) -> tuple[Field, ...]:
    buyer = checkout.basket.buyer
    has_one_name = buyer is not None and buyer.full_name and not (buyer.first_name or buyer.last_name)
    shown = ("full_name",) if has_one_name else _names(shop.language)
    asked = {p.where for p in checkout.quote.problems}
    names = dict.fromkeys([*shown, "email", "phone_number"])
    # Whatever is asked for has its field, also a first name beside a full one.
    names |= {name: None for name in forms.BUYER_FIELDS if f"buyer.{name}" in asked}
    return tuple(_buyer_field(name, getattr(buyer, name, None) or "", shop, untold) for name in names)


def _names(language: Language) -> tuple[str, ...]:
    return ("last_name", "first_name") if language.family_first else ("first_name", "last_name")


def _buyer_field(name: str, value: str, shop: Shop, untold: _Untold) -> Field:
    label, autocomplete, type_ = words.BUYER[name]
    language = shop.language
    problems = untold.take(f"buyer.{name}")
    is_required = bool(problems) or name in shop.required
    return Field(
        name=name,
        label=language.text(label),
        value=value,
        autocomplete=autocomplete,
        type=type_,
        is_required=is_required,
        is_optional=not is_required,
        problem=problem_text(problems[0], language) if problems else "",
    )


def _buyer_needs(fields: Iterable[Field], language: Language) -> Iterable[Need]:
    return (
        Need(text=language.text(words.BUYER_NEEDS[field.name]), anchor=field.name)
        for field in fields
        if field.problem
    )


# --- where and how ---


def _method(checkout: Checkout, shop: Shop, index: int, untold: _Untold) -> MethodForm:
    method = (checkout.quote.methods or ())[index]
    where, language = f"methods[{index}]", shop.language
    is_shipped = method.type == SHIPPING
    groups = tuple(
        _group(
            group,
            forms.option_name(index, group.id),
            untold.take(f"{where}.groups"),
            currency=checkout.currency,
            language=language,
        )
        for group in method.groups
    )
    problems = untold.take(where, *_unless_last(checkout, index))
    lacking = {p.about: p for p in problems if _is_told_at_its_field(p)} if is_shipped else {}
    bad = forms.bad_destination(checkout, index)
    places = _places(method, forms.offered_places(checkout, index), language)
    address = bad.address if bad else None
    return MethodForm(
        anchor=forms.method_name(index),
        title=language.text(words.METHODS.get(method.type, method.type)),
        place_name=forms.place_name(index),
        places=places,
        place_problem=_place_problem(
            [p for p in problems if p not in lacking.values()], language, is_shipped=is_shipped
        ),
        address=_address(index, address, shop, lacking, is_only=not places) if is_shipped else (),
        writes_address=is_shipped and (bad is not None or not places),
        groups=groups,
    )


def _is_told_at_its_field(problem: Problem) -> bool:
    return problem.code == "address_incomplete" and problem.about in words.ADDRESS


def _unless_last(checkout: Checkout, index: int) -> tuple[str, ...]:
    """What is wrong with the ways as a whole is told at the last one."""
    return ("methods",) if index == len(checkout.quote.methods or ()) - 1 else ()


def _places(method: Method, offered: Iterable[Destination], language: Language) -> tuple[Choice, ...]:
    return tuple(
        Choice(
            value=place.id,
            title=place.name or address_line(place.address, language),
            detail=address_line(place.address, language) if place.name else "",
            is_chosen=place.id == method.selected_destination_id,
        )
        for place in offered
    )


def _place_problem(problems: list[Problem], language: Language, *, is_shipped: bool) -> str:
    missing = words.PLACE_MISSING if is_shipped else words.PLACE_UNCHOSEN
    texts = (
        language.text(missing) if p.code == FULFILLMENT_MISSING else problem_text(p, language)
        for p in problems
    )
    return " ".join(dict.fromkeys(texts))


def _address(
    index: int, address: Address | None, shop: Shop, lacking: Collection[str | None], *, is_only: bool
) -> tuple[Field, ...]:
    """``lacking`` are the fields that the country's post wants and that are not told.

    Where there are places to choose from these fields may be left, so the browser demands none.
    """
    return tuple(
        _address_field(
            name,
            f"{forms.method_name(index)}.{name}",
            getattr(address, name, None) or (shop.country if name == "country" else ""),
            shop.language,
            is_required=is_only and (name in _REQUIRED_ADDRESS or name in lacking),
            is_lacking=name in lacking,
        )
        for name in (words.ADDRESS_FROM_ABOVE if shop.language.family_first else forms.ADDRESS_FIELDS)
    )


def _address_field(
    name: str, full_name: str, value: str, language: Language, *, is_required: bool, is_lacking: bool
) -> Field:
    label, autocomplete = words.ADDRESS[name]
    return Field(
        name=full_name,
        label=language.text(label),
        value=value,
        autocomplete=f"shipping {autocomplete}",
        is_required=is_required,
        is_optional=name in _OPTIONAL_ADDRESS and not is_lacking,
        is_wide=name in {"street_address", "extended_address"},
        problem=language.text(words.FIELD_MISSING) if is_lacking else "",
        choices=_countries(language, value.upper()) if name == "country" else (),
    )


@lru_cache(maxsize=64)  # the countries that buyers live in, in the languages that they speak
def _countries(language: Language, chosen: str) -> tuple[Choice, ...]:
    """All countries by name; ``chosen`` is the code of the one that is selected, "" for none."""
    return tuple(
        Choice(value=code, title=name, detail="", is_chosen=code == chosen)
        for code, name in language.countries
    )


def _group(
    group: Group, name: str, problems: list[Problem], *, currency: str, language: Language
) -> GroupForm:
    return GroupForm(
        name=name,
        options=tuple(
            Choice(
                value=option.id,
                title=option.title,
                detail=" · ".join(part for part in (option.description, option.carrier) if part),
                amount=language.amount(option.price_minor, currency),
                is_chosen=option.id == group.selected_option_id,
            )
            for option in group.options
        ),
        problem=_option_problem(problems, language),
    )


def _option_problem(problems: list[Problem], language: Language) -> str:
    if not problems:
        return ""
    missing_only = all(problem.code == FULFILLMENT_MISSING for problem in problems)
    return language.text(words.OPTION_MISSING if missing_only else words.OPTION_GONE)


def _method_needs(methods: Iterable[MethodForm], language: Language) -> Iterable[Need]:
    for method in methods:
        if method.place_problem:
            where = message("Where it goes") if method.address else message("Where you collect it")
            yield Need(text=language.text(where), anchor=method.anchor)
        for field in method.address:
            if field.problem:
                yield Need(text=field.label, anchor=field.name)
        for group in method.groups:
            if group.problem:
                yield Need(text=language.text("How it reaches you"), anchor=f"{group.name}.problem")


# --- what ---


def _lines(checkout: Checkout, untold: _Untold, language: Language) -> tuple[LineForm, ...]:
    quoted = {line.line_id: line for line in checkout.quote.lines}
    return tuple(
        _line(line, quoted.get(line.id), checkout.currency, untold.take(f"lines[{index}]"), language)
        for index, line in enumerate(checkout.basket.lines)
    )


def _line(
    line: Line, quoted: QuotedLine | None, currency: str, problems: list[Problem], language: Language
) -> LineForm:
    """``quoted`` is None for what is not sold here (any more): it can only be removed."""
    errors = [problem_text(p, language) for p in problems if words.problem_kind(p) != "info"]
    notes = [problem_text(p, language) for p in problems if words.problem_kind(p) == "info"]
    return LineForm(
        name=forms.quantity_name(line),
        title=quoted.title if quoted else line.item_id,
        quantity=line.quantity,
        each=language.amount(quoted.unit_price_minor, currency) if quoted else "",
        amount=language.amount(quoted.unit_price_minor * line.quantity, currency) if quoted else "",
        image_url=picture_path(quoted.image_url) if quoted else None,
        problem=" ".join(errors),
        note=" ".join(notes),
    )
