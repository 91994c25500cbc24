"""``python -m ucp_server`` is ``ucp-server``."""

from ucp_server.cli import main

main()
