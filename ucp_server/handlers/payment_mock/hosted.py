"""The mock's own pages, at an origin of their own: the fields of a card, and the bank's question.

Neither needs a script. What opens them is in their paths, names that nobody can guess; they set no
cookie, and tell nobody where they were called from.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ucp_server import languages
from ucp_server.handlers.payment_mock.books import Books, Record
from ucp_server.handlers.payment_mock.cards import Cards, display_of
from ucp_server.handlers.payment_mock.challenges import Challenge, Challenges
from ucp_server.handlers.payment_mock.decisions import answered
from ucp_server.handlers.payment_mock.fields import Card, FieldName, read_card
from ucp_server.handlers.payment_mock.origins import named_by
from ucp_server.handlers.payment_mock.paper import ASSETS, PRIVATE, html
from ucp_server.handlers.payment_mock.sessions import Entered, Sessions
from ucp_server.hosted import HostedApp, Site
from ucp_server.ports import Clock, Credential

# Three short fields; whoever sends more did not fill in ours.
_FIELDS_MAX: Final = 8
# A browser says where a form comes from; one that does not yet is known by the path alone.
_OWN_FORMS: Final = frozenset({None, "same-origin"})


@dataclass(frozen=True, kw_only=True)
class Bank:
    """What the pages read and write, shared with the handler itself."""

    books: Books
    cards: Cards
    sessions: Sessions
    challenges: Challenges
    clock: Clock


def application(site: Site, bank: Bank) -> HostedApp:
    pages = _Pages(site, bank)
    application = Starlette(
        routes=[
            Route("/fields/{session}", pages.fields, methods=["GET"]),
            Route("/fields/{session}", pages.enter, methods=["POST"]),
            Route("/challenge/{challenge}", pages.challenge, methods=["GET"]),
            Route("/challenge/{challenge}", pages.answer, methods=["POST"]),
            Route("/assets/{name}", _asset, methods=["GET"]),
        ]
    )
    application.router.redirect_slashes = False
    return application


class _Pages:
    def __init__(self, site: Site, bank: Bank) -> None:
        self._site = site
        self._bank = bank
        self._home = urlsplit(site.url).path

    # --- the fields of a card ---

    async def fields(self, request: Request) -> Response:
        session = request.path_params["session"]
        bank = self._bank
        if not await asyncio.to_thread(bank.sessions.is_open, session):
            return self._gone(request)
        card = await asyncio.to_thread(bank.sessions.card, session, bank.clock.now().timestamp())
        if card is None or "another" in request.query_params:
            return self._show_fields(request, frozenset(), {})
        return self._show(request, "entered.html", {"card": card.display, "state": "entered"})

    async def enter(self, request: Request) -> Response:
        session = request.path_params["session"]
        bank = self._bank
        if not await asyncio.to_thread(bank.sessions.is_open, session):
            return self._gone(request)
        if not _is_our_form(request):
            return self._show(request, "gone.html", {}, status=403)
        given = await _form(request)
        card = read_card(given, bank.clock.now())
        if not isinstance(card, Card):
            return self._show_fields(request, card, given)
        await asyncio.to_thread(bank.sessions.enter, session, self._entered(card))
        return _see_other(f"{self._home}/fields/{session}{_query(request.query_params)}")

    def _entered(self, card: Card) -> Entered:
        about = Credential(
            type="card",
            members={"expiry_month": card.expiry_month, "expiry_year": card.expiry_year},
        )
        return Entered(
            token=self._bank.cards.meaning_of(card.number),
            display=display_of(about, card.number),
            entered_at=self._bank.clock.now().timestamp(),
        )

    def _show_fields(
        self, request: Request, wrong: frozenset[FieldName], given: Mapping[str, str]
    ) -> Response:
        """The CVC is asked for anew each time."""
        facts = {
            "state": "failed" if wrong else "ready",
            "wrong": wrong,
            "number": given.get("number", ""),
            "expiry": given.get("expiry", ""),
            "action": f"{request.path_params['session']}{_query(request.query_params)}",
        }
        return self._show(request, "fields.html", facts)

    # --- the bank's question ---

    async def challenge(self, request: Request) -> Response:
        challenge = await asyncio.to_thread(self._bank.challenges.find, request.path_params["challenge"])
        if challenge is None:
            return self._gone(request)
        record = await asyncio.to_thread(self._bank.books.find, challenge.psp_key)
        return self._show_challenge(request, challenge, record)

    async def answer(self, request: Request) -> Response:
        """The first answer counts; whoever comes after it is told what it was."""
        challenge = await asyncio.to_thread(self._bank.challenges.find, request.path_params["challenge"])
        if challenge is None:
            return self._gone(request)
        if not _is_our_form(request):
            return self._show(request, "gone.html", {}, status=403)
        said = (await _form(request)).get("answer")
        if said not in {"confirm", "refuse"}:
            return _see_other(f"{self._home}/challenge/{request.path_params['challenge']}")
        record = await asyncio.to_thread(self._decide, challenge, is_confirmed=said == "confirm")
        if record is not None and challenge.return_url:
            return _see_other(challenge.return_url)
        return self._show_challenge(request, challenge, record)

    def _decide(self, challenge: Challenge, *, is_confirmed: bool) -> Record | None:
        """None where the payment never came; nothing is written then."""
        if self._bank.books.find(challenge.psp_key) is None:
            return None

        def decide(before: Record | None) -> Record:
            assert before is not None, "a record is never taken out of the books"
            return answered(before, is_confirmed=is_confirmed)

        return self._bank.books.change(challenge.psp_key, decide)

    def _show_challenge(self, request: Request, challenge: Challenge, record: Record | None) -> Response:
        language = _language(request)
        facts = {
            "amount": language.amount(challenge.amount_minor, challenge.currency),
            "status": record.status if record else "none",
            "return_url": challenge.return_url,
            "action": request.path_params["challenge"],
        }
        return self._show(request, "challenge.html", facts, leads_to=challenge.return_url)

    # --- all of them ---

    def _gone(self, request: Request) -> Response:
        return self._show(request, "gone.html", {}, status=404)

    def _show(
        self,
        request: Request,
        template: str,
        facts: Mapping[str, object],
        *,
        status: int = 200,
        leads_to: str = "",
    ) -> Response:
        parent = named_by(request.query_params.get("origin", ""), self._site.shop_origins)
        is_framed = template in {"fields.html", "entered.html", "gone.html"}
        return html(
            template,
            _language(request),
            {
                "shop": self._site.shop,
                "home": self._home,
                "parent": parent,
                "query": _query(request.query_params),
                **facts,
            },
            status=status,
            ancestors=self._site.shop_origins if is_framed else (),
            leads_to=leads_to,
        )


def _language(request: Request) -> languages.Language:
    asked = request.query_params.get("lang", "")
    return languages.choose(asked, request.headers.get("accept-language", ""), "en")


def _query(given: QueryParams) -> str:
    """What the shop's page added goes along from page to page; nothing else does."""
    kept = QueryParams({name: given[name] for name in ("lang", "origin") if name in given})
    return f"?{kept}" if kept else ""


def _is_our_form(request: Request) -> bool:
    return request.headers.get("sec-fetch-site") in _OWN_FORMS


async def _form(request: Request) -> dict[str, str]:
    """What was filled in; nothing where that cannot be read."""
    try:
        body = (await request.body()).decode()
        return dict(parse_qsl(body, keep_blank_values=True, max_num_fields=_FIELDS_MAX))
    except ValueError:
        return {}


def _see_other(url: str) -> Response:
    return RedirectResponse(url, 303, dict(PRIVATE))


async def _asset(request: Request) -> Response:
    return ASSETS.get(request.path_params["name"]) or Response(status_code=404)
