"""The parts that `KademliaProtocol` is put together from. Pure: no sockets, clocks, tasks or global chance."""
