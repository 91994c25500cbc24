"""The long runs: conforming buyers while processes die, then everything that must still hold."""
