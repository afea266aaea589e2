"""A web server over the network: GET, PUT and POST /key. Needs `pip install aiohttp`.

Run `python examples/webserver.py 127.0.0.1 8468 --http-port 8080`, then from another terminal
`curl -X PUT --data hello http://127.0.0.1:8080/greeting` and `curl http://127.0.0.1:8080/greeting`.
"""

import argparse

from aiohttp import web

from kademlia import Server


async def get(request):
    value = await server.get(request.match_info["key"])
    if value is None:
        return web.Response(status=404)
    return web.Response(body=value if isinstance(value, bytes) else str(value))


async def put(request):
    stored = await server.set(request.match_info["key"], await request.read())
    return web.Response(status=204 if stored else 503)


async def application():
    await server.listen(0)
    await server.bootstrap([(args.host, args.port)])
    app = web.Application(client_max_size=8000)  # a value travels in one datagram
    app.add_routes([web.get("/{key}", get), web.put("/{key}", put), web.post("/{key}", put)])
    return app


parser = argparse.ArgumentParser(description="Run a web server over the network.")
parser.add_argument("host", nargs="?", default="127.0.0.1", help="where a node of the network runs")
parser.add_argument("port", nargs="?", type=int, default=8468)
parser.add_argument("--http-port", type=int, default=8080)
args, server = parser.parse_args(), Server()
web.run_app(application(), host="127.0.0.1", port=args.http_port)
