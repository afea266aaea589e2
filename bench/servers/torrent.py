"""The DHT node of libtorrent (C++), on loopback, with all of its limits on answering out of the way.

Run it with an interpreter that has libtorrent. Its work is done by a thread of its own; Python only waits.
"""

from __future__ import annotations

import warnings

import libtorrent
from console import serve_blocking

#: More than any load asks for: a limit that is never reached.
WITHOUT_LIMIT = 1_000_000_000

SETTINGS = {
    "alert_mask": 0,
    "listen_interfaces": "127.0.0.1:0",
    "enable_dht": True,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "dht_bootstrap_nodes": "",
    "dht_upload_rate_limit": WITHOUT_LIMIT,
    "dht_block_ratelimit": WITHOUT_LIMIT,
    "dht_block_timeout": 0,
    "dht_restrict_routing_ips": False,
    "dht_restrict_search_ips": False,
    "dht_enforce_node_id": False,
    "dht_ignore_dark_internet": False,
    "dht_prefer_verified_node_ids": False,
}


def main() -> None:
    """Answer until the input ends."""
    warnings.simplefilter("ignore", DeprecationWarning)  # status() is the one call that tells of the table
    session = libtorrent.session(SETTINGS)

    def add(addresses: list[tuple[str, int]]) -> int:
        for ip, port in addresses:
            session.add_dht_node((ip, port))
        return len(addresses)

    serve_blocking(session.listen_port(), {"add": add, "nodes": lambda: session.status().dht_nodes})


if __name__ == "__main__":
    main()
