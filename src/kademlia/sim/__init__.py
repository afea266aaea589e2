"""Many engines, one virtual clock: the shipped engine on a simulated network."""

from kademlia.sim.latency import Constant, Coordinates, Latency, Lognormal, Matrix
from kademlia.sim.links import Links
from kademlia.sim.resident import Resident
from kademlia.sim.world import World, WorldStats

__all__ = ["Constant", "Coordinates", "Latency", "Links", "Lognormal", "Matrix", "Resident", "World", "WorldStats"]
