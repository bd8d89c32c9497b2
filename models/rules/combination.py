"""Judges other rules' verdicts that come together in one place within a span."""

from models.reasons import Json, Reason
from models.rules.durations import hours
from models.rules.gate import Judged
from models.rules.spec import Combination, Term, Together
from models.rules.step import NO_STEPS, RANK, SEVERITIES, Dumped, Sample, Step, iso


class Held:
    """What one rule says of one subject: the rank held now, and until when each rank held."""

    __slots__ = ("began_ms", "rank", "until_ms")

    def __init__(self) -> None:
        self.rank = 0
        self.began_ms = 0
        # By rank - 1; -1 where it never held.
        self.until_ms = [-1, -1, -1, -1]

    def take(self, rank: int, at_ms: int) -> None:
        """Note the rank held from `at_ms` on; what was held more ends then."""
        if not self.rank and rank:
            self.began_ms = at_ms
        for ended in range(rank, self.rank):
            self.until_ms[ended] = at_ms
        self.rank = rank

    def held_until(self, rank: int) -> int:
        """Return when this rank or a higher one last ended; -1 where it never held."""
        return max(self.until_ms[rank - 1 :])

    def holds(self, rank: int, since_ms: int) -> bool:
        """Say whether this rank holds, or held at any time since `since_ms`."""
        return self.rank >= rank or self.held_until(rank) >= max(since_ms, 0)

    def dump(self) -> Dumped:
        """Return what `load` needs."""
        return [self.rank, self.began_ms, list(self.until_ms)]

    @classmethod
    def load(cls, dumped: Dumped) -> "Held":
        """Return the same."""
        held = cls()
        held.rank, held.began_ms, until_ms = dumped
        held.until_ms = list(until_ms)
        return held


class CombinationState(Judged):
    """What a combination remembers of one place: who says what, and since when."""

    __slots__ = ("at_ms", "quantity", "terms")

    def __init__(self, rule: Combination, quantity: str | None = None) -> None:
        super().__init__(len(rule.levels))
        self.quantity = rule.quantity
        self.at_ms = -1
        self.terms: dict[tuple[str, str], Held] = {}

    def on_term(
        self, rule: Combination, rule_code: str, subject: str, severity: str | None, at_ms: int,
        observed_ms: int | None = None,
    ) -> list[Step]:  # fmt: skip
        """Take what a rule now holds for a subject of this place, None = no longer holding."""
        if rule_code not in rule.rules:
            return NO_STEPS
        rank = RANK[severity] if severity else 0
        self.terms.setdefault((rule_code, subject), Held()).take(rank, at_ms)
        return self._judge(rule, at_ms, at_ms if observed_ms is None else observed_ms)

    def says(self, rule_code: str, subject: str) -> str | None:
        """Return the severity that a rule holds for a subject, as far as this state has heard."""
        held = self.terms.get((rule_code, subject))
        return SEVERITIES[held.rank - 1] if held is not None and held.rank else None

    def hear_again(self, rule: Combination, dumped: Dumped) -> None:
        """Take over what another version of the rule has heard; its verdict is found anew."""
        self.at_ms, _, terms = dumped
        self.terms = {
            (code, subject): Held.load(held) for code, subject, held in terms if code in rule.rules
        }

    def on_tick(self, rule: Combination, now_ms: int, heard_until_ms: int | None) -> list[Step]:
        """Let terms lapse that ended longer ago than the span."""
        if not self.terms and self.at_rest:
            return NO_STEPS
        steps = self._judge(rule, now_ms, None)
        self._forget(now_ms - rule.within_ms)
        return steps

    def _judge(self, rule: Combination, at_ms: int, observed_ms: int | None) -> list[Step]:
        self.at_ms = max(at_ms, self.at_ms)
        since_ms = self.at_ms - rule.within_ms
        over = self._true(rule.condition_of, since_ms)
        changed = False
        for gate, level in zip(self.verdict.gates, rule.levels, strict=True):
            changed |= gate.feed(level, over, not over, True, self.at_ms)
        if not changed:
            return NO_STEPS
        observed = self._last_ended() if observed_ms is None else observed_ms

        def told(index: int, rose: bool) -> tuple[None, None, Reason]:
            return None, None, self._why(rule, since_ms, rose)

        return self.verdict.settle(rule.levels, self.at_ms, observed, told)

    def _true(self, node: Together | Term, since_ms: int) -> bool:
        if isinstance(node, Together):
            found = (self._true(term, since_ms) for term in node.terms)
            return all(found) if node.every else any(found)
        return any(True for _ in self._holding(node, since_ms))

    def _holding(self, term: Term, since_ms: int) -> list[tuple[str, Held]]:
        rank = RANK[term.level]
        return [
            (subject, held)
            for (code, subject), held in self.terms.items()
            if code == term.rule and held.holds(rank, since_ms)
        ]

    def _last_ended(self) -> int:
        ended = max((max(held.until_ms) for held in self.terms.values()), default=-1)
        return self.at_ms if ended < 0 else ended

    def _why(self, rule: Combination, since_ms: int, rose: bool) -> Reason:
        values: dict[str, Json] = {"hours": hours(rule.within_ms)}
        if not rose:
            return Reason("combination.terms_parted", values)
        terms = [
            _told(term, subject, held)
            for term in dict.fromkeys(rule.condition_of.leaves())
            for subject, held in self._holding(term, since_ms)
        ]
        terms.sort(key=lambda term: (term["since"], term["rule"], term["subject"]))
        what = [f"{term['rule']} {term['subject'].partition(':')[2]}" for term in terms]
        return Reason("combination.terms_met", {**values, "what": what, "terms": terms})

    def _forget(self, since_ms: int) -> None:
        """Drop terms that can't count any more, so that the state doesn't grow."""
        gone = [key for key, held in self.terms.items() if not held.holds(1, since_ms)]
        for key in gone:
            del self.terms[key]

    def on_sample(self, rule: Combination, sample: Sample) -> list[Step]:
        """Do nothing: a combination hears of rules, not of readings."""
        return NO_STEPS

    def heeds(self, rule: Combination, sample: Sample) -> bool:
        """Never: a combination hears of rules."""
        return False

    def new_epoch(self, rule: Combination, at_ms: int) -> None:
        """Do nothing: the rules that it hears of begin anew themselves."""

    @property
    def learning(self) -> bool:
        """Never."""
        return False

    def dump(self) -> Dumped:
        """Return what `load` needs."""
        terms = [[*key, held.dump()] for key, held in sorted(self.terms.items())]
        return [self.at_ms, self.dump_verdict(), terms]

    def restore(self, rule: Combination, dumped: Dumped) -> None:
        """Take over what `dump` gave."""
        self.at_ms, verdict, terms = dumped
        self.load_verdict(verdict, rule.levels)
        self.terms = {(code, subject): Held.load(held) for code, subject, held in terms}


def _told(term: Term, subject: str, held: Held) -> dict[str, Json]:
    """Return one line of what came together: the severity held, or the one asked for and ended."""
    rank = RANK[term.level]
    holds = held.rank >= rank
    return {
        "rule": term.rule,
        "subject": subject,
        "severity": SEVERITIES[held.rank - 1] if holds else term.level,
        "since": iso(held.began_ms),
        "until": None if holds else iso(held.held_until(rank)),
    }
