"""The worlds an engine lives in: `aio` for asyncio, `tx` for Twisted, mirror images of each other.

The only code that touches sockets, clocks and `os.urandom`. Importing this package imports neither loop.
"""
