"""Workflows are tables: which step leads where, who may take it, and why not just now."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy.orm import Session, object_session

from models.errors import Blocker, Forbidden, Refusal
from models.event import record
from models.people import Actor
from models.reasons import Reason, reason

Moves = Mapping[tuple[str, str], str]
Guard = Callable[[Any, Actor, datetime], Reason | None]
Listing = Callable[[Any, Actor, datetime], Sequence[Blocker]]

_GUARDS: dict[tuple[str, str], Guard] = {}
_LISTS: dict[tuple[str, str], Listing] = {}


def guards(noun: "type[Workflow]", *actions: str, lists: Listing | None = None) -> Callable:
    """Declare a `why_not_…` function to be the guard of actions of a noun.

    Guards stand beside the verb that they guard, which may know more than the noun's own module.
    `lists` gives everything in the way, where that is more than one sentence.
    """

    def declare(guard: Guard) -> Guard:
        for action in actions:
            _GUARDS[noun.__tablename__, action] = guard
            if lists is not None:
                _LISTS[noun.__tablename__, action] = lists
        return guard

    return declare


@dataclass(frozen=True, slots=True)
class Step:
    """A button: what may be done, and the sentence that greys it where it may not be done now."""

    action: str
    why_not: Reason | None = None


def actions_from(moves: Moves, state: str) -> tuple[str, ...]:
    """Return what a state offers, in the order of the table."""
    return tuple(action for from_state, action in moves if from_state == state)


def session_of(noun: Any) -> Session:
    """Return the session that a row lives in. Raises ValueError for a row outside."""
    session = object_session(noun)
    if session is None:
        raise ValueError(f"{noun!r} is in no session")
    return session


class Workflow:
    """What every noun with a workflow table does the same way."""

    MOVES: ClassVar[Moves]
    MAY: ClassVar[Mapping[str, tuple[str, ...]]]  # action -> roles; none: only Ridgewatch itself
    GUARDED: ClassVar[tuple[str, ...]] = ()  # actions that must never go without their guard

    if TYPE_CHECKING:
        state: Any
        site_id: Any
        __tablename__: str

    def state_at(self, now: datetime) -> str:
        """Return the state that people see at a site instant."""
        return str(self.state)

    def offered(self, now: datetime) -> tuple[str, ...]:
        """Return what the table offers here, whoever asks."""
        return actions_from(self.MOVES, self.state_at(now))

    def may(self, action: str, actor: Actor) -> bool:
        """Whether the action is the actor's to take at all."""
        return actor.is_machine or actor.has_role(*self.MAY[action], site_id=self.site_id)

    def why_not(self, action: str, actor: Actor, now: datetime) -> Reason | None:
        """Say why an action that the state offers is refused now.

        Raises LookupError where the guard was never loaded: import `models.tables`.
        """
        guard = _GUARDS.get((self.__tablename__, action))
        if guard is None and action in self.GUARDED:
            raise LookupError(f"the guard of {self.__tablename__}.{action} is not loaded")
        return guard(self, actor, now) if guard else None

    def steps(self, actor: Actor, now: datetime) -> list[Step]:
        """Return the buttons of this actor, greyed ones with their sentence."""
        mine = [action for action in self.offered(now) if self.may(action, actor)]
        return [Step(action, self.why_not(action, actor, now)) for action in mine]

    def actions(self, actor: Actor, now: datetime) -> tuple[str, ...]:
        """Return what this actor may do now."""
        return tuple(step.action for step in self.steps(actor, now) if step.why_not is None)

    def require(self, action: str, by: Actor, now: datetime) -> None:
        """Raise Forbidden or Refusal unless `by` may take this step now."""
        kind = self.__tablename__
        if not self.may(action, by):
            roles = list(self.MAY[action])
            raise Forbidden(reason("workflow.role_needed", roles=roles))
        offered = self.offered(now)
        if action not in offered:
            code = f"{kind}.no_such_step" if offered else f"{kind}.no_step_left"
            state = self.state_at(now)
            raise Refusal(reason(code, action=action, state=state, allowed=list(offered)))
        why = self.why_not(action, by, now)
        if why is not None:
            listing = _LISTS.get((kind, action))
            raise Refusal(why, listing(self, by, now) if listing else ())

    def step(self, action: str, *, by: Actor, now: datetime, why: Reason | None = None) -> None:
        """Take one step of the table and record it. Raises Refusal; the caller commits."""
        self.require(action, by, now)
        before = self.state_at(now)
        self.state = self.MOVES[before, action]
        record(self, action, by=by, now=now, before=before, after=self.state_at(now), why=why)
