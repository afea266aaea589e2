"""`python -m kademlia`: the command line, where the installed `kademlia` is not on the path."""

from kademlia.cli import main

if __name__ == "__main__":
    main()
