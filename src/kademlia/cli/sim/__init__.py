"""`kademlia sim`: networks on a virtual clock. Nothing of the simulator is imported before a command runs."""
