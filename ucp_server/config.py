"""Every setting, once, with one sentence each. Read at start, never afterwards.

``config_sources.read`` fills it in. Tables are the TOML file's; a secret is written as it is, as
``env:NAME`` or as ``file:PATH``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, cast
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, Meta

from ucp_server.domain import merchant as domain
from ucp_server.modes import RELAXATIONS, Mode, Relaxations

DOTS = "••••••"
# A secret shorter than this can be guessed; 32 characters hold 128 bits in hexadecimal.
SECRET_LENGTH_MIN = 32
# A payment provider may take this long to answer; a drain that ends earlier would cut it off.
DRAIN_S_MIN = 35

Port = Annotated[int, Meta(ge=0, le=65535)]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
CountryCode = Annotated[str, Meta(pattern=r"^[A-Z]{2}$")]
CurrencyCode = Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
# Written as we write it, so that two shops cannot have the same one in two spellings.
Tenant = Annotated[str, Meta(pattern=r"^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$")]
DomainName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9]*(\.[a-z0-9][a-z0-9_-]*)+$")]
# Scheme and authority in the form that browsers write: lower case, no slash, no default port.
Origin = Annotated[str, Meta(pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$")]
PageUrl = Annotated[str, Meta(pattern=r"^(https://.+)?$")]
Rate = Annotated[int, Meta(ge=0, le=1_000_000)]
HostName = Annotated[str, Meta(pattern=r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$")]


class ConfigError(Exception):
    """A setting that cannot be used; the text names its source, itself and the reason."""

    def __init__(self, source: str, setting: str, reason: str) -> None:
        super().__init__(f"{source}: {setting}: {reason}" if setting else f"{source}: {reason}")
        self.source = source
        self.setting = setting
        self.reason = reason


class Secret:
    """A value that prints as dots and has to be asked for."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return DOTS

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration: a name that nobody knows is a mistake, not an extension."""


class Link(Table, frozen=True):
    type: Annotated[
        str, Meta(description="What it is, for example privacy_policy, terms_of_service, refund_policy.")
    ]
    url: Annotated[str, Meta(description="Where it is.")]
    title: Annotated[str, Meta(description="What to show instead of the URL.")] = ""


class Policy(Table, frozen=True):
    type: Annotated[
        DomainName,
        Meta(description="What it rules, for example dev.ucp.shopping.policy.return; each once."),
    ]
    text: Annotated[str, Meta(min_length=1, description="What it says, for buyers to read.")]
    url: Annotated[PageUrl, Meta(description="The page that has all of it; empty for none.")] = ""
    must_show: Annotated[bool, Meta(description="Whether a buyer has to see it before the order.")] = False


class Handler(Table, frozen=True):
    id: Annotated[str, Meta(description="What instruments refer to, unique in the merchant.")]
    name: Annotated[str, Meta(description="The handler's reverse-domain name.")]
    config: Annotated[
        dict[str, object], Meta(description="What the handler advertises about itself; public.")
    ] = {}
    private: Annotated[
        dict[str, Secret], Meta(description="What only the handler may know, such as API keys.")
    ] = {}


class Mail(Table, frozen=True):
    transport: Annotated[
        Literal["smtp", "folder", "off"], Meta(description="How mail leaves: smtp, folder or off.")
    ] = "smtp"
    sender: Annotated[str, Meta(description="The address that mail comes from.")] = ""
    smtp_host: Annotated[str, Meta(description="The SMTP server.")] = "localhost"
    smtp_port: Annotated[Port, Meta(description="The SMTP server's port.")] = 587
    smtp_security: Annotated[
        Literal["starttls", "tls", "none"],
        Meta(description="How it is encrypted: starttls, tls from the start or none."),
    ] = "starttls"
    smtp_user: Annotated[str, Meta(description="The SMTP account; empty for none.")] = ""
    smtp_password: Annotated[Secret | None, Meta(description="The SMTP account's password.")] = None
    folder: Annotated[Path | None, Meta(description="Where transport folder writes mail.")] = None


class Merchant(Table, frozen=True):
    title: Annotated[str, Meta(description="The shop's name for people.")] = ""
    hosts: Annotated[tuple[str, ...], Meta(description="The host names that lead to this merchant.")] = ()
    public_url: Annotated[str, Meta(description="Scheme and authority that links and profiles carry.")] = ""
    asked_signals: Annotated[
        tuple[DomainName, ...],
        Meta(description="Signals that platforms are asked for, such as dev.ucp.buyer_ip."),
    ] = ()
    storefront_url: Annotated[
        PageUrl,
        Meta(description="Where a buyer can go whose platform cannot buy here; empty for nowhere."),
    ] = ""
    currency: Annotated[CurrencyCode, Meta(description="What prices are in (ISO 4217).")] = "USD"
    tax: Annotated[Literal["excluded", "included"], Meta(description="Whether prices include the tax.")] = (
        "excluded"
    )
    root_release: Annotated[
        str, Meta(description="The release that /.well-known/ucp shows; empty for the newest.")
    ] = ""
    links: Annotated[
        tuple[Link, ...], Meta(description="Pages that the buyer should find from a checkout.")
    ] = ()
    seller: Annotated[
        tuple[str, ...],
        Meta(
            description="Who sells, line by line, as receipts have it: legal name, address, tax number; "
            "empty for the title alone."
        ),
    ] = ()
    policies: Annotated[
        tuple[Policy, ...], Meta(description="Rules of the shop that hold for everything it sells.")
    ] = ()
    handlers: Annotated[
        tuple[Handler, ...], Meta(description="How one can pay, in the order of preference.")
    ] = ()
    escalate_above_minor: Annotated[
        int | None,
        Meta(description="Totals above this, in minor units, are handed to the buyer to confirm."),
    ] = None
    terms_agreement: Annotated[
        bool,
        Meta(description="Whether each buyer agrees to the terms in person before an order."),
    ] = False
    language: Annotated[
        Literal["en", "de", "ar", "ja"],
        Meta(description="The language of pages and mail for buyers who ask for none: en, de, ar or ja."),
    ] = "en"
    home_country: Annotated[
        CountryCode,
        Meta(description="Where the shop is: taxes what is collected or has no address yet."),
    ] = "US"
    required_buyer_fields: Annotated[
        tuple[Literal["first_name", "last_name", "email", "phone_number"], ...],
        Meta(description="What a buyer must tell before an order."),
    ] = ()
    remembers_addresses: Annotated[
        bool, Meta(description="Whether a known e-mail address brings back its former addresses.")
    ] = False
    complete_addresses: Annotated[
        bool, Meta(description="Whether an address needs all that its country's post demands.")
    ] = True
    checkout_ttl_s: Annotated[
        int, Meta(ge=60, le=30 * 86400, description="How many seconds a checkout stays open.")
    ] = 6 * 3600
    cart_ttl_s: Annotated[
        int,
        Meta(ge=60, le=90 * 86400, description="How many seconds a cart is kept after its last change."),
    ] = 7 * 86400
    idempotency_key_required: Annotated[
        bool, Meta(description="Whether a write without Idempotency-Key is refused.")
    ] = False
    signed_replies: Annotated[
        bool,
        Meta(
            description="Whether all replies are signed (RFC 9421), and not only those to a complete and "
            "with an order; from 2026-04-08."
        ),
    ] = False
    embedded: Annotated[
        bool, Meta(description="Whether platforms may frame the pages of a checkout in their own.")
    ] = True
    stock: Annotated[
        Literal["own", "port"], Meta(description="Whether we keep the stock or a plug-in does.")
    ] = "own"
    eligibility: Annotated[
        Literal["own", "port"],
        Meta(description="Whether eligibility.csv or a plug-in verifies what buyers claim."),
    ] = "own"
    tenant: Annotated[
        Tenant,
        Meta(description="The UUID in lower case that Azotte C2A callers send in x-tn; empty for none."),
    ] = ""
    declines_max: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            description="Declined payments that leave a checkout to its buyer in person; as many again "
            "end it.",
        ),
    ] = domain.DECLINES_MAX_DEFAULT
    accepts_fresh_cards: Annotated[
        bool | None,
        Meta(
            description="Whether Azotte C2A callers may hand card numbers in; unset: not in production.",
        ),
    ] = None
    mail: Annotated[Mail | None, Meta(description="How mail to buyers is sent.")] = None
    certificate: Annotated[
        Path | None, Meta(description="PEM chain for this merchant's hosts (chosen by SNI).")
    ] = None
    certificate_key: Annotated[Path | None, Meta(description="That certificate's private key, PEM.")] = None

    def __post_init__(self) -> None:
        """Of two policies of one type that hold for everything nobody can tell which one rules."""
        types = [policy.type for policy in self.policies]
        if len(types) != len(set(types)):
            raise ValueError("policies: each type can stand there once")

    def facts(self, merchant_id: str) -> domain.Merchant:
        """What the rules need to know of this merchant."""
        return domain.Merchant(
            id=merchant_id,
            title=self.title or merchant_id,
            currency=self.currency,
            home_country=self.home_country,
            mail_sender=self.mail.sender if self.mail else "",
            tax_included=self.tax == "included",
            ttl_s=self.checkout_ttl_s,
            cart_ttl_s=self.cart_ttl_s,
            escalate_above_minor=self.escalate_above_minor,
            required_buyer_fields=self.required_buyer_fields,
            terms_agreement=self.terms_agreement,
            own_stock=self.stock == "own",
            declines_max=self.declines_max,
            key_required=self.idempotency_key_required,
            remembers_addresses=self.remembers_addresses,
            complete_addresses=self.complete_addresses,
        )


class Platform(Table, frozen=True):
    profile: Annotated[str, Meta(description="The profile URL that UCP-Agent names.")]
    profile_file: Annotated[
        Path | None, Meta(description="A copy of that profile, used instead of fetching it.")
    ] = None
    auth: Annotated[
        Literal["open", "api_key", "oauth", "mtls", "signature"],
        Meta(description="How it proves who it is: open, api_key, oauth, mtls or signature."),
    ] = "api_key"
    signatures: Annotated[
        Literal["off", "log", "require"],
        Meta(
            description="Its HTTP message signatures (RFC 9421), whatever auth is: off (not looked at), "
            "log (told in the access line) or require."
        ),
    ] = "off"
    writes: Annotated[bool, Meta(description="Whether it may change anything.")] = True
    client_certificate_subject: Annotated[
        str, Meta(description="With mtls: the certificate's subject (RFC 4514).")
    ] = ""
    client_certificate_sha256: Annotated[
        str, Meta(description="With mtls: the SHA-256 of the certificate, hexadecimal.")
    ] = ""
    merchants: Annotated[
        tuple[str, ...], Meta(description="The merchants it may buy from; empty for all.")
    ] = ()
    rate: Annotated[
        Rate | None,
        Meta(
            description="Its own platform_rate; 0 for no limit of any kind once it has proven itself, as "
            "Google needs, which never repeats what was answered with 429.",
        ),
    ] = None
    embed_origins: Annotated[
        tuple[Origin, ...],
        Meta(description="Who may frame a checkout of its buyers, instead of the profile's own origin."),
    ] = ()
    problems: Annotated[
        Literal["by_release", "in_checkout"],
        Meta(
            description="How declines and missing stock are told: by_release, or in_checkout with "
            "status 200 under every release, as Google asks."
        ),
    ] = "by_release"


class Settings(Table, frozen=True):
    mode: Annotated[Mode, Meta(description="How strict the server is: production, demo or suite.")] = (
        Mode.PRODUCTION
    )
    host: Annotated[str, Meta(description="The address that the TLS listener binds.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="The TLS listener's port; 0 leaves it off.")] = 8443
    http_host: Annotated[
        str, Meta(description="The loopback address that the plain http listener binds.")
    ] = "127.0.0.1"
    http_port: Annotated[Port, Meta(description="The plain http listener's port; 0 leaves it off.")] = 0
    http_socket: Annotated[
        Path | None,
        Meta(description="A Unix socket for plain http, for a proxy that shares the server's group."),
    ] = None
    admin_host: Annotated[str, Meta(description="The address that metrics and the merchant API bind.")] = (
        "127.0.0.1"
    )
    admin_port: Annotated[
        Port, Meta(description="The port of metrics and merchant API; 0 leaves it off.")
    ] = 9080
    hosted_port: Annotated[
        Port | None,
        Meta(
            description="The port of pages that plug-ins have of their own, such as card fields: plain "
            "http at http_host; 0 leaves it off. Unset: none, but in demo 8444 or one that is free.",
        ),
    ] = None
    hosted_url: Annotated[
        str,
        Meta(description="Scheme and authority under which buyers reach hosted_port; empty for localhost."),
    ] = ""
    workers: Annotated[int, Meta(ge=0, le=256, description="HTTP processes; 0 for one per processor.")] = 0
    database_url: Annotated[Secret | None, Meta(description="The Postgres to use, as postgresql://….")] = (
        None
    )
    database_connections: Annotated[
        int, Meta(ge=2, le=1000, description="Connections that each process keeps open.")
    ] = 8
    data_dir: Annotated[
        Path | None, Meta(description="Where the embedded Postgres and what it needs are kept.")
    ] = None
    import_dir: Annotated[Path | None, Meta(description="A shop in CSV files that is loaded at start.")] = (
        None
    )
    secret: Annotated[
        Secret | None,
        Meta(description="Encrypts what is stored and keys fingerprints; 32 characters or more."),
    ] = None
    simulation_secret: Annotated[
        Secret | None, Meta(description="What /testing/simulate-shipping asks for; tests only.")
    ] = None
    faults: Annotated[
        str | None,
        Meta(description="Where the first processes die (doctor --fault-points); tests only."),
    ] = None
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Networks whose Forwarded and Client-Cert headers are believed."),
    ] = ()
    certificate: Annotated[
        Path | None, Meta(description="PEM chain for hosts without a certificate of their own.")
    ] = None
    certificate_key: Annotated[Path | None, Meta(description="That certificate's private key, PEM.")] = None
    client_ca: Annotated[
        Path | None, Meta(description="PEM bundle of who signs the client certificates of platforms.")
    ] = None
    drain_s: Annotated[
        int, Meta(ge=DRAIN_S_MIN, le=600, description="How many seconds a stop waits for open requests.")
    ] = 40
    unlisted_platforms: Annotated[
        Literal["refused", "open"],
        Meta(description="What platforms without a table may do: nothing, or everything."),
    ] = "refused"
    code_issuer: Annotated[
        HostName,
        Meta(description="The name that AAP codes are issued under; empty for the first shop's own host."),
    ] = ""
    platform_rate: Annotated[
        Rate,
        Meta(
            description="Writes in a minute of a platform that proves itself, at one merchant; a read "
            "counts a fifth, 0 is no limit.",
        ),
    ] = 6_000
    address_rate: Annotated[
        Rate,
        Meta(
            description="The same for all callers of one address who prove nothing, in each process.",
        ),
    ] = 600
    checkout_rate: Annotated[
        Rate, Meta(description="The same for one checkout or order, in each process.")
    ] = 120
    pay_rate: Annotated[
        Rate,
        Meta(
            description="How often pay may be pressed in a minute from one address, in each process; one "
            "checkout takes ten presses. 0 is no limit for addresses.",
        ),
    ] = 30
    agent_rate: Annotated[
        int,
        Meta(
            ge=1, le=1_000_000, description="Requests that an AAP agent or merchant may make in a minute."
        ),
    ] = 60
    agent_rates: Annotated[
        dict[str, int], Meta(description="Agents and merchants with a rate of their own, by their id.")
    ] = {}
    merchant: Annotated[dict[Name, Merchant], Meta(description="The shops, one table each.")] = {}
    platform: Annotated[dict[Name, Platform], Meta(description="Known platforms, one table each.")] = {}

    @property
    def relaxed(self) -> Relaxations:
        return RELAXATIONS[self.mode]

    @property
    def issuer(self) -> str:
        """What stands in attribution codes as the one who vouches for them."""
        own = (urlsplit(merchant.public_url).hostname for merchant in self.merchant.values())
        return self.code_issuer or next(filter(None, own), "localhost")

    def takes_fresh_cards(self, merchant_id: str) -> bool:
        """Whether a card number may come in at all; a card that is stored already may always be used."""
        chosen = self.merchant[merchant_id].accepts_fresh_cards
        return self.relaxed.fresh_cards if chosen is None else chosen

    @property
    def postgres_url(self) -> str:
        """Raises ConfigError where no database was named or started."""
        if self.database_url is None:
            raise ConfigError(
                "settings", "database_url", "no database is named: set it, or data_dir for an embedded one"
            )
        return self.database_url.reveal()

    @property
    def embedded(self) -> bool:
        """Whether our own Postgres runs: in production only where a data folder was asked for."""
        asked = self.relaxed.embedded_postgres or self.data_dir is not None
        return self.database_url is None and asked


# --- to other processes, and to people ---


def to_json(settings: Settings) -> bytes:
    """The settings with their secrets, for a child's stdin and for nothing else."""
    return msgspec.json.encode(settings, enc_hook=_spelled_out)


def from_json(raw: bytes) -> Settings:
    return msgspec.json.decode(raw, type=Settings, dec_hook=as_is)


def shown(settings: Settings) -> dict[str, object]:
    """The settings for people, secrets dotted."""
    document: dict[str, object] = msgspec.to_builtins(settings, enc_hook=_dotted)
    return document


def describe(table: type[Table] = Settings) -> Iterator[tuple[str, str, object]]:
    """Name, sentence and default (UNSET where there is none) of each setting of a table."""
    for field in msgspec.structs.fields(table):
        metas = (part for part in field.type.__metadata__ if isinstance(part, Meta))
        description = next((meta.description for meta in metas if meta.description), None)
        if description is None:
            raise TypeError(f"{table.__name__}.{field.name} lacks its sentence")
        yield field.name, description, _default(field)


def _default(field: msgspec.structs.FieldInfo) -> object:
    if field.default is not msgspec.NODEFAULT:
        return cast("object", field.default)
    if field.default_factory is not msgspec.NODEFAULT:
        return cast("object", field.default_factory())
    return UNSET


def _spelled_out(value: object) -> str:
    return value.reveal() if isinstance(value, Secret) else str(value)


def _dotted(value: object) -> str:
    return DOTS if isinstance(value, Secret) else str(value)


def as_is(kind: type, value: object) -> object:
    """Decode what ``to_json`` wrote: no indirection is looked up a second time."""
    if isinstance(value, kind):
        return value
    return Path(str(value)) if kind is Path else Secret(str(value))
