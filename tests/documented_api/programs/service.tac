"""A node run by twistd: `twistd -noy service.tac`. KADEMLIA_BOOTSTRAP is the port of another node here, if there is one."""

import os
import sys

from twisted.application import internet, service
from twisted.python.log import ILogObserver

from kademlia import log
from kademlia.network import Server

application = service.Application("kademlia")
application.setComponent(ILogObserver, log.FileLogObserver(sys.stdout, log.INFO).emit)

if os.path.isfile("cache.pickle"):
    kserver = Server.loadState("cache.pickle")
else:
    kserver = Server()
    others = os.environ.get("KADEMLIA_BOOTSTRAP")
    kserver.bootstrap([("127.0.0.1", int(others))] if others else [])
kserver.saveStateRegularly("cache.pickle", 1)

node = internet.UDPServer(0, kserver.protocol)
node.setServiceParent(application)
