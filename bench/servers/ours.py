"""Our node as it ships: `Server` with k = 20 on asyncio, or with `--uvloop` on uvloop.

`--disk FILE COMMIT` keeps values in a file. The command `keep` has it keep them elsewhere from then on: in a file if it
names one, in memory if it says how many values of how many bytes are to be there.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from console import serve
from values import Keys, Values, fill
from witness import Witness

from kademlia import Server
from kademlia.storage import ForgetfulStorage, IStorage, SQLiteStorage


async def run() -> None:
    """Listen and tell what is asked for: the table, the counts."""
    server = Server(ksize=20, storage=storage())
    await server.listen(0, "127.0.0.1")

    def table() -> dict[str, Any]:
        buckets = server.protocol.router.buckets
        return {
            "id": server.node.id.hex(),
            "contacts": [[node.id.hex(), node.ip, node.port] for bucket in buckets for node in bucket.get_nodes()],
            "buckets": [[hex(bucket.range[0]), hex(bucket.range[1]), len(bucket)] for bucket in buckets],
        }

    def keep(*where: Any) -> None:
        server.protocol.storage = SQLiteStorage(*where) if len(where) == 1 else filled(*where)

    witness = Witness(server)
    commands = {
        "table": table,
        "stats": lambda: asdict(server.stats()),
        "resident": resident_mb,
        "keep": keep,
        "watch": witness.watch,
        "watched": witness.watched,
    }
    await serve(server.address[1], commands)
    server.stop()


def storage() -> IStorage | None:
    """Return where the command line wants values to be kept."""
    if "--disk" not in sys.argv:
        return None
    path, commit = sys.argv[sys.argv.index("--disk") + 1 :][:2]
    return SQLiteStorage(path, commit=commit)


def filled(count: int, value_bytes: int) -> ForgetfulStorage:
    """Return a storage in memory with so many values."""
    kept = ForgetfulStorage()
    fill(kept, Keys(count), Values(value_bytes))
    return kept


def resident_mb() -> float:
    """Return what memory the process takes now, or the most that it took where the system does not say."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Run on the loop that the command line names."""
    if "--uvloop" in sys.argv:
        import uvloop

        uvloop.run(run())
    else:
        asyncio.run(run())


if __name__ == "__main__":
    main()
