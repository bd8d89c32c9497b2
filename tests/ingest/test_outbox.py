"""Notices leave the house: once each where all goes well, and never silently not at all."""

import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from sqlalchemy import select, update

from ingest.email import Email, message_id
from ingest.outbox import Outbox, wait_after, waited_until
from ingest.webhook import WebhookChannel, is_public
from models.notice import Notice, Webhook
from models.settings_text import Remote
from models.store import Store
from tests.harness.processes import free_port
from tests.ingest.alarms import NOW, a_person, an_alert, page_it
from tests.ingest.receivers import mail_server, web_hook

SENDER = "ridgewatch@temple.example"


def outbox(store: Store, *, smtp: int | None = None, private: bool = True) -> Outbox:
    server = None if smtp is None else Remote("127.0.0.1", smtp)
    channels = {"email": Email(server, SENDER), "webhook": WebhookChannel(private)}
    return Outbox(store, channels, "https://temple.example")


def notices(store: Store) -> list[Notice]:
    with store.reading() as session:
        return list(session.scalars(select(Notice).order_by(Notice.key)))


def later(store: Store) -> None:
    """Let the time of the next try have come."""
    with store.writing() as session:
        past = datetime(2000, 1, 1, tzinfo=UTC)
        session.execute(update(Notice).values(next_try_at=past))


@pytest.fixture
def alerted(store: Store) -> Store:
    """A red alert, one person on duty."""
    with store.writing() as session:
        a_person(session)
        page_it(session, an_alert(session), arrived=NOW + timedelta(hours=1))
    return store


def test_an_email_says_how_bad_where_why_when_and_links(alerted: Store) -> None:
    with mail_server() as server:
        outbox(alerted, smtp=server.port).turn()

    (mail,) = [mail for mail in server.mails if mail["To"] == "duty@temple.example"]
    assert mail["Subject"] == "[Red] Alert decorated ridge, Tianning Temple"
    text = mail.get_body().get_content()  # type: ignore[union-attr]
    assert "1.06 mm a day" in text
    assert "Measured: 21 Mar 2022 13:15" in text
    assert "Arrived late: 21 Mar 2022 14:15" in text
    assert "https://temple.example/alerts/" in text


def test_an_email_speaks_the_language_of_its_reader(store: Store) -> None:
    with store.writing() as session:
        a_person(session, language="zh")
        page_it(session, an_alert(session))

    with mail_server() as server:
        outbox(store, smtp=server.port).turn()

    mail = next(mail for mail in server.mails if mail["To"] == "duty@temple.example")
    assert mail["Subject"] == "[红色] 告警 花脊 · 天宁寺"
    assert "测得时间：2022年3月21日 13:15" in mail.get_body().get_content()  # type: ignore[union-attr]


def test_what_was_sent_is_not_sent_again(alerted: Store) -> None:
    with mail_server() as server:
        box = outbox(alerted, smtp=server.port)
        box.turn()
        later(alerted)

        assert box.turn() == 0

    assert len(server.mails) == 1
    sent = [one for one in notices(alerted) if one.state == "sent"]
    assert [one.attempts for one in sent] == [1]


def test_a_crash_between_sending_and_marking_sends_it_again_under_the_same_key(
    alerted: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mail_server() as server:
        box = outbox(alerted, smtp=server.port)
        leased = box._lease()
        for _, letter in leased:  # the process ends here, after the mail server has said yes
            box._send(letter)
        assert outbox(alerted, smtp=server.port).turn() == 0  # the lease still runs
        with alerted.writing() as session:
            session.execute(update(Notice).values(leased_until=datetime(2000, 1, 1, tzinfo=UTC)))

        outbox(alerted, smtp=server.port).turn()

    assert len(server.mails) == 2
    assert len({mail["Message-ID"] for mail in server.mails}) == 1


def test_without_a_mail_server_it_fails_at_once_and_says_so(alerted: Store) -> None:
    outbox(alerted).turn()

    mine = [one for one in notices(alerted) if one.person_id is not None]
    assert [(one.state, one.attempts) for one in mine] == [("failed", 1)]
    assert mine[0].failure is not None
    assert mine[0].failure["code"] == "notice.no_mail_server"


def test_a_mail_server_that_is_away_is_tried_again_later(alerted: Store) -> None:
    port = free_port()
    outbox(alerted, smtp=port).turn()
    (waiting,) = [one for one in notices(alerted) if one.person_id is not None]
    assert (waiting.state, waiting.attempts) == ("pending", 1)
    assert waiting.failure is not None
    assert waiting.failure["code"] == "notice.mail_server_unreachable"

    later(alerted)
    with mail_server(port=port) as server:
        outbox(alerted, smtp=port).turn()

    assert len(server.mails) == 1
    assert [one.failure for one in notices(alerted) if one.state == "sent"] == [None]


@pytest.mark.parametrize(("answer", "state"), [("451 later", "pending"), ("554 never", "failed")])
def test_the_mail_servers_last_word_is_the_last_try(
    answer: str, state: str, alerted: Store
) -> None:
    with mail_server(answer) as server:
        outbox(alerted, smtp=server.port).turn()

    assert [one.state for one in notices(alerted) if one.person_id is not None] == [state]


def test_one_letter_that_fails_does_not_stop_the_others(alerted: Store) -> None:
    with alerted.writing() as session:
        session.execute(
            update(Notice).where(Notice.role == "manager").values(reason={"code": "no.such"})
        )

    with mail_server() as server:
        outbox(alerted, smtp=server.port).turn()

    assert len(server.mails) == 1


def test_waits_grow_from_five_seconds_to_a_quarter_of_an_hour_for_a_day() -> None:
    assert [wait_after(n).total_seconds() for n in (1, 2, 3, 8, 9, 50)] == [
        5, 10, 20, 640, 900, 900
    ]  # fmt: skip
    tries = next(n for n in range(1, 999) if waited_until(n) > timedelta(hours=24))
    assert 90 < tries < 120


# Webhooks.


@pytest.fixture
def hooked(store: Store) -> Callable[..., None]:
    """Page an alert with one webhook and nobody in a role."""

    def hook(url: str, severity: str = "high") -> None:
        with store.writing() as session:
            session.add(Webhook(name="duty-room", url=url, secret="s3cret", from_severity="high"))
            session.flush()
            page_it(session, an_alert(session, severity))

    return hook


def test_a_webhook_gets_signed_json_in_both_languages(
    store: Store, hooked: Callable[..., None]
) -> None:
    with web_hook() as hook:
        hooked(hook.url)
        outbox(store).turn()

    ((headers, body),) = hook.posts
    told = hook.bodies[0]
    assert headers["x-ridgewatch-id"] == told["id"]
    expected = hmac.new(
        b"s3cret", headers["x-ridgewatch-timestamp"].encode() + b"." + body, sha256
    ).hexdigest()
    assert headers["x-ridgewatch-signature"] == expected
    assert (told["kind"], told["severity"], told["site"]) == ("page", "high", "tianning")
    assert told["reason"]["code"] == "notice.alert"
    assert "mm a day" in told["reason"]["text"]["en"]
    assert "mm" in told["reason"]["text"]["zh"]
    assert told["url"].startswith("https://temple.example/alerts/")


def test_a_webhook_that_fails_once_is_told_again_with_the_same_id(
    store: Store, hooked: Callable[..., None]
) -> None:
    with web_hook(500, 429) as hook:
        hooked(hook.url)
        box = outbox(store)
        for _ in range(3):
            box.turn()
            later(store)

    assert len(hook.posts) == 3
    assert len({body["id"] for body in hook.bodies}) == 1
    assert [one.state for one in notices(store) if one.channel == "webhook"] == ["sent"]


@pytest.mark.parametrize("status", [301, 307, 400, 410])
def test_redirects_and_refusals_are_not_followed_and_not_repeated(
    status: int, store: Store, hooked: Callable[..., None]
) -> None:
    with web_hook(status) as hook:
        hooked(hook.url)
        outbox(store).turn()

    assert len(hook.posts) == 1
    (notice,) = [one for one in notices(store) if one.channel == "webhook"]
    assert (notice.state, notice.failure) == (
        "failed",
        {"code": "notice.webhook_refused", "values": {"status": status}},
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/x",
        "http://localhost:9/x",
        "http://2130706433/x",
        "http://[::1]/x",
        "http://[::ffff:127.0.0.1]/x",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.8/x",
        "ftp://example.org/x",
        "file:///etc/passwd",
    ],
)
def test_a_webhook_never_leads_into_our_own_network(
    url: str, store: Store, hooked: Callable[..., None]
) -> None:
    hooked(url)

    outbox(store, private=False).turn()

    (notice,) = [one for one in notices(store) if one.channel == "webhook"]
    assert notice.state == "failed"
    assert notice.failure is not None
    assert notice.failure["code"] in ("notice.webhook_private", "notice.webhook_address")


def test_public_addresses_are_public() -> None:
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1:248:1893:25c8:1946")
    assert not is_public("::ffff:10.0.0.1")
    assert not is_public("224.0.0.1")


def test_a_critical_page_takes_the_second_way_when_the_first_fails(
    alerted: Store,
) -> None:
    with web_hook() as hook:
        with alerted.writing() as session:
            session.add(Webhook(name="room", url=hook.url, secret="x", from_severity="high"))
        box = outbox(alerted)  # no mail server: the e-mail fails for good
        box.turn()
        box.turn()

    assert [body["reason"]["code"] for body in hook.bodies] == ["notice.second_channel"]


def test_the_second_way_is_taken_within_three_minutes_and_once(
    store: Store, hooked: Callable[..., None]
) -> None:
    with web_hook(*[500] * 20) as hook, mail_server() as server:
        with store.writing() as session:
            a_person(session)
        hooked(hook.url, "critical")
        with store.writing() as session:  # the e-mails of the page itself are not the point here
            session.execute(update(Notice).where(Notice.channel == "email").values(state="sent"))
        box = outbox(store, smtp=server.port)
        tries = 0
        while not server.mails:
            box.turn()
            later(store)
            tries += 1
        assert waited_until(tries - 2) <= timedelta(minutes=3)  # the last turn sends the mail
        for _ in range(3):
            box.turn()
            later(store)

    assert len(server.mails) == 1


def test_the_message_id_is_the_keys_own() -> None:
    assert message_id("a", SENDER) == message_id("a", SENDER) != message_id("b", SENDER)
    assert message_id("a", SENDER).endswith("@temple.example>")
