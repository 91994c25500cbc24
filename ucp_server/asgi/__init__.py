"""Pure ASGI layers between the listener and the bindings; they know HTTP and no protocol above it.

``stack.wrap`` puts them in the one right order.
"""
