"""Store a value in a network and find another: argv is host, port, key and, to store, a value.

Written as the first examples were: everything at module level, callbacks, an end by `reactor.stop()`.
"""

import sys

from twisted.internet import reactor
from twisted.python import log

from kademlia.network import Server

host, port, key, *value = sys.argv[1:]


def done(result):
    print("Key result:", result)
    reactor.stop()


def proceed(found, server):
    if len(found) == 0:
        print("Could not connect to the bootstrap server.")
        reactor.stop()
        return None
    return (server.set(key, value[0]) if value else server.get(key)).addCallback(done)


server = Server()
server.listen(0)
server.bootstrap([(host, int(port))]).addCallback(proceed, server).addErrback(log.err)

reactor.run()
