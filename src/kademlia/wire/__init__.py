"""Bytes to messages and back, one file a dialect. Pure: no state, no sockets."""
