"""A node that runs until it is ended, as the examples of 2.x ran theirs: argv is the bootstrap node's port, if any."""

import asyncio
import logging
import signal
import sys

from kademlia.network import Server

logging.basicConfig(level=logging.INFO)
logging.getLogger("kademlia").setLevel(logging.DEBUG)

server = Server()
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
loop.set_debug(True)

loop.run_until_complete(server.listen(0))
for port in sys.argv[1:]:
    loop.run_until_complete(server.bootstrap([("127.0.0.1", int(port))]))
loop.add_signal_handler(signal.SIGTERM, loop.stop)
print("listening on", server.transport.get_extra_info("sockname")[1], flush=True)

try:
    loop.run_forever()
finally:
    server.stop()
    loop.close()
print("stopped")
