"""The use cases of a checkout. The only package that writes; it knows no protocol."""
