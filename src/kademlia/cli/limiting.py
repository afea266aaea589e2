"""What an operator lets others take of his node: the options of `kademlia node` that become a `Limits`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from kademlia.cli import quantities
from kademlia.cli.faults import WrongUse
from kademlia.cli.folder import Room
from kademlia.network import Limits
from kademlia.storage.shelf import RECORD_BYTES

PANEL = "Limits, for a node among strangers"

OneNetwork = Annotated[
    bool,
    typer.Option(
        "--one-network",
        help="All nodes live in one network of public addresses, a /24 or /48: do not limit how many of one network "
        "are contacts and holders. (Private networks need no such option.)",
        rich_help_panel=PANEL,
    ),
]
ContactsPerNetwork = Annotated[
    int | None,
    typer.Option(
        "--contacts-per-network",
        min=1,
        metavar="N",
        help="Contacts in one /24, or one /48 of IPv6.",
        show_default="10",
        rich_help_panel=PANEL,
    ),
]
RequestsPerSecond = Annotated[
    float | None,
    typer.Option(
        "--requests-per-second",
        min=1,
        metavar="N",
        help="Requests answered to one address.",
        show_default="1000",
        rich_help_panel=PANEL,
    ),
]
NetworkRequestsPerSecond = Annotated[
    float | None,
    typer.Option(
        "--network-requests-per-second",
        min=1,
        metavar="N",
        help="Requests answered to one network, those of contacts aside.",
        show_default="2000",
        rich_help_panel=PANEL,
    ),
]
RecordsPerSource = Annotated[
    int | None,
    typer.Option(
        "--records-per-source",
        min=1,
        metavar="N",
        help="Values kept for one network.",
        show_default="an equal share when there is no more room",
        rich_help_panel=PANEL,
    ),
]
BytesPerSource = Annotated[
    int | None,
    typer.Option(
        "--bytes-per-source",
        metavar="SIZE",
        parser=quantities.size,
        help="Room for the values of one network, like 4M.",
        show_default="an equal share when there is no more room",
        rich_help_panel=PANEL,
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

    def limits(self, room: Room) -> Limits:
        """Return the limits of a node with so much room for values, which says how many bytes that is.

        Raises:
            WrongUse: Two of them contradict each other.
        """
        usual = Limits()
        per_bucket, per_table, per_lookup = usual.contacts_per_bucket, usual.contacts_per_table, usual.nodes_per_lookup
        if self.one_network:
            if self.contacts_per_network is not None:
                raise WrongUse("--one-network takes any number of contacts in it; leave --contacts-per-network out")
            per_bucket = per_table = per_lookup = None
        elif self.contacts_per_network is not None:
            per_table = self.contacts_per_network
            per_bucket = min(per_table, per_bucket or per_table)
        requests, of_network = self._rates(usual)
        self._check_quotas(room)
        return Limits(
            contacts_per_bucket=per_bucket,
            contacts_per_table=per_table,
            nodes_per_lookup=per_lookup,
            requests_per_s=requests,
            network_requests_per_s=of_network,
            records_per_source=self.records_per_source,
            bytes_per_source=self.bytes_per_source,
        )

    def _rates(self, usual: Limits) -> tuple[float, float]:
        """Return the requests a second of an address and of its network; of one that is given the other follows."""
        one, all_of_them = self.requests_per_second, self.network_requests_per_second
        if one is not None and all_of_them is not None and all_of_them < one:
            raise WrongUse(
                f"--network-requests-per-second {all_of_them:g} is less than --requests-per-second {one:g} of one "
                "address in it; raise the first or lower the second"
            )
        if one is None:
            one = min(usual.requests_per_s, all_of_them or usual.requests_per_s)
        return one, max(one, all_of_them or usual.network_requests_per_s)

    def _check_quotas(self, room: Room) -> None:
        if self.bytes_per_source is not None and self.bytes_per_source < RECORD_BYTES:
            raise WrongUse(
                f"--bytes-per-source is {self.bytes_per_source}, and the smallest value takes {RECORD_BYTES}: nobody "
                "could store anything; raise it"
            )
        for name, most, whole in (
            ("records", self.records_per_source, room.max_records),
            ("bytes", self.bytes_per_source, room.max_bytes),
        ):
            if most is not None and whole is not None and most > whole:
                raise WrongUse(
                    f"--{name}-per-source is {most:,}, and --max-{name} only {whole:,}: one source could have all the "
                    "room; lower the first or raise the second"
                )
