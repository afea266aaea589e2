"""What an operator may limit: how much others may take of one node, as far as that depends on where it stands."""

from __future__ import annotations

from dataclasses import dataclass

#: The least `lookup_s`: a node that is asked for the first time may take half a second until it counts as late.
LOOKUP_MIN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What others may take of one node; every argument may be left out.

    An address is one of IPv4, or a /64 of IPv6; a network is a /24, or a /48 (`kademlia.address`). Within the loopback
    and private scopes none of those about networks is in force, and budgets are only while datagrams come faster than
    they can be answered.

    Attributes:
        contacts_per_bucket: Contacts of one network in one bucket of the table; None for any number. With 2 whoever has
            one network can be a tenth of what a node tells of one range of ids (geth has the same).
        contacts_per_table: Contacts of one network in the whole table; None for any number.
        nodes_per_lookup: Nodes of one network among the k that a lookup ends with, and so among the holders of a value;
            None for any number.
        requests_per_s: Requests of one address that are answered, a second; and of one contact, apart from the others
            at its address. A thousand take about 1 % of a core.
        network_requests_per_s: Requests of one network that are answered, a second; those of contacts do not count.
        lookup_s: A lookup ends after so many seconds with what it has. With half of all nodes dead it takes a few.
        lookup_requests: A lookup makes so many requests at the most, in multiples of k. An honest one makes one to two,
            liars could have it go on for ever.
        records_per_source: Values that one source may have here; None for its share: on a full shelf the one with the
            most gives way. A source is a network, within the loopback and private scopes an address with its port.
        bytes_per_source: The bytes that these may take; None for the same.

    Raises:
        TypeError: A limit is no number.
        ValueError: A limit is out of range, or two of them contradict each other.
    """

    contacts_per_bucket: int | None = 2
    contacts_per_table: int | None = 10
    nodes_per_lookup: int | None = 2
    requests_per_s: float = 1000.0
    network_requests_per_s: float = 2000.0
    lookup_s: float = 30.0
    lookup_requests: int = 10
    records_per_source: int | None = None
    bytes_per_source: int | None = None

    def __post_init__(self) -> None:
        for name in ("contacts_per_bucket", "contacts_per_table", "nodes_per_lookup"):
            _check(name, getattr(self, name), "nodes", "None for any number")
        for name in ("records_per_source", "bytes_per_source"):
            _check(name, getattr(self, name), "values" if name.startswith("r") else "bytes", "None for an equal share")
        _check("lookup_requests", self.lookup_requests, "requests, in multiples of k", "")
        for name, least in (("requests_per_s", 1.0), ("network_requests_per_s", 1.0), ("lookup_s", LOOKUP_MIN_S)):
            _check_rate(name, getattr(self, name), least)
        if self.network_requests_per_s < self.requests_per_s:
            raise ValueError(
                f"requests_per_s is {self.requests_per_s:g} for one address, and network_requests_per_s only "
                f"{self.network_requests_per_s:g} for its whole network: raise the second, or lower the first"
            )
        per_bucket, per_table = self.contacts_per_bucket, self.contacts_per_table
        if per_table is not None and (per_bucket is None or per_bucket > per_table):
            raise ValueError(
                f"contacts_per_bucket is {per_bucket or 'any number'}, and contacts_per_table only {per_table}: a "
                "bucket is a part of the table; raise the second or lower the first"
            )


def _check(name: str, value: object, what: str, otherwise: str) -> None:
    """Refuse what is no whole number above zero, nor None where that is allowed."""
    if value is None and otherwise:
        return
    remedy = f", or {otherwise}" if otherwise else ""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is a number of {what}{remedy}, not {value!r}")
    if value < 1:
        raise ValueError(f"{name} is a number of {what} from 1{remedy}, not {value}")


def _check_rate(name: str, value: object, least: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is a number, not {value!r}")
    if not least <= value < float("inf"):
        raise ValueError(f"{name} is {least:g} or more, not {value!r}: with less no node could be served, or joined")
