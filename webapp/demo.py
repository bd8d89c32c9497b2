"""The people of the demo: accounts with passwords of their own, a roster, and whom to call."""

import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import add_user
from models.alert import Alert
from models.base import bilingual
from models.contacts import Contact
from models.duty import add_shift
from models.event import record
from models.passwords import hash_password
from models.people import Actor, Organisation, User
from models.registry import Site

COMPANY = bilingual("江左古建（演示）", "Jiangzuo Heritage Builders (demo)")
DOMAIN = "ridgewatch.example"
ON_DUTY_FOR = timedelta(days=3650)
DUTY = f"duty@{DOMAIN}"
ATTENDED = "已查看，继续关注。"  # what the one on duty writes, in her own language

Turn = Callable[[Session, datetime], None]


@dataclass(frozen=True, slots=True)
class Account:
    """One way in: role, address, password."""

    role: str
    email: str
    password: str


# (role, name); every name is invented.
PEOPLE = (
    ("admin", "管理员"),
    ("manager", "沈望之"),
    ("duty", "顾小雨"),
    ("engineer", "陆衡"),
    ("supervisor", "程监"),
    ("keeper", "周守拙"),
    ("contractor", "吴大木"),
)
# In the order of the call list; numbers that nobody has.
CALLS = (
    (10, "沈望之", bilingual("文物管理所所长", "Head of the heritage office"), "0513-5550-0101"),
    (20, "陆衡", bilingual("结构工程师", "Structural engineer"), "0513-5550-0102"),
    (30, "城北派出所", bilingual("派出所", "Police station"), "0513-5550-0110"),
    (40, "城北消防站", bilingual("消防救援站", "Fire station"), "0513-5550-0119"),
    (50, "吴大木", bilingual("抢修施工单位", "Emergency contractor"), "0513-5550-0130"),
)


def new_accounts() -> list[Account]:
    """Draw a password for everyone."""
    return [Account(role, f"{role}@{DOMAIN}", secrets.token_urlsafe(9)) for role, _ in PEOPLE]


def settle(
    session: Session,
    accounts: Sequence[Account],
    hashes: Sequence[str],
    *,
    by: Actor,
    now: datetime,
) -> None:
    """Let the people in, put one on duty, and fill the call lists. The caller commits."""
    authority = session.scalars(
        select(Organisation).where(Organisation.kind == "authority")
    ).first()
    company = Organisation(
        id=uuid.uuid4(),
        code="jiangzuo",
        kind="contractor",
        name=COMPANY,
        licence_grade="2",  # as the company of the case has; enough for emergency works
        licence_scope="古建筑",
    )
    session.add(company)
    record(company, "add", by=by, now=now)
    users: dict[str, User] = {}
    for account, (role, name), hashed in zip(accounts, PEOPLE, hashes, strict=True):
        home = company if role == "contractor" else authority
        user = add_user(
            session,
            email=account.email,
            name=name,
            password_hash=hashed,
            role=role,
            organisation=home,
            by=by,
            now=now,
            since=now,
        )
        user.language = ""  # as the browser wishes
        users[role] = user
    add_shift(session, users["duty"], now, now + ON_DUTY_FOR, by=by, now=now)
    for site in session.scalars(select(Site).order_by(Site.code)):
        _fill_call_list(session, site, by=by, now=now)


def attended(turn: Turn) -> Turn:
    """Let the one on duty see to the week's alerts as they come, as a real desk would.

    So the story opens on a desk where only what is new waits.
    """

    def turn_and_attend(session: Session, now: datetime) -> None:
        turn(session, now)
        if now.minute % 10:
            return
        waiting = select(Alert).where(Alert.live, Alert.acknowledged.is_(False))
        for alert in session.scalars(waiting.order_by(Alert.raised_at, Alert.code)):
            person = session.scalars(select(User).where(User.email == DUTY)).one()
            by = Actor("person", person.id, person.name)
            alert.acknowledge(by=by, now=now, note=ATTENDED)

    return turn_and_attend


def _fill_call_list(session: Session, site: Site, *, by: Actor, now: datetime) -> None:
    for order, name, role, phone in CALLS:
        row = Contact(
            id=uuid.uuid4(), site_id=site.id, order=order, name=name, role=role, phone=phone
        )
        session.add(row)
        record(row, "add", by=by, now=now, session=session)


def hashes_of(accounts: Sequence[Account]) -> list[str]:
    """Hash the passwords; it takes long, so before any lock is held."""
    return [hash_password(account.password) for account in accounts]


def keep(path: Path, accounts: Sequence[Account]) -> None:
    """Write the accounts down for the next start; only the owner may read them."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    lines = (f"{one.role}\t{one.email}\t{one.password}\n" for one in accounts)
    path.write_text("".join(lines), encoding="utf-8")


def kept(path: Path) -> list[Account]:
    """Return the accounts of an earlier start."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Account(*line.split("\t")) for line in lines if line]


def table(accounts: Sequence[Account]) -> str:
    """Return the accounts as aligned text."""
    wide = max(len(one.email) for one in accounts)
    return "\n".join(f"  {one.role:<11}{one.email:<{wide + 2}}{one.password}" for one in accounts)
