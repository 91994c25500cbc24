"""The keys that a demo server leaves for scripts, tried on the server that left them."""

import json
from pathlib import Path

import httpx2

from tests.serving import server

PLATFORM = {"UCP-Agent": 'profile="https://platform.example/profile"'}
BASE = "/ucp/2026-01-11"
PAID = {
    "payment_data": {
        "id": "card",
        "handler_id": "mock_payment_handler",
        "type": "card",
        "credential": {"type": "token", "token": "success_token"},
    }
}


async def test_the_start_names_the_file_and_its_keys_open(database: str, tmp_path: Path) -> None:
    async with server(database, tmp_path, mode="demo") as shop:
        file = tmp_path / "data" / "demo-credentials.json"
        (line,) = (line for line in shop.output.splitlines() if line.startswith("  keys  "))
        assert line.endswith(str(file))
        keys = json.loads(file.read_text())
        assert all(keys["aap"].values())
        assert all(keys["acp"].values())
        assert all(keys["c2a"].values())
        secrets = [keys["simulation_secret"], keys["ucp"]["api_key"], keys["c2a"]["api_key"]]
        assert not any(secret in shop.output for secret in secrets)

        sent = PLATFORM | {"X-API-Key": keys["ucp"]["api_key"]}
        async with httpx2.AsyncClient(base_url=shop.http, headers=sent) as client:
            lines = {"line_items": [{"item": {"id": "sim-10"}, "quantity": 1}]}
            made = (await client.post(f"{BASE}/checkout-sessions", json=lines)).json()
            done = await client.post(f"{BASE}/checkout-sessions/{made['id']}/complete", json=PAID)
            order = done.json()["order"]["id"]
            for secret, status in ((keys["simulation_secret"], 200), ("guess", 403)):
                shipped = await client.post(
                    f"/testing/simulate-shipping/{order}", headers={"Simulation-Secret": secret}
                )
                assert shipped.status_code == status, shipped.text
