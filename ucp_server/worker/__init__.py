"""Jobs: each module is one, `run_once` is one step of it. Postgres decides who does what."""
