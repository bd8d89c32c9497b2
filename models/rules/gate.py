"""Limits with memory: deadband, delays and latch of each level, and the verdict that they give."""

from collections.abc import Callable, Sequence

from models.reasons import Reason
from models.rules.spec import Level
from models.rules.step import SEVERITIES, Dumped, Step

Told = Callable[[int, bool], tuple[float | None, float | None, Reason]]
"""(level index, whether it raised) -> value, limit and reason of the step."""


class Gate:
    """One level: held or not, and the run of evidence for the other."""

    __slots__ = ("armed", "held", "run_from_ms", "run_samples")

    def __init__(self, armed: bool = True) -> None:
        self.armed = armed
        self.held = False
        self.run_from_ms = 0
        self.run_samples = 0

    @property
    def idle(self) -> bool:
        """True while only a value at or over the limit could change anything."""
        return self.armed and not self.held and not self.run_samples

    def feed(
        self, level: Level, over: bool, calm: bool, good: bool, at_ms: int, counts: bool = True
    ) -> bool:
        """Take one piece of evidence and say whether the level began or ended.

        `over`: at or over the limit; `calm`: under the limit by more than the deadband. What is
        not `good` may raise and may keep a level held, but is no evidence that all is well.
        `counts` is False for a look by the clock: it lets time pass but is no reading.
        """
        if not self.armed:
            self.armed = good and calm
            return False
        wanted = calm and good if self.held else over
        if wanted:
            return self._ripens(level, at_ms, counts)
        # A good reading ends a run towards raising; any reading that isn't calm ends one towards
        # clearing, also a suspect one: doubt keeps an alert, it doesn't end it.
        if good if not self.held else not calm:
            self.run_samples = 0
        return False

    def _ripens(self, level: Level, at_ms: int, counts: bool) -> bool:
        if not self.run_samples:
            self.run_from_ms = at_ms
            self.run_samples = 1
        elif counts:
            self.run_samples += 1
        delay = level.off_delay if self.held else level.on_delay
        if not delay.ripe(at_ms - self.run_from_ms, self.run_samples):
            return False
        self.held = not self.held
        self.run_samples = 0
        return True

    def restart(self, armed: bool = True) -> None:
        """Forget the run, not the verdict: what is held needs fresh evidence to end."""
        self.run_samples = 0
        self.armed = armed or self.held

    def dump(self) -> Dumped:
        """Return 0 where there is nothing to remember, else the whole gate."""
        if self.idle:
            return 0
        return [int(self.armed), int(self.held), self.run_from_ms, self.run_samples]

    @classmethod
    def load(cls, dumped: Dumped) -> "Gate":
        """Return the gate that `dump` gave."""
        gate = cls()
        if dumped:
            armed, held, gate.run_from_ms, gate.run_samples = dumped
            gate.armed, gate.held = bool(armed), bool(held)
        return gate


class Verdict:
    """What a rule says of one subject: the highest level held, and what has latched."""

    __slots__ = ("_gates", "latched", "levels", "rank", "since_ms", "top")

    def __init__(self, levels: int, gates: Sequence[Gate] | None = None) -> None:
        self.levels = levels
        self._gates = None if gates is None else tuple(gates)
        self.rank = 0
        self.top = 0
        self.latched = 0
        self.since_ms = 0

    @property
    def severity(self) -> str | None:
        """The severity held now, None where nothing is."""
        return SEVERITIES[self.rank - 1] if self.rank else None

    @property
    def gates(self) -> tuple[Gate, ...]:
        """The gate of each level; made when first asked for: of most sensors nothing ever is."""
        if self._gates is None:
            self._gates = tuple(Gate() for _ in range(self.levels))
        return self._gates

    @property
    def idle(self) -> bool:
        """True while only a value at or over a limit could change anything."""
        return self._gates is None or all(gate.idle for gate in self._gates)

    def settle(
        self, levels: Sequence[Level], at_ms: int, observed_ms: int, told: Told
    ) -> list[Step]:
        """Return the step that the gates' changes amount to, if any."""
        before, self.rank = self.rank, self._rank_now(levels)
        if self.rank == before:
            return []
        if self.rank > before:
            self.top = self._highest(levels)
            if not before:
                self.since_ms = self.gates[self.top].run_from_ms
            to, severity, level = "escalated" if before else "raised", self.rank, self.top
        elif self.rank:
            ended, self.top = self.top, self._highest(levels)
            to, severity, level = "lowered", self.rank, ended
        else:
            to, severity, level = "cleared", before, self.top
            if self.latched:
                to, severity = "latched", self.latched
        value, limit, why = told(level, self.rank > before)
        return [Step(to, SEVERITIES[severity - 1], level, at_ms, observed_ms, value, limit, why)]

    def _rank_now(self, levels: Sequence[Level]) -> int:
        rank = 0
        for gate, level in zip(self.gates, levels, strict=True):
            if gate.held:
                rank = max(rank, level.rank)
                if level.latch:
                    self.latched = max(self.latched, level.rank)
        return rank

    def _highest(self, levels: Sequence[Level]) -> int:
        return next(
            index
            for index, (gate, level) in enumerate(zip(self.gates, levels, strict=True))
            if gate.held and level.rank == self.rank
        )

    def go_on(self, before: "Verdict") -> None:
        """Take the place of one that knew less: its latch stays, and since when it held."""
        self.latched = max(self.latched, before.latched)
        if before.rank and self.rank:
            self.since_ms = min(self.since_ms, before.since_ms)

    def dump(self) -> Dumped:
        """Return 0 for a verdict with nothing to remember."""
        if not self.latched and self.idle:
            return 0
        gates = [gate.dump() for gate in self.gates]
        return [self.rank, self.top, self.latched, self.since_ms, gates]

    @classmethod
    def load(cls, dumped: Dumped, levels: Sequence[Level]) -> "Verdict":
        """Return the verdict that `dump` gave for a rule with these levels."""
        if not dumped:
            return cls(len(levels))
        rank, top, latched, since_ms, gates = dumped
        if len(gates) != len(levels):
            raise ValueError(f"state of {len(gates)} levels for a rule of {len(levels)}")
        verdict = cls(len(levels), [Gate.load(gate) for gate in gates])
        verdict.rank, verdict.top, verdict.latched, verdict.since_ms = rank, top, latched, since_ms
        return verdict


class Judged:
    """What the state of every rule has: a verdict, in memory only while it says something.

    Of most sensors no rule ever has anything to say.
    """

    __slots__ = ("_verdict",)

    def __init__(self, levels: int, gates: Sequence[Gate] | None = None) -> None:
        # As long as there is nothing to say, only of how many levels.
        self._verdict: Verdict | int = levels if gates is None else Verdict(levels, gates)

    @property
    def verdict(self) -> Verdict:
        """The verdict, to be changed in place."""
        if isinstance(self._verdict, int):
            self._verdict = Verdict(self._verdict)
        return self._verdict

    @verdict.setter
    def verdict(self, verdict: Verdict) -> None:
        self._verdict = verdict

    @property
    def spoke(self) -> bool:
        """False where the verdict would be one with nothing to remember."""
        return not isinstance(self._verdict, int)

    @property
    def severity(self) -> str | None:
        """The severity held now, None where nothing is; asking makes no verdict."""
        return None if isinstance(self._verdict, int) else self._verdict.severity

    @property
    def at_rest(self) -> bool:
        """True while only a value at or over a limit could change anything."""
        return isinstance(self._verdict, int) or self._verdict.idle

    def dump_verdict(self) -> Dumped:
        """Return the verdict as `load_verdict` takes it, and let go of one that says nothing."""
        if isinstance(self._verdict, int):
            return 0
        dumped = self._verdict.dump()
        if not dumped:
            self._verdict = self._verdict.levels
        return dumped

    def load_verdict(self, dumped: Dumped, levels: Sequence[Level]) -> None:
        """Take over the verdict that `dump_verdict` gave for a rule with these levels."""
        self._verdict = Verdict.load(dumped, levels) if dumped else len(levels)
