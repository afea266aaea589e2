"""`kademlia demo`: a network of real processes at work, in half a minute.

`command` reads the command line, `story` says what is done in which order, `cluster` and `process` start the nodes and
talk to them, `worker` is what runs in each process, `verdict` checks what was found, `report` prints it.
"""
