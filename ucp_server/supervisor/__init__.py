"""The running server: one parent that owns Postgres, the processes it starts, their listeners."""
