"""A Twisted node that twistd keeps running, and that remembers its network. Needs `pip install "kademlia[twisted]"`.

    twistd -noy examples/node.tac
    PORT=8469 BOOTSTRAP=127.0.0.1:8468 STATE=second.state twistd -noy --pidfile second.pid examples/node.tac
"""

import os
import sys

from twisted.application import internet, service
from twisted.python.log import ILogObserver

from kademlia import log
from kademlia.network import Server

port = int(os.environ.get("PORT", "8468"))
state = os.environ.get("STATE", "node.state")
host, _, host_port = os.environ.get("BOOTSTRAP", "").rpartition(":")

application = service.Application("kademlia")
application.setComponent(ILogObserver, log.FileLogObserver(sys.stdout, log.INFO).emit)

if os.path.isfile(state):
    server = Server.loadState(state)  # knows its id and its contacts, and bootstraps from them
else:
    server = Server()
if host:
    joined = server.bootstrap([(host, int(host_port))])  # waits until the node listens
    joined.addCallback(lambda nodes: log.info(f"found {len(nodes)} nodes"))
server.saveStateRegularly(state, 10)

internet.UDPServer(port, server.protocol).setServiceParent(application)
