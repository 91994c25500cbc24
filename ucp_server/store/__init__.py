"""Postgres: each module holds its SQL beside the functions that run it, and no business rule."""
