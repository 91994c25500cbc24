"""A small shopping agent that a person can read along: discovers a shop, buys, follows the order.

It knows nothing of the server's inside; it is what a platform's first integration looks like.
"""
