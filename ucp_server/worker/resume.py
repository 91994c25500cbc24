"""Resume: finishes payments whose holder died or could not learn the outcome."""

from ucp_server.engine.resume import resume_due
from ucp_server.engine.setup import Setup


async def run_once(setup: Setup) -> int:
    """Returns how many attempts were looked at."""
    return await resume_due(setup)
