"""The binding for the merchant's own systems, on the admin listener: orders, waiting jobs, metrics."""
