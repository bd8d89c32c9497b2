"""Who may ask for which address: every route says so itself, or the app does not start."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from flask import Flask, current_app, g, request

from models.errors import Forbidden
from models.people import ROLES, Actor
from models.reasons import reason

View = TypeVar("View", bound=Callable)
SCOPES = ("read", "write", "admin")


@dataclass(frozen=True, slots=True)
class Policy:
    """Who a route is for. Which objects he then finds is `visible_to`'s business."""

    anyone: bool = False
    roles: frozenset[str] = frozenset()  # of people signed in
    scope: str | None = None  # of tokens; None: tokens are not let in
    loopback: bool = False  # also anyone on this machine

    def admits(self, actor: Actor | None, scope: str | None) -> bool:
        """Whether this actor (with this token's scope) may ask."""
        if self.anyone:
            return True
        if actor is None:
            return False
        if scope is not None:
            return self.scope is not None and SCOPES.index(scope) >= SCOPES.index(self.scope)
        return bool(self.roles & actor.roles)


def _declare(policy: Policy) -> Callable[[View], View]:
    def mark(view: View) -> View:
        view.policy = policy  # type: ignore[attr-defined]
        return view

    return mark


def public(view: View) -> View:
    """Let anyone in."""
    return _declare(Policy(anyone=True))(view)


def signed_in(view: View) -> View:
    """Let in everyone who is signed in, whatever the role."""
    return _declare(Policy(roles=frozenset(ROLES)))(view)


def allow(*roles: str) -> Callable[[View], View]:
    """Let in people with one of these roles; an admin may do what a manager may."""
    unknown = set(roles) - set(ROLES)
    if unknown or not roles:
        raise ValueError(f"no such roles: {sorted(unknown)}")
    return _declare(Policy(roles=_with_admin(roles)))


def token_only(scope: str = "read", *, loopback: bool = False) -> Callable[[View], View]:
    """Let in programs with a token of at least this scope; `loopback`: and this machine."""
    return _declare(Policy(scope=_known(scope), loopback=loopback))


def token_or(scope: str, *roles: str) -> Callable[[View], View]:
    """Let in tokens of at least this scope, and people with one of these roles."""
    return _declare(Policy(scope=_known(scope), roles=_with_admin(roles)))


def _known(scope: str) -> str:
    if scope not in SCOPES:
        raise ValueError(f"no such scope: {scope}")
    return scope


def _with_admin(roles: tuple[str, ...]) -> frozenset[str]:
    return frozenset(roles) | ({"admin"} if "manager" in roles else set())


def policy_of(app: Flask, endpoint: str) -> Policy | None:
    """Return what a route has declared."""
    return getattr(app.view_functions.get(endpoint), "policy", None)


def check_every_route(app: Flask) -> None:
    """Refuse to start while a route has no policy."""
    rules = app.url_map.iter_rules()
    bare = sorted({rule.endpoint for rule in rules if policy_of(app, rule.endpoint) is None})
    if bare:
        raise RuntimeError(f"routes without a policy: {', '.join(bare)}")


class NotSignedIn(Exception):
    """Nobody is signed in, or no longer; the answer keeps what was typed."""


def enforce() -> None:
    """Stop a request that its route's policy does not admit."""
    if request.endpoint is None:
        return  # no such address: the 404 that routing raises says so
    policy = policy_of(current_app, request.endpoint)
    actor, scope = g.get("actor"), g.get("token_scope")
    if policy is None:
        raise RuntimeError(f"no policy: {request.endpoint}")
    if policy.admits(actor, scope) or (policy.loopback and _from_this_machine()):
        return
    if actor is None:
        raise NotSignedIn
    raise Forbidden(reason("access.wrong_role"))


def _from_this_machine() -> bool:
    # A proxy on this machine adds the header; then the visitor may be anyone.
    return request.remote_addr in ("127.0.0.1", "::1") and "X-Forwarded-For" not in request.headers
