"""Pure values and rules of a checkout: no I/O, no clock, no environment, no wire."""
