"""Binding: Azotte C2A. An offer is ordered from in one call and paid by a worker; its caller polls."""
