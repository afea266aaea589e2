"""An RPC of your own: subclass the protocol, and give it a method named `rpc_` and something. Needs no arguments."""

import asyncio

from kademlia import Server
from kademlia.protocol import KademliaProtocol


class GreetingProtocol(KademliaProtocol):
    def rpc_hello(self, sender, name):  # plain or `async def`; anybody may call it with anything
        return f"hello {str(name)[:20]}, I am {self.source_node.id.hex()[:8]}"


class GreetingServer(Server):
    protocol_class = GreetingProtocol

    async def greet_everybody(self, name):
        """Call `hello` at every contact of this node; a call ends with (was it answered, the answer)."""
        nodes = self.protocol.router.contacts()
        responses = await asyncio.gather(*(self.protocol.hello(node.address, name) for node in nodes))
        return {str(node): answer for node, (happened, answer) in zip(nodes, responses, strict=True) if happened}


async def main():
    first, *others = [GreetingServer() for _ in range(4)]
    await first.listen(0, "127.0.0.1")
    for server in others:
        await server.listen(0, "127.0.0.1")
        await server.bootstrap([first.address])
    for address, answer in (await others[-1].greet_everybody("Ada")).items():
        print(f"{address} says: {answer}")
    for server in (first, *others):
        server.stop()


asyncio.run(main())
