"""An asyncio program in whose process somebody imported Twisted's reactor.

Its argument is a file for its state. Inside a running loop there is no doubt; outside of one it says
`driver="asyncio"`, as documented.
"""

import asyncio
import sys

from twisted.internet import reactor

from kademlia.network import Server
from kademlia.protocol import KademliaProtocol

assert reactor


async def inside_a_loop():
    first, second = Server(), Server()
    assert first.protocol is None
    await first.listen(0)
    await second.listen(0)
    port = first.transport.get_extra_info("sockname")[1]
    assert await second.bootstrap([("127.0.0.1", port)])
    assert await second.set("a key", "a value") is True
    assert await first.get("a key") == "a value"
    second.save_state(sys.argv[1])
    first.stop()
    second.stop()


asyncio.run(inside_a_loop())

waiting = Server.load_state(sys.argv[1], 0)
assert asyncio.iscoroutine(waiting), "who names a port to load_state is no documented Twisted program"
waiting.close()

server = Server(driver="asyncio")
assert server.protocol is None
loop = asyncio.new_event_loop()
loop.run_until_complete(server.listen(0))
assert loop.run_until_complete(server.get("a key")) is None
server.stop()
loop.close()

doubtful = Server()
assert isinstance(doubtful.protocol, KademliaProtocol), "outside of a loop, a reactor in the process means Twisted"
print("all went well")
