"""Binding: Chipp's ACP, a shop that sells as one app, over checkout sessions (field.md 9)."""
