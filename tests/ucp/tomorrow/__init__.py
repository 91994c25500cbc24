"""A release that nobody has published, to see what the next one will cost."""
