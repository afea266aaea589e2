"""Churn: nodes vanish and others take their place, by published laws of how long they stay.

A node that is present when churn begins was found alive at a random moment, and long sessions are met more often than
short ones: what is left to it is drawn from the law's equilibrium (`residual`), not from the law itself. Whoever comes
later stays for a whole `session`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import gamma, inf, log
from random import Random
from typing import TYPE_CHECKING, Literal, Protocol

from kademlia.node import Node

if TYPE_CHECKING:
    from kademlia.sim.resident import Resident
    from kademlia.sim.world import World

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S

#: Draws of a living node before a newcomer joins by one that is still joining itself: more would hide that all are.
DRAWS_MAX = 8

#: A newcomer that is alone in the world, or adrift, looks again after so many seconds.
ALONE_S = 1.0

#: One that is still adrift so many seconds after it joined by somebody asks somebody else: there is nothing left to try
#: for a node whose only address is that of a dead one, and whoever joined by it would be cut off, too.
ADRIFT_S = 10.0

REJOINS = ("new-id", "same-id")


class Law(Protocol):
    """How long nodes stay, or stay away."""

    @property
    def mean_s(self) -> float:
        """The mean session, in seconds."""

    def session(self, chance: Random) -> float:
        """Draw a whole session, in seconds."""

    def residual(self, chance: Random) -> float:
        """Draw what is left of the session of a node that is found alive at a random moment, in seconds."""


@dataclass(frozen=True, slots=True)
class Exponential:
    """Sessions without a memory: how long a node has been there tells nothing of how long it will stay.

    Args:
        mean_s: The mean session, in seconds.

    Raises:
        ValueError: It is not above 0.
    """

    mean_s: float

    def __post_init__(self) -> None:
        _check("mean_s", self.mean_s)

    def session(self, chance: Random) -> float:
        """Draw a whole session, in seconds."""
        return chance.expovariate(1 / self.mean_s)

    residual = session


@dataclass(frozen=True, slots=True)
class Weibull:
    """Sessions as measured: with a shape below 1 most are short, and who has stayed long stays longer.

    Args:
        shape: 1 is exponential; less is more uneven.
        scale_s: 63 % of all sessions are shorter, in seconds.

    Raises:
        ValueError: One of them is not above 0.
    """

    shape: float
    scale_s: float

    def __post_init__(self) -> None:
        _check("shape", self.shape)
        _check("scale_s", self.scale_s)

    @property
    def mean_s(self) -> float:
        """The mean session, in seconds."""
        return self.scale_s * gamma(1 + 1 / self.shape)

    def session(self, chance: Random) -> float:
        """Draw a whole session, in seconds."""
        return chance.weibullvariate(self.scale_s, self.shape)

    def residual(self, chance: Random) -> float:
        """Draw what is left of a session: a part, uniform, of one drawn in proportion to its length, in seconds."""
        length_biased = self.scale_s * chance.gammavariate(1 + 1 / self.shape, 1.0) ** (1 / self.shape)
        return float(length_biased * chance.random())


def _check(name: str, value: float) -> None:
    if not 0 < value < inf:
        raise ValueError(f"{name} has to be a number above 0, not {value!r}")


#: Published laws of session lengths by name (docs/simulator.md has the sources in full).
LAWS: dict[str, Exponential | Weibull] = {
    "kad": Weibull(0.5, 5_000.0),  # KAD, the default of Heep's simulations (2010): mean 10,000 s, median 2,402 s
    "mldht": Weibull(0.68, 14_900.0),  # BitTorrent's DHT, as fitted for PeerSim: mean 5.4 h
    "ipfs": Weibull(0.608, 3.66 * HOUR_S),  # a fit to ProbeLab's RFM 2: half of all up to 2 h, 80 % up to 8 h
    "ipfs-sigcomm": Weibull(0.518, 1.93 * HOUR_S),  # a fit to Trautwein et al. (SIGCOMM 2022): 87.6 % below 8 h
    "li": Exponential(HOUR_S),  # Li et al. (INFOCOM 2005): mean 1 h, a new id each time
    "bamboo": Exponential(1.4 * 60 / log(2)),  # Rhea et al. (USENIX 2004), the hardest: median 1.4 minutes
    "bittorrent-redhat": Weibull(0.34, 21.3 * 60),  # Stutzbach and Rejaie (IMC 2006), swarms; unit presumed: minutes
    "bittorrent-debian": Weibull(0.38, 42.4 * 60),
    "bittorrent-flatout": Weibull(0.59, 41.9 * 60),
}


def law(text: str) -> Exponential | Weibull:
    """Return the law with a name of `LAWS`, or that of `exp:SECONDS` (the mean) or `weibull:SHAPE:SECONDS`.

    Raises:
        ValueError: The text is neither.
    """
    if text in LAWS:
        return LAWS[text]
    kind, *numbers = text.split(":")
    try:
        if kind == "exp" and len(numbers) == 1:
            return Exponential(float(numbers[0]))
        if kind == "weibull" and len(numbers) == 2:
            return Weibull(float(numbers[0]), float(numbers[1]))
    except ValueError as error:
        raise ValueError(f"churn {text!r}: {error}") from None
    raise ValueError(f"no churn law is called {text!r}; take {', '.join(LAWS)}, exp:SECONDS or weibull:SHAPE:SECONDS")


class Churn:
    """A population in motion: who is there dies when its session ends, and somebody takes its place.

    Newcomers join by a living node drawn at random, one that is part of the network if there is any at hand; by another
    if nobody answered, or if that did not make them part of the network. Who was killed by somebody else is forgotten,
    not replaced.

    Args:
        world: Where they live.
        sessions: How long they stay.
        rejoin: "new-id": another node comes, at another address. "same-id": the node itself comes back, to the same
            address and with the same store.
        off: How long a place stays empty. Without a law it is filled at once by a new id, so that the population
            stays as it is; the same id stays away as long as it stays, on average (exponential).
        ksize: The k of newcomers.
        b: The b of newcomers; that of real nodes unless given.
        keep: Residents that never die.
        told: Called with each newcomer when it comes.

    Raises:
        ValueError: `rejoin` is neither of the two.

    Attributes:
        residents: Who is alive, in no promised order.
        births: How many nodes came, or came back, so far.
        deaths: How many vanished.
    """

    def __init__(
        self,
        world: World,
        sessions: Law,
        *,
        rejoin: Literal["new-id", "same-id"] = "new-id",
        off: Law | None = None,
        ksize: int = 20,
        b: int | None = None,
        keep: Iterable[Resident] = (),
        told: Callable[[Resident], object] | None = None,
    ) -> None:
        if rejoin not in REJOINS:
            raise ValueError(f"rejoin is one of {', '.join(REJOINS)}, not {rejoin!r}")
        self.residents: list[Resident] = []
        self.births = 0
        self.deaths = 0
        self._world = world
        self._sessions = sessions
        self._same_id = rejoin == "same-id"
        self._off: Law | None = off or (Exponential(sessions.mean_s) if self._same_id else None)
        self._ksize = ksize
        self._b = b
        self._told = told
        self._keep = set(keep)  # only ever asked for membership, as the next one
        self._joining: set[Resident] = set()
        self._place: dict[Resident, int] = {}  # in `residents`
        self._moving = False

    def start(self, residents: Iterable[Resident]) -> None:
        """Begin: each of some residents, all that are there, has its residual time to live."""
        self._moving = True
        for resident in residents:
            self._enter(resident)
            if resident not in self._keep:
                self._doom(resident, self._sessions.residual(self._world.chance))

    def stop(self) -> None:
        """Let nobody die or come any more; who is joining goes on."""
        self._moving = False

    def _doom(self, resident: Resident, seconds: float) -> None:
        self._world.at(self._world.now + seconds, self._end, resident)

    def _end(self, resident: Resident) -> None:
        if not self._moving:
            return
        self._leave(resident)
        if not resident.alive:
            return
        resident.die()
        self.deaths += 1
        away = self._off.session(self._world.chance) if self._off is not None else 0.0
        self._world.at(self._world.now + away, self._replace, resident)

    def _replace(self, dead: Resident) -> None:
        if not self._moving:
            return
        protocol = dead.protocol
        newcomer = self._world.add(
            protocol.source_node.id if self._same_id else None,
            ksize=self._ksize,
            b=self._b,
            storage=protocol.storage if self._same_id else None,
            protocol_class=type(protocol),
            address=dead.address if self._same_id else None,
            skew=dead.skew if self._same_id else 0.0,
        )
        newcomer.delay = dead.delay if self._same_id else 0.0
        self.births += 1
        self._enter(newcomer)
        self._doom(newcomer, self._sessions.session(self._world.chance))
        self._joining.add(newcomer)
        self._join(newcomer)
        if self._told is not None:
            self._told(newcomer)

    def _join(self, newcomer: Resident) -> None:
        """Join by somebody else, and again by others until anybody is found."""
        if not newcomer.alive:
            return
        helper = self._somebody_but(newcomer)
        if helper is None:
            self._world.at(self._world.now + ALONE_S, self._join, newcomer)
            return

        def joined(nodes: list[Node]) -> None:
            newcomer.reports.clear()
            if nodes:
                self._settle(newcomer, self._world.now + ADRIFT_S)
            else:
                self._world.at(self._world.now, self._join, newcomer)

        newcomer.protocol.join([helper.address]).then(joined)

    def _settle(self, newcomer: Resident, until: float) -> None:
        """Take a newcomer for joined as soon as it is not adrift; if that lasts, let it join by somebody else."""
        if not newcomer.protocol.upkeep.adrift:
            self._joining.discard(newcomer)
        elif self._world.now >= until:
            self._join(newcomer)
        else:
            self._world.at(self._world.now + ALONE_S, self._settle, newcomer, until)

    def _somebody_but(self, newcomer: Resident) -> Resident | None:
        """Draw a living node, one that has joined if there is any at hand."""
        found = None
        for _ in range(DRAWS_MAX):
            drawn = self._world.chance.choice(self.residents)
            if drawn is not newcomer:
                found = drawn
                if drawn not in self._joining:
                    break
        return found

    def _enter(self, resident: Resident) -> None:
        self._place[resident] = len(self.residents)
        self.residents.append(resident)

    def _leave(self, resident: Resident) -> None:
        """Take a resident off the list; the last one takes its place in it."""
        self._joining.discard(resident)
        place = self._place.pop(resident)
        last = self.residents.pop()
        if last is not resident:
            self.residents[place] = last
            self._place[last] = place
