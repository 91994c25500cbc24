"""The binding for mail: what a buyer is written to after an order, a shipment, a refund."""
