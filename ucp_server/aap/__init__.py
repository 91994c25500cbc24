"""The binding for AAP: search, recommendation, hand-off, and the ledger of what came of it."""
