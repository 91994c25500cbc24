"""What each template is given: frozen, complete, already in words. A test holds both together."""

import msgspec

from ucp_server.languages import ENGLISH, LANGUAGES, Language


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """``type`` is the merchant's word for what it is, such as ``terms_of_service``."""

    type: str
    title: str
    url: str


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    """A page within a page of the buyer's platform.

    ``ancestors`` are the origins that may frame it, with spaces between; ``speech`` is JSON for the
    ``script``. ``scheme`` is light or dark, or "" for what the buyer's system has.
    """

    ancestors: str
    speech: str
    script: str
    scheme: str


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """The merchant as its buyers know it.

    ``required`` names the fields of `domain.checkout.Buyer` that it asks for, ``country`` is where
    it is (ISO 3166-1 alpha-2). ``language`` is that of this request; ``chosen_language`` is its code
    where the address names it (``?lang=``), and then every link of ours names it too. ``own_language``
    is the code of the shop's; ``languages`` are those that the page may be had in. ``seller`` is who
    sells, line by line, as a receipt has it; ``embedded`` where the page is framed.
    """

    merchant_id: str
    title: str
    origin: str
    links: tuple[Link, ...] = ()
    required: tuple[str, ...] = ()
    country: str = ""
    language: Language = ENGLISH
    chosen_language: str = ""
    own_language: str = ENGLISH.code
    seller: tuple[str, ...] = ()
    languages: tuple[Language, ...] = tuple(LANGUAGES.values())
    embedded: Embedded | None = None


class Assets(msgspec.Struct, frozen=True, kw_only=True):
    """Paths of what comes with every page."""

    style: str
    script: str
    icon: str


class ShopAssets(Assets, frozen=True, kw_only=True):
    """With what only the order's page, its receipt and the shop window need."""

    shop_style: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    amount: str
    is_total: bool = False


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    value: str
    title: str
    detail: str
    is_chosen: bool
    amount: str = ""


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One input, or a select where there are ``choices``.

    ``autocomplete`` is the browser's own word for it, ``problem`` what is wrong with the value. What
    is neither required nor optional depends: on the country, or on what else is chosen.
    """

    name: str
    label: str
    value: str
    autocomplete: str
    type: str = "text"
    is_required: bool = False
    is_optional: bool = False
    is_wide: bool = False
    problem: str = ""
    choices: tuple[Choice, ...] = ()


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """``kind`` is error, warning or info."""

    kind: str
    text: str


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is still missing, and where on the page it can be given."""

    text: str
    anchor: str


class GroupForm(msgspec.Struct, frozen=True, kw_only=True):
    """The ways in which some goods may travel to the place that was chosen."""

    name: str
    options: tuple[Choice, ...]
    problem: str


class MethodForm(msgspec.Struct, frozen=True, kw_only=True):
    """Where some of the goods go. ``address`` is empty where only our own places can be chosen.

    ``writes_address``: the address is being written rather than chosen among ``places``.
    """

    anchor: str
    title: str
    place_name: str
    places: tuple[Choice, ...]
    place_problem: str
    address: tuple[Field, ...]
    writes_address: bool
    groups: tuple[GroupForm, ...]


class LineForm(msgspec.Struct, frozen=True, kw_only=True):
    """A line whose quantity, named ``name``, may change; 0 removes it."""

    name: str
    title: str
    quantity: int
    each: str
    amount: str
    image_url: str | None
    problem: str
    note: str


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """Where the buyer passes the provider's test; ``host`` says who asks.

    ``came_back`` from there is the buyer who only has to be asked what became of it.
    """

    url: str
    host: str
    came_back: bool


class CardFields(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the provider's that ours frames: a card is entered there, and never reaches us.

    ``is_folded`` where one was entered already that may pay.
    """

    url: str
    is_folded: bool


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """``url`` is empty where the shop names no page of them. ``is_asked``: the buyer has to tick a box."""

    url: str
    is_asked: bool


class CheckoutPage(msgspec.Struct, frozen=True, kw_only=True):
    """The hand-off page of an open checkout.

    ``pay_text`` is empty while the order cannot be placed; ``pays_with`` is empty where nothing pays
    yet, and without ``card_fields`` never will on this page. ``has_their_address`` and
    ``has_their_payment``: the platform that frames the page lets the buyer choose these.
    """

    shop: Shop
    title: str
    lead: str
    assets: Assets
    notices: tuple[Notice, ...]
    needs: tuple[Need, ...]
    buyer: tuple[Field, ...]
    methods: tuple[MethodForm, ...]
    codes: str
    code_notices: tuple[Notice, ...]
    lines: tuple[LineForm, ...]
    totals: tuple[Row, ...]
    glance: str
    pay_text: str
    pays_with: str
    card_fields: CardFields | None
    challenge: Challenge | None
    terms: Terms
    open_until: str
    form_token: str
    revision: int
    total_minor: int
    has_their_address: bool = False
    has_their_payment: bool = False


class LineRow(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    quantity: int
    each: str
    amount: str
    image_url: str | None
    note: str


class CartLine(msgspec.Struct, frozen=True, kw_only=True):
    """``problem`` is why it cannot be had as it is, ``note`` whatever else is to be told of it."""

    title: str
    quantity: int
    amount: str
    image_url: str | None
    problem: str
    note: str


class CartPage(msgspec.Struct, frozen=True, kw_only=True):
    """A cart that its buyer looks at; ``is_buyable`` where at least one line can be had."""

    shop: Shop
    title: str
    lead: str
    assets: Assets
    notices: tuple[Notice, ...]
    lines: tuple[CartLine, ...]
    totals: tuple[Row, ...]
    is_buyable: bool
    open_until: str
    form_token: str


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """``at`` is for machines (RFC 3339), ``when`` for people."""

    at: str
    when: str
    text: str


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """Some of one line's pieces, in a parcel or on their way back."""

    title: str
    quantity: int


class ParcelCard(msgspec.Struct, frozen=True, kw_only=True):
    """``state`` is the last that is known of it, ``when`` its day; ``url`` is the carrier's page of it."""

    title: str
    state: str
    when: str
    is_delivered: bool
    carrier: str
    number: str
    url: str | None
    note: str
    pieces: tuple[Piece, ...]


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """How and where goods come; ``detail`` is the shop's word on how long that takes.

    ``pieces`` are told where other goods come otherwise.
    """

    title: str
    how: str
    detail: str
    where: tuple[str, ...]
    pieces: tuple[Piece, ...]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A stage of an order's way; ``state`` is done, now or ahead, and ``state_text`` says so."""

    title: str
    detail: str
    state: str
    state_text: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What was canceled, returned or paid back. ``kind`` is done, pending or failed."""

    title: str
    when: str
    amount: str
    kind: str
    state: str
    note: str
    pieces: tuple[Piece, ...]


class OrderPage(msgspec.Struct, frozen=True, kw_only=True):
    """``status`` is the order in a word or two, ``status_kind`` its colour: going, done or gone.

    ``contact`` leads to where the shop can be asked, if it says so.
    """

    shop: Shop
    title: str
    lead: str
    assets: ShopAssets
    number: str
    placed: str
    placed_at: str
    status: str
    status_kind: str
    steps: tuple[Step, ...]
    notices: tuple[Notice, ...]
    parcels: tuple[ParcelCard, ...]
    promises: tuple[Promise, ...]
    changes: tuple[Change, ...]
    events: tuple[EventRow, ...]
    lines: tuple[LineRow, ...]
    totals: tuple[Row, ...]
    settlement: tuple[Row, ...]
    paid_with: str
    contact: str
    receipt_path: str


class ReceiptLine(msgspec.Struct, frozen=True, kw_only=True):
    """``note`` names the reduction of the line and the tax in it, where there are any."""

    title: str
    quantity: int
    each: str
    amount: str
    note: str


class ReceiptPage(msgspec.Struct, frozen=True, kw_only=True):
    """An order on paper. ``seller`` and ``billed_to`` are lines of an address, the latter may be empty.

    ``sent_to`` are such addresses, and may be none. ``settlement`` is what was paid back since, and what
    that leaves.
    """

    shop: Shop
    title: str
    assets: ShopAssets
    number: str
    placed: str
    placed_at: str
    paid: str
    paid_with: str
    seller: tuple[str, ...]
    billed_to: tuple[str, ...]
    sent_to: tuple[tuple[str, ...], ...]
    lines: tuple[ReceiptLine, ...]
    totals: tuple[Row, ...]
    changes: tuple[Change, ...]
    settlement: tuple[Row, ...]
    order_path: str


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """Something on sale; ``url`` is its page in the merchant's own shop, if it has one.

    ``before`` is a higher price that it had, ``note`` why it cannot be had at once.
    """

    title: str
    price: str
    before: str
    image_url: str | None
    url: str | None
    note: str


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where something answers; what is reached otherwise has no ``url``."""

    label: str
    url: str


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """A protocol, or one release of it. ``about`` is a message."""

    name: str
    about: str
    addresses: tuple[Endpoint, ...]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A command to try, as it can be pasted. ``about`` is a message, ``id`` its name within the page."""

    id: str
    about: str
    command: str


class Speaks(msgspec.Struct, frozen=True, kw_only=True):
    """What assistants and their makers can do here.

    ``older`` are the releases before the newest; ``keys`` counts the public ones of the profile.
    """

    profile_url: str
    dialects: tuple[Dialect, ...]
    older: tuple[Dialect, ...]
    capabilities: tuple[Endpoint, ...]
    handlers: tuple[str, ...]
    keys: int
    trials: tuple[Trial, ...]


class WindowPage(msgspec.Struct, frozen=True, kw_only=True):
    """``found`` says what the tiles are, also when there is none; paths are "" where they lead nowhere.

    ``query`` is what was looked for, ``language_asked`` what a search takes along.
    """

    shop: Shop
    title: str
    lead: str
    assets: ShopAssets
    query: str
    found: str
    tiles: tuple[Tile, ...]
    first_path: str
    next_path: str
    speaks: Speaks
    language_asked: str


class PlainPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page with something to say and at most one way on: to an order, or back to where one was.

    ``refresh_s`` of 0 does not reload.
    """

    shop: Shop
    title: str
    text: str
    assets: Assets
    order_url: str = ""
    back_url: str = ""
    refresh_s: int = 0
