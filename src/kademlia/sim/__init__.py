"""Many engines, one virtual clock: the shipped engine on a simulated network."""

from kademlia.sim.world import Resident, World

__all__ = ["Resident", "World"]
