"""The binding for people: hand-off checkout and order page. Same engine, no rule of its own."""
