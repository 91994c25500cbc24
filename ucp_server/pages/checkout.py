"""The hand-off page of an open checkout: what is there, what is missing, what it costs.

Every problem of the checkout is told once, at the place that it concerns.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from ucp_server.domain.checkout import Checkout, Instrument, Line
from ucp_server.domain.fulfillment import Address, Destination, Group, Method
from ucp_server.domain.lifecycle import Standing
from ucp_server.domain.methods import SHIPPING
from ucp_server.domain.problems import FULFILLMENT_MISSING, Kind, Problem, Severity
from ucp_server.domain.quote import QuotedLine
from ucp_server.pages import countries, forms, words
from ucp_server.pages.bill import bill, picture_path
from ucp_server.pages.contexts import (
    Assets,
    Challenge,
    CheckoutPage,
    Choice,
    Field,
    GroupForm,
    LineForm,
    MethodForm,
    Need,
    Notice,
    Shop,
)
from ucp_server.pages.words import address_line, amount_text, problem_text, web_url

_OPTIONAL_ADDRESS = frozenset({"extended_address", "region"})
# What posts of all countries want; the rest depends.
_REQUIRED_ADDRESS = frozenset({"street_address", "locality", "country"})


class _Untold:
    """The problems that no part of the page has told yet."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self._left = list(problems)

    def take(self, *places: str) -> list[Problem]:
        """Those at one of ``places`` or below; from now on they count as told."""
        taken = [p for p in self._left if (p.where or "").startswith(places)]
        self._left = [p for p in self._left if p not in taken]
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
    payment: Instrument | None,
) -> CheckoutPage:
    """``said`` is the code of what became of the last press, ``payment`` what this page can pay with."""
    quote = checkout.quote
    untold = _Untold(checkout.problems)
    buyer = _buyer(checkout, shop, untold)
    methods = tuple(_method(checkout, shop, index, untold) for index in range(len(quote.methods or ())))
    code_notices = tuple(map(_notice, untold.take("discount_codes")))
    lines = _lines(checkout, untold)
    needs = (*_buyer_needs(buyer), *_method_needs(methods))
    is_payable = not any(_stands_in_the_way(problem) for problem in quote.problems)
    return CheckoutPage(
        shop=shop,
        title="Finish your order",
        lead=_lead(checkout, is_payable=is_payable, is_paid_here=payment is not None),
        assets=assets,
        notices=tuple(dict.fromkeys((*_said(said, untold.rest()), *map(_notice, untold.rest())))),
        needs=needs,
        buyer=buyer,
        methods=methods,
        codes=" ".join(checkout.basket.discount_codes or ()),
        code_notices=code_notices,
        lines=lines,
        totals=bill(quote.totals, quote.currency, quote.included_tax_minor),
        glance=_glance(checkout),
        pay_text=amount_text(quote.total_minor, quote.currency) if is_payable and payment else "",
        pays_with=str(payment.display.get("description", payment.type)) if payment else "",
        challenge=_challenge(checkout),
        terms_url=_terms_url(shop),
        open_until=checkout.expires_at.strftime("%d %B %Y, %H:%M UTC"),
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


def _lead(checkout: Checkout, *, is_payable: bool, is_paid_here: bool) -> str:
    agent = _agent(checkout)
    if any(problem.code == "payment_failed" for problem in checkout.payment_problems):
        return "Nothing was charged. Please check your order, then try again."
    if not is_payable:
        return f"{agent} has got this far. Please complete what is marked."
    if not is_paid_here and checkout.standing is Standing.NEEDS_BUYER and not checkout.challenge_url:
        return "Everything is in place, but this page cannot take the payment: please turn to the shop."
    if not is_paid_here:
        return f"Everything is in place. The payment comes through {agent.lower()}: please go back there."
    return f"{agent} has filled this in for you. Please check it, then place your order."


def _agent(checkout: Checkout) -> str:
    try:
        host = urlsplit(checkout.platform_id).hostname
    except ValueError:
        host = None
    return f"Your assistant ({host})" if host else "Your assistant"


def _glance(checkout: Checkout) -> str:
    pieces = sum(line.quantity for line in checkout.basket.lines)
    things = "1 item" if pieces == 1 else f"{pieces} items"
    return f"Your order: {things}, {amount_text(checkout.quote.total_minor, checkout.quote.currency)}"


def _said(code: str | None, told: Iterable[Problem]) -> tuple[Notice, ...]:
    """What became of the last press, unless a problem of the checkout tells it better."""
    if code is None or any(problem.code == code for problem in told):
        return ()
    return (Notice(kind=words.refusal_kind(code), text=words.refusal_text(code)),)


def _notice(problem: Problem) -> Notice:
    return Notice(kind=words.problem_kind(problem), text=problem_text(problem))


def _challenge(checkout: Checkout) -> Challenge | None:
    url = web_url(checkout.challenge_url)
    return Challenge(url=url, host=urlsplit(url).hostname or "") if url else None


def _terms_url(shop: Shop) -> str:
    return next((link.url for link in shop.links if link.type == "terms_of_service"), "")


# --- who ---


def _buyer(checkout: Checkout, shop: Shop, untold: _Untold) -> tuple[Field, ...]:
    buyer = checkout.basket.buyer
    has_one_name = buyer is not None and buyer.full_name and not (buyer.first_name or buyer.last_name)
    shown = ("full_name",) if has_one_name else ("first_name", "last_name")
    asked = {p.where for p in checkout.quote.problems}
    names = dict.fromkeys([*shown, "email", "phone_number"])
    # Whatever is asked for has its field, also a first name beside a full one.
    names |= {name: None for name in forms.BUYER_FIELDS if f"buyer.{name}" in asked}
    return tuple(_buyer_field(name, getattr(buyer, name, None) or "", shop, untold) for name in names)


def _buyer_field(name: str, value: str, shop: Shop, untold: _Untold) -> Field:
    label, autocomplete, type_ = words.BUYER[name]
    problems = untold.take(f"buyer.{name}")
    is_required = bool(problems) or name in shop.required
    return Field(
        name=name,
        label=label,
        value=value,
        autocomplete=autocomplete,
        type=type_,
        is_required=is_required,
        is_optional=not is_required,
        problem=problem_text(problems[0]) if problems else "",
    )


def _buyer_needs(fields: Iterable[Field]) -> Iterable[Need]:
    return (
        Need(text=f"Your {field.label.lower()}", anchor=field.name) for field in fields if field.problem
    )


# --- where and how ---


def _method(checkout: Checkout, shop: Shop, index: int, untold: _Untold) -> MethodForm:
    method = (checkout.quote.methods or ())[index]
    where = f"methods[{index}]"
    is_shipped = method.type == SHIPPING
    groups = tuple(
        _group(group, forms.option_name(index, group.id), checkout.currency, untold.take(f"{where}.groups"))
        for group in method.groups
    )
    problems = untold.take(where, *_unless_last(checkout, index))
    bad = forms.bad_destination(checkout, index)
    places = _places(method, forms.offered_places(checkout, index))
    address = bad.address if bad else None
    return MethodForm(
        anchor=forms.method_name(index),
        title=words.METHODS.get(method.type, method.type),
        place_name=forms.place_name(index),
        places=places,
        place_problem=_place_problem(problems, is_shipped=is_shipped),
        address=_address(index, address, shop, is_only=not places) if is_shipped else (),
        writes_address=is_shipped and (bad is not None or not places),
        groups=groups,
    )


def _unless_last(checkout: Checkout, index: int) -> tuple[str, ...]:
    """What is wrong with the ways as a whole is told at the last one."""
    return ("methods",) if index == len(checkout.quote.methods or ()) - 1 else ()


def _places(method: Method, offered: Iterable[Destination]) -> tuple[Choice, ...]:
    return tuple(
        Choice(
            value=place.id,
            title=place.name or address_line(place.address),
            detail=address_line(place.address) if place.name else "",
            is_chosen=place.id == method.selected_destination_id,
        )
        for place in offered
    )


def _place_problem(problems: list[Problem], *, is_shipped: bool) -> str:
    missing = words.PLACE_MISSING if is_shipped else words.PLACE_UNCHOSEN
    texts = (missing if p.code == FULFILLMENT_MISSING else problem_text(p) for p in problems)
    return " ".join(dict.fromkeys(texts))


def _address(index: int, address: Address | None, shop: Shop, *, is_only: bool) -> tuple[Field, ...]:
    """Where there are places to choose from these fields may be left, so the browser demands none."""
    return tuple(
        _address_field(
            name,
            f"{forms.method_name(index)}.{name}",
            getattr(address, name, None) or (shop.country if name == "country" else ""),
            is_required=is_only and name in _REQUIRED_ADDRESS,
        )
        for name in forms.ADDRESS_FIELDS
    )


def _address_field(name: str, full_name: str, value: str, *, is_required: bool) -> Field:
    label, autocomplete = words.ADDRESS[name]
    return Field(
        name=full_name,
        label=label,
        value=value,
        autocomplete=f"shipping {autocomplete}",
        is_required=is_required,
        is_optional=name in _OPTIONAL_ADDRESS,
        is_wide=name in {"street_address", "extended_address"},
        choices=countries.choices(value.upper()) if name == "country" else (),
    )


def _group(group: Group, name: str, currency: str, problems: list[Problem]) -> GroupForm:
    return GroupForm(
        name=name,
        options=tuple(
            Choice(
                value=option.id,
                title=option.title,
                detail=" · ".join(part for part in (option.description, option.carrier) if part),
                amount=amount_text(option.price_minor, currency),
                is_chosen=option.id == group.selected_option_id,
            )
            for option in group.options
        ),
        problem=_option_problem(problems),
    )


def _option_problem(problems: list[Problem]) -> str:
    if not problems:
        return ""
    missing_only = all(problem.code == FULFILLMENT_MISSING for problem in problems)
    return words.OPTION_MISSING if missing_only else words.OPTION_GONE


def _method_needs(methods: Iterable[MethodForm]) -> Iterable[Need]:
    for method in methods:
        if method.place_problem:
            yield Need(
                text="Where it goes" if method.address else "Where you collect it", anchor=method.anchor
            )
        for group in method.groups:
            if group.problem:
                yield Need(text="How it reaches you", anchor=f"{group.name}.problem")


# --- what ---


def _lines(checkout: Checkout, untold: _Untold) -> tuple[LineForm, ...]:
    quoted = {line.line_id: line for line in checkout.quote.lines}
    return tuple(
        _line(line, quoted.get(line.id), checkout.currency, untold.take(f"lines[{index}]"))
        for index, line in enumerate(checkout.basket.lines)
    )


def _line(line: Line, quoted: QuotedLine | None, currency: str, problems: list[Problem]) -> LineForm:
    """``quoted`` is None for what is not sold here (any more): it can only be removed."""
    errors = [problem_text(p) for p in problems if words.problem_kind(p) != "info"]
    notes = [problem_text(p) for p in problems if words.problem_kind(p) == "info"]
    return LineForm(
        name=forms.quantity_name(line),
        title=quoted.title if quoted else line.item_id,
        quantity=line.quantity,
        each=amount_text(quoted.unit_price_minor, currency) if quoted else "",
        amount=amount_text(quoted.unit_price_minor * line.quantity, currency) if quoted else "",
        image_url=picture_path(quoted.image_url) if quoted else None,
        problem=" ".join(errors),
        note=" ".join(notes),
    )
