"""The commands of ``ucp-server``, one module each."""
