"""How values lie in ``jsonb`` columns: msgspec writes them and reads them back, unchanged."""

from typing import Final

import msgspec

from ucp_server.domain.checkout import Checkout, Subscriber
from ucp_server.domain.events import MoneyMove, StockMove
from ucp_server.domain.order import Order

encode: Final = msgspec.json.Encoder().encode
decode_checkout: Final = msgspec.json.Decoder(Checkout).decode
decode_order: Final = msgspec.json.Decoder(Order).decode
decode_subscriber: Final = msgspec.json.Decoder(Subscriber).decode
decode_money_move: Final = msgspec.json.Decoder(MoneyMove).decode
decode_stock_move: Final = msgspec.json.Decoder(StockMove).decode
