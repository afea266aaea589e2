"""What an operator lets others take of his node: the options of `kademlia node` that become a `Limits`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from kademlia.cli import quantities
from kademlia.cli.faults import WrongUse
from kademlia.cli.folder import Room
from kademlia.network import Limits
from kademlia.storage.shelf import RECORD_BYTES

#: What is in force where nothing is said.
USUAL = Limits()

SHARE = "an equal share when there is no more room"


def _limit(name: str, text: str, **how: Any) -> Any:
    return typer.Option(name, help=text, rich_help_panel="Limits, for a node among strangers", **how)


OneNetwork = Annotated[
    bool,
    _limit(
        "--one-network",
        "All nodes live in one network of public addresses, a /24 or /48: do not limit how many of one network "
        "are contacts and holders. (Private networks need no such option.)",
    ),
]
ContactsPerNetwork = Annotated[
    int | None,
    _limit(
        "--contacts-per-network",
        "Contacts in one /24, or one /48 of IPv6.",
        min=1,
        metavar="N",
        show_default=f"{USUAL.contacts_per_table}",
    ),
]
RequestsPerSecond = Annotated[
    float | None,
    _limit(
        "--requests-per-second",
        "Requests answered to one address.",
        min=1,
        metavar="N",
        show_default=f"{USUAL.requests_per_s:g}",
    ),
]
NetworkRequestsPerSecond = Annotated[
    float | None,
    _limit(
        "--network-requests-per-second",
        "Requests answered to one network, those of contacts aside.",
        min=1,
        metavar="N",
        show_default=f"{USUAL.network_requests_per_s:g}",
    ),
]
RecordsPerSource = Annotated[
    int | None,
    _limit("--records-per-source", "Values kept for one network.", min=1, metavar="N", show_default=SHARE),
]
BytesPerSource = Annotated[
    int | None,
    _limit(
        "--bytes-per-source",
        "Room for the values of one network, like 4M.",
        metavar="SIZE",
        parser=quantities.size,
        show_default=SHARE,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was said of limits; None for what is usual."""

    one_network: bool = False
    contacts_per_network: int | None = None
    requests_per_second: float | None = None
    network_requests_per_second: float | None = None
    records_per_source: int | None = None
    bytes_per_source: int | None = None

    def limits(self, room: Room, *, on_disk: bool = False) -> Limits:
        """Return the limits of a node with so much room for values.

        Raises:
            WrongUse: Two of them contradict each other.
        """
        per_bucket, per_table, per_lookup = USUAL.contacts_per_bucket, USUAL.contacts_per_table, USUAL.nodes_per_lookup
        if self.one_network:
            if self.contacts_per_network is not None:
                raise WrongUse("--one-network takes any number of contacts in it; leave --contacts-per-network out")
            per_bucket = per_table = per_lookup = None
        elif self.contacts_per_network is not None:
            per_table = self.contacts_per_network
            per_bucket = min(per_table, per_bucket or per_table)
        requests, of_network = self._rates()
        self._check_quotas(room.max_records, room.bytes(on_disk=on_disk))
        return Limits(
            contacts_per_bucket=per_bucket,
            contacts_per_table=per_table,
            nodes_per_lookup=per_lookup,
            requests_per_s=requests,
            network_requests_per_s=of_network,
            records_per_source=self.records_per_source,
            bytes_per_source=self.bytes_per_source,
        )

    def _rates(self) -> tuple[float, float]:
        """Return the requests a second of an address and of its network; of one that is given the other follows."""
        one, all_of_them = self.requests_per_second, self.network_requests_per_second
        if one is not None and all_of_them is not None and all_of_them < one:
            raise WrongUse(
                f"--network-requests-per-second {all_of_them:g} is less than --requests-per-second {one:g} of one "
                "address in it; raise the first or lower the second"
            )
        if one is None:
            one = min(USUAL.requests_per_s, all_of_them or USUAL.requests_per_s)
        return one, max(one, all_of_them or USUAL.network_requests_per_s)

    def _check_quotas(self, max_records: int | None, max_bytes: int) -> None:
        if self.bytes_per_source is not None and self.bytes_per_source < RECORD_BYTES:
            raise WrongUse(
                f"--bytes-per-source is {self.bytes_per_source}, and the smallest value takes {RECORD_BYTES}: nobody "
                "could store anything; raise it"
            )
        for name, most, whole in (
            ("records", self.records_per_source, max_records),
            ("bytes", self.bytes_per_source, max_bytes),
        ):
            if most is not None and whole is not None and most > whole:
                raise WrongUse(
                    f"--{name}-per-source is {most:,}, and --max-{name} only {whole:,}: one source could have all the "
                    "room; lower the first or raise the second"
                )
