"""Black-box checks of a UCP business server over HTTP: `python -m conformance URL`.

Nothing here knows how a server is built. A check sees what the shop advertises, what it answers,
and the item ids and tokens that the caller names. Each check stands for one obligation of the
specification; its docstring is the sentence that the table prints.
"""
