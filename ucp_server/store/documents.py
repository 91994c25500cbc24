"""How values lie in ``jsonb`` columns: msgspec writes them and reads them back, unchanged."""

from typing import Final

import msgspec

from ucp_server.domain.attribution import Recommendation, SearchSession
from ucp_server.domain.cart import Cart
from ucp_server.domain.checkout import Checkout, Subscriber
from ucp_server.domain.events import MoneyMove, Sale, StockMove, ToolWork
from ucp_server.domain.ledger import LedgerEntry
from ucp_server.domain.order import Order

encode: Final = msgspec.json.Encoder().encode
decode_checkout: Final = msgspec.json.Decoder(Checkout).decode
decode_cart: Final = msgspec.json.Decoder(Cart).decode
decode_order: Final = msgspec.json.Decoder(Order).decode
decode_subscriber: Final = msgspec.json.Decoder(Subscriber).decode
decode_money_move: Final = msgspec.json.Decoder(MoneyMove).decode
decode_stock_move: Final = msgspec.json.Decoder(StockMove).decode
decode_tool_work: Final = msgspec.json.Decoder(ToolWork).decode
decode_sale: Final = msgspec.json.Decoder(Sale).decode
decode_search_session: Final = msgspec.json.Decoder(SearchSession).decode
decode_recommendation: Final = msgspec.json.Decoder(Recommendation).decode
decode_ledger_entry: Final = msgspec.json.Decoder(LedgerEntry).decode
