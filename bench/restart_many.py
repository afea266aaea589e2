"""Restart many nodes at one address at once: `python bench/restart_many.py`.

First on this machine: 40 servers on 127.0.0.1, each with a port, a state file and a database of its own, and values
among them. All stop at the same moment and start again from their states. Measured is how long it takes until each
answers a stranger, and until each has got every value from the network.

Then in the simulator, where their one address is a global one, as behind a home router: once they are all there is, and
once they live amid 300 others, each of which has a network of its own. There a node keeps ten contacts of that one
network, and a lookup takes two of it among the k. It is printed what they can do all the same.

    Takes a minute; `--nodes 10 --keys 5` is quick. Exits with 1 if a promise is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

from kademlia import Server
from kademlia.engine.limits import Limits
from kademlia.node import ID_BYTES
from kademlia.sim import Resident
from kademlia.sim.experiments.storm import Memory, restored
from kademlia.sim.filled import fill
from kademlia.sim.holdings import of_networks
from kademlia.sim.internet import Internet
from kademlia.storage import SQLiteStorage
from kademlia.wire import rpcudp

#: All serve again within so many seconds.
PROMISED_S = 10.0

#: A failed `get` is tried again after so many seconds; after so many it is given up.
RETRY_S = 0.1
PATIENCE_S = 60.0

#: After so many seconds every value is in its file.
SAVED_S = 1.0

#: The one address in the simulator, and how many nodes live elsewhere.
ADDRESS = "203.0.113.7"
NETWORK = "203.0.113"
OTHERS = 300

Row = tuple[str, str, str, bool | None]


@dataclass
class Returned:
    """When one node was back, in seconds after all began to restart."""

    answers_s: float = 0.0
    serves_s: float = 0.0
    failed: int = 0  #: gets that had to be tried again
    wrong: list[str] = field(default_factory=list)  #: keys that it never got


# -- on this machine ---------------------------------------------------------------------------------------------------


class Machine:
    """The servers of this process.

    Args:
        folder: Where they keep states and values.
        count: How many.
        keys: How many values there are.
    """

    def __init__(self, folder: Path, count: int, keys: int) -> None:
        self._folder = folder
        self._count = count
        self._values = {f"key {number}": f"value {number}" for number in range(keys)}
        self._servers: list[Server] = []
        self._began = 0.0

    async def build(self) -> None:
        """Let them join by the first, and store."""
        for number in range(self._count):
            server = Server(storage=self._storage(number))
            await server.listen(0, "127.0.0.1")
            if number:
                await server.bootstrap([self._servers[0].address])
            self._servers.append(server)
        for number, (key, value) in enumerate(self._values.items()):
            assert await self._servers[number % self._count].set(key, value)
        await asyncio.sleep(SAVED_S)

    async def restart(self) -> list[Returned]:
        """Stop all, start all, and watch them."""
        ports = []
        for number, server in enumerate(self._servers):
            server.save_state(self._state(number))
            ports.append(server.address[1])
        for server in self._servers:
            server.stop()
        for server in self._servers:
            server.storage.close()
        await asyncio.sleep(0)  # the loop closes their sockets
        self._began = time.monotonic()
        return list(await asyncio.gather(*(self._return(number, port) for number, port in enumerate(ports))))

    def stop(self) -> None:
        """Stop all."""
        for server in self._servers:
            server.stop()
            server.storage.close()

    async def _return(self, number: int, port: int) -> Returned:
        returned = Returned()
        answering = asyncio.ensure_future(self._answers(port, returned))
        server = await Server.load_state(self._state(number), port, "127.0.0.1", storage=self._storage(number))
        self._servers[number] = server
        for key, value in self._values.items():
            while await server.get(key) != value:
                returned.failed += 1
                if self._since() > PATIENCE_S:
                    returned.wrong.append(key)
                    break
                await asyncio.sleep(RETRY_S)
        returned.serves_s = self._since()
        await answering
        return returned

    async def _answers(self, port: int, returned: Returned) -> None:
        """Ping a node as a stranger would until it answers."""
        ping = rpcudp.request(bytes(20), rpcudp.call("ping", b"i" * 20))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.bind(("127.0.0.1", 0))
            while self._since() < PATIENCE_S:
                sock.sendto(ping, ("127.0.0.1", port))
                try:
                    datagram = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 2048), RETRY_S)
                except TimeoutError:
                    continue
                if datagram[0] == rpcudp.RESPONSE:
                    break
        returned.answers_s = self._since()

    def _since(self) -> float:
        return time.monotonic() - self._began

    def _state(self, number: int) -> Path:
        return self._folder / f"{number}.state"

    def _storage(self, number: int) -> SQLiteStorage:
        return SQLiteStorage(self._folder / f"{number}.sqlite")


async def on_this_machine(count: int, keys: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="kademlia-") as folder:
        machine = Machine(Path(folder), count, keys)
        await machine.build()
        returned = await machine.restart()
        machine.stop()
    answers, serves = (max(getattr(one, name) for one in returned) for name in ("answers_s", "serves_s"))
    wrong = sum(len(one.wrong) for one in returned)
    return [
        ("the last one answers a stranger, s", f"{answers:.2f}", f"{PROMISED_S:.0f}", answers <= PROMISED_S),
        ("the last one has got every value, s", f"{serves:.2f}", f"{PROMISED_S:.0f}", serves <= PROMISED_S),
        (f"gets that failed at first, of {count * keys:,}", f"{sum(one.failed for one in returned)}", "", None),
        ("gets that failed for ever", f"{wrong}", "0", wrong == 0),
    ]


# -- in the simulator --------------------------------------------------------------------------------------------------


class Household:
    """Nodes behind one global address of a simulated Internet, amid others or alone.

    Args:
        count: How many live at the address.
        others: How many live elsewhere.
        keys: How many values there are: half of them published by the household.
        seed: Everything follows from it.
    """

    def __init__(self, count: int, others: int, keys: int, seed: int) -> None:
        self.world = Internet(seed, traced=False)
        self._chance = Random(f"household {seed}")
        self.others = [self.world.add() for _ in range(others)]
        fill(self.others, self.world.chance)
        self.joined = 0
        self.members: list[Resident] = []
        for number in range(count):
            member = self.world.add(address=(ADDRESS, 1024 + number))
            known = self.others or self.members
            if known:
                helper = self._chance.choice(known)
                self.joined += bool(self.world.finish(member.protocol.join([helper.address])))
            self.members.append(member)
        self.world.run(120)
        self.keys = [self._chance.randbytes(ID_BYTES) for _ in range(keys)]
        publishers = [self.members, self.others or self.members]
        self.took = [
            self.world.finish(self._chance.choice(publishers[number % 2]).protocol.set_out(key, key.hex()).whole)
            for number, key in enumerate(self.keys)
        ]

    def got(self, askers: list[Resident]) -> float:
        """Return the share of gets that succeed, of each key by each of some nodes."""
        finish = self.world.finish
        flags = [finish(asker.protocol.fetch(key)) == key.hex() for asker in askers for key in self.keys]
        return sum(flags) / len(flags)

    def known(self) -> tuple[int, float]:
        """Return how many of them a table has at most, and in how many tables one of them is on average."""
        everybody = [*self.others, *self.members]
        tables = [resident.protocol.router.contacts() for resident in everybody]
        most = max(of_networks(table, [NETWORK]) for table in tables)
        places = sum(node.ip == ADDRESS for table in tables for node in table)
        return most, places / len(self.members)

    def restart(self) -> float:
        """Restart all members at once; return how long it takes until each has got every value, in seconds."""
        memories = {}
        for member in self.members:
            protocol = member.protocol
            neighbours = [node.address for node in protocol.router.find_neighbors(member.node)]
            memories[member.address] = Memory(protocol.router.contacts(), neighbours, [])
        kind = restored(memories)
        for member in self.members:
            member.die()
        began = self.world.now
        self.members = [
            self.world.add(member.node.id, protocol_class=kind, address=member.address, storage=member.protocol.storage)
            for member in self.members
        ]
        for member in self.members:
            member.protocol.join(memories[member.address].neighbours)
        back = [0.0]
        for member in self.members:
            self._pursue(member, list(self.keys), back)
        while len(back) <= len(self.members) and self.world.now < began + PATIENCE_S:
            self.world.run(0.1)
        return max(back) - began if len(back) > len(self.members) else float("inf")

    def halve(self) -> float:
        """Let half of the members vanish; return the share of gets by the others that succeed an hour later."""
        gone = self._chance.sample(self.members, len(self.members) // 2)
        for member in gone:
            member.die()
        self.members = [member for member in self.members if member not in gone]
        self.world.run(3600)
        return self.got(self.members)

    def _pursue(self, member: Resident, keys: list[bytes], back: list[float]) -> None:
        """Have a member get one key after the other, again where it fails."""
        if not keys:
            back.append(self.world.now)
            return

        def ended(value: object) -> None:
            if value == keys[0].hex():
                del keys[0]
                self._pursue(member, keys, back)
            else:
                self.world.at(self.world.now + RETRY_S, self._pursue, member, keys, back)

        member.protocol.fetch(keys[0]).then(ended)


def in_the_simulator(count: int, others: int, keys: int, seed: int) -> list[Row]:
    home = Household(count, others, keys, seed)
    most, places = home.known()
    cap = Limits().contacts_per_table or 0
    stored = [len(result.stored) for result in home.took]
    mine, theirs = home.got(home.members), home.got(home.others) if home.others else 1.0
    joiners = count - (not others)
    seconds = home.restart()
    after = home.got(home.members)
    halved = home.halve()
    return [
        ("joined", f"{home.joined}", f"{joiners}", home.joined == joiners),
        ("contacts of that address in any table, the most", f"{most}", f"{cap}", most <= cap),
        ("tables that know one of them, on average", f"{places:.1f}", "", None),
        ("holders of a value, the fewest and the mean", f"{min(stored)}, {sum(stored) / len(stored):.1f}", "", None),
        ("gets by them that succeed, share", f"{mine:.3f}", "1", mine == 1),
        ("gets by the others that succeed, share", f"{theirs:.3f}", "1", theirs == 1),
        ("all restart: the last has got every value, s", f"{seconds:.2f}", f"{PROMISED_S:.0f}", seconds <= PROMISED_S),
        ("gets by them afterwards, share", f"{after:.3f}", "1", after == 1),
        ("half of them vanish: gets by the rest an hour later", f"{halved:.3f}", "", None),
    ]


def show(console: Console, title: str, rows: list[Row]) -> bool:
    table = Table(title=title, title_justify="left")
    for column in ("", "ours", "promised", "kept"):
        table.add_column(column, justify="right" if column else "left")
    for what, ours, promised, kept in rows:
        table.add_row(what, ours, promised, {True: "yes", False: "[bold red]no", None: ""}[kept])
    console.print(table)
    return all(kept is not False for *_, kept in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=40)
    parser.add_argument("--keys", type=int, default=20)
    parser.add_argument("--others", type=int, default=OTHERS)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    count, keys, others, seed = options.nodes, options.keys, options.others, options.seed
    logging.disable(logging.WARNING)
    console = Console(width=100)
    parts: list[tuple[str, Callable[[], list[Row]]]] = [
        (f"{count} servers on 127.0.0.1", lambda: asyncio.run(on_this_machine(count, keys))),
        (f"simulated: {count} nodes at {ADDRESS}, nobody else", lambda: in_the_simulator(count, 0, keys, seed)),
        (f"simulated: the same amid {others} others", lambda: in_the_simulator(count, others, keys, seed)),
    ]
    kept = [show(console, title, part()) for title, part in parts]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
