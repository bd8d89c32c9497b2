"""Settings: what an environment means, and every fault of it at once, each with its fix."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from models.clock import ClockStart
from models.errors import BadInput
from models.settings import NAMES, PREFIX, Settings
from models.settings_mqtt import CertificateFiles, Listener
from models.settings_text import Address, Remote
from models.words.render import LANGUAGES, Reader, text

KEY = {"RIDGEWATCH_SECRET_KEY": "0123456789abcdef0123456789abcdef"}


def settings(**variables: str) -> Settings:
    """Return the settings of an environment with a key and these variables."""
    return Settings.read(KEY | {f"RIDGEWATCH_{name}": value for name, value in variables.items()})


def faults(environ: dict[str, str]) -> dict[str, str]:
    """Return variable -> code of everything wrong with an environment."""
    with pytest.raises(BadInput) as refused:
        Settings.read(environ)
    return {fault.where: fault.reason.code for fault in refused.value.faults}


def test_a_key_alone_is_enough() -> None:
    read = Settings.read(KEY | {"HOME": "/home/ana"})

    assert read.data_dir == Path("/home/ana/.local/share/ridgewatch")
    assert read.database_url == (
        "sqlite+pysqlite:////home/ana/.local/share/ridgewatch/ridgewatch.db"
    )
    assert read.mqtt is None and read.clock is None and read.smtp is None
    assert read.mqtt_listen == Address("127.0.0.1", 1883)
    assert read.anonymous_mqtt
    assert (read.host, read.port, read.public_url) == ("127.0.0.1", 8000, "http://127.0.0.1:8000")


def test_without_a_secret_key_it_refuses_to_start() -> None:
    assert faults({}) == {"RIDGEWATCH_SECRET_KEY": "settings.no_secret"}
    assert faults({"RIDGEWATCH_SECRET_KEY": "  "}) == {
        "RIDGEWATCH_SECRET_KEY": "settings.no_secret"
    }


def test_the_demo_needs_no_key_and_keeps_its_data_apart() -> None:
    read = Settings.read({"HOME": "/home/ana"}, demo=True)

    assert read.secret_key == ""
    assert read.data_dir == Path("/home/ana/.local/share/ridgewatch-demo")


def test_a_command_that_serves_nobody_needs_no_key() -> None:
    assert Settings.read({}, secret_needed=False).secret_key == ""


def test_every_fault_is_listed_at_once() -> None:
    assert faults(
        {
            "RIDGEWATCH_DATABASE_URL": "mysql://localhost/x",
            "RIDGEWATCH_MQTT_URL": "http://broker",
            "RIDGEWATCH_PORT": "eighty",
            "RIDGEWATCH_CLOCK": "yesterday",
        }
    ) == {
        "RIDGEWATCH_SECRET_KEY": "settings.no_secret",
        "RIDGEWATCH_DATABASE_URL": "settings.database_unknown",
        "RIDGEWATCH_MQTT_URL": "settings.broker_unreadable",
        "RIDGEWATCH_PORT": "settings.port_unreadable",
        "RIDGEWATCH_CLOCK": "settings.clock_unreadable",
    }


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("DATA_DIR", "/etc/passwd/data", "not_a_folder"),
        ("DATABASE_URL", "nonsense", "database_unreadable"),
        ("DATABASE_URL", "postgresql://host:port/x", "database_unreadable"),
        ("DATABASE_URL", "postgresql+asyncpg://host/x", "database_unknown"),
        ("DATABASE_URL", "postgresql://host", "database_nameless"),
        ("DATABASE_URL", "sqlite://", "database_in_memory"),
        ("DATABASE_URL", "sqlite:///:memory:", "database_in_memory"),
        ("MQTT_URL", "mqtt://", "broker_unreadable"),
        ("MQTT_URL", "mqtt://broker:99999", "broker_unreadable"),
        ("MQTT_URL", "mqtt://broker/topic", "broker_unreadable"),
        ("MQTT_LISTEN", "1883", "address_unreadable"),
        ("MQTT_LISTEN", "::1:1883", "address_unreadable"),
        ("MQTT_LISTEN", "127.0.0.1:0", "port_unreadable"),
        ("MQTT_LISTEN", "http://0.0.0.0:1883", "address_unreadable"),
        ("MQTT_LISTEN", "mqtt://user:pass@0.0.0.0:1883", "address_unreadable"),
        ("MQTT_LISTEN", "127.0.0.1:1883,127.0.0.1:1883", "address_twice"),
        ("MQTT_LISTEN", "127.0.0.1:1883,", "address_unreadable"),
        ("MQTT_TLS_CERT", "/etc/passwd", "certificate_unused"),
        ("MQTT_CA", "/no/such.pem", "file_unreadable"),
        ("MQTT_RATE", "fast", "rate_unreadable"),
        ("MQTT_RATE", "-1", "rate_unreadable"),
        ("MQTT_TOPICS", "a/#/b", "topics_unreadable"),
        ("MQTT_TOPICS", "a/b+", "topics_unreadable"),
        ("MQTT_TOPICS", ",", "topics_unreadable"),
        ("ANONYMOUS_MQTT", "maybe", "not_yes_or_no"),
        ("TRUSTED_PROXIES", "many", "proxies_unreadable"),
        ("DISK_RESERVE", "much", "megabytes_unreadable"),
        ("DISK_RESERVE", "100001", "megabytes_unreadable"),
        ("HOST", "http://localhost", "host_unreadable"),
        ("PORT", "70000", "port_unreadable"),
        ("PORT", "²", "port_unreadable"),
        ("PUBLIC_URL", "ridgewatch.example.org", "public_url_unreadable"),
        ("CLOCK", "2022-03-14T00:00:00*300", "clock_without_zone"),
        ("CLOCK", "2022-03-14T00:00:00+08:00*", "clock_unreadable"),
        ("CLOCK", "2022-03-14T00:00:00+08:00*0", "clock_speed"),
        ("CLOCK", "2022-03-14T00:00:00+08:00*nan", "clock_speed"),
        ("CLOCK", "2022-03-14T00:00:00+08:00*inf", "clock_speed"),
        ("SMTP_URL", "mail.example.org", "smtp_unreadable"),
        ("MAIL_FROM", "ridgewatch", "mail_from_unreadable"),
        ("DATABASE_URI", "sqlite:////x.db", "misspelt"),
    ],
)
def test_a_wrong_value_says_what_would_be_right(name: str, value: str, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        settings(**{name: value})

    (fault,) = refused.value.faults
    assert (fault.where, fault.reason.code) == (f"RIDGEWATCH_{name}", f"settings.{code}")
    for language in LANGUAGES:
        assert text(fault.reason, Reader(language))


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("postgresql://ana:p%40ss@db:5433/rw", "postgresql+psycopg://ana:p%40ss@db:5433/rw"),
        ("postgres://db/rw", "postgresql+psycopg://db/rw"),
        ("postgresql+psycopg:///rw?host=/run/pg", "postgresql+psycopg:///rw?host=/run/pg"),
        ("sqlite:////srv/rw.db", "sqlite+pysqlite:////srv/rw.db"),
    ],
)
def test_a_database_url_names_the_driver_that_is_shipped(given: str, meant: str) -> None:
    assert make_url(settings(DATABASE_URL=given).database_url) == make_url(meant)


def test_a_relative_path_of_sqlite_is_made_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/srv")

    assert settings(DATABASE_URL="sqlite:///rw.db").database_url == "sqlite+pysqlite:////srv/rw.db"


def test_a_data_folder_with_odd_signs_in_its_name_holds_the_database(tmp_path: Path) -> None:
    folder = tmp_path / "what? 100% #1"

    read = settings(DATA_DIR=str(folder))

    assert make_url(read.database_url).database == str(folder / "ridgewatch.db")


def test_a_broker_is_read_with_its_credentials() -> None:
    read = settings(MQTT_URL="mqtts://ana:p%40ss@broker", MQTT_TOPICS="ridgewatch/#, v3/+/up")

    assert read.mqtt == Remote("broker", 8883, True, "ana", "p@ss")
    assert read.mqtt_topics == ("ridgewatch/#", "v3/+/up")


def test_a_receiver_in_the_open_demands_credentials() -> None:
    assert not settings(MQTT_LISTEN="0.0.0.0:1883").anonymous_mqtt
    assert settings(MQTT_LISTEN="[::1]:1883").anonymous_mqtt
    assert not settings(ANONYMOUS_MQTT="no").anonymous_mqtt
    assert faults(
        KEY | {"RIDGEWATCH_MQTT_LISTEN": "0.0.0.0:1883", "RIDGEWATCH_ANONYMOUS_MQTT": "yes"}
    ) == {"RIDGEWATCH_ANONYMOUS_MQTT": "settings.anonymous_in_the_open"}


def test_the_receiver_may_listen_in_the_clear_here_and_with_tls_for_the_others(
    tmp_path: Path,
) -> None:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.touch()
    key.touch()

    read = settings(
        MQTT_LISTEN="mqtts://[::]:8883, mqtts://0.0.0.0, 127.0.0.1:1883",
        MQTT_TLS_CERT=str(chain),
        MQTT_TLS_KEY=str(key),
    )

    everywhere, old, here = read.mqtt_listeners
    assert (everywhere, old) == (
        Listener(Address("::", 8883), True),
        Listener(Address("0.0.0.0", 8883), True),
    )
    assert read.mqtt_certificate == CertificateFiles(chain, key)
    assert [read.takes_anonymous(one) for one in read.mqtt_listeners] == [False, False, True]
    assert [read.rate_at(one) for one in read.mqtt_listeners] == [2000, 2000, 0]
    assert read.mqtt_listen == here.address
    assert read.publish_url == "mqtt://127.0.0.1:1883"


def test_tls_needs_a_certificate_and_its_key() -> None:
    assert faults(KEY | {"RIDGEWATCH_MQTT_LISTEN": "mqtts://127.0.0.1:8883"}) == {
        "RIDGEWATCH_MQTT_TLS_CERT": "settings.tls_without_certificate",
        "RIDGEWATCH_MQTT_TLS_KEY": "settings.tls_without_certificate",
    }


def test_a_rate_that_is_set_holds_on_every_address() -> None:
    read = settings(MQTT_RATE="50")

    assert [read.rate_at(one) for one in read.mqtt_listeners] == [50]


def test_the_clock_has_a_start_and_a_speed() -> None:
    begin = datetime(2022, 3, 13, 16, tzinfo=UTC)

    assert settings(CLOCK="2022-03-14T00:00:00+08:00*300").clock == ClockStart(begin, 300.0)
    assert settings(CLOCK="2022-03-13T16:00:00Z").clock == ClockStart(begin, 1.0)


def test_links_lead_to_an_address_that_can_be_opened() -> None:
    assert settings(HOST="0.0.0.0", PORT="80").public_url == "http://localhost:80"
    assert settings(HOST="::1").public_url == "http://[::1]:8000"
    assert settings(PUBLIC_URL="https://rw.example.org/").public_url == "https://rw.example.org"


def test_no_secret_is_shown_in_a_log() -> None:
    read = settings(
        DATABASE_URL="postgresql://ana:hidden1@db/rw",
        MQTT_URL="mqtt://ana:hidden2@broker",
        SMTP_URL="smtp://ana:hidden3@mail",
        SECRET_KEY="hidden4",
    )

    assert "hidden" not in repr(read)


def test_a_fault_never_repeats_a_password() -> None:
    with pytest.raises(BadInput) as refused:
        settings(
            DATABASE_URL="mysql://ana:hidden1@db/rw",
            MQTT_URL="amqp://ana:hidden2@broker",
            SMTP_URL="http://ana:hidden3@mail",
        )

    told = " ".join(
        text(fault.reason, Reader(language))
        for fault in refused.value.faults
        for language in LANGUAGES
    )
    assert "hidden" not in told


def test_every_setting_is_documented() -> None:
    operations = (Path(__file__).parents[2] / "docs/operations.md").read_text()

    assert [name for name in NAMES if f"`{PREFIX}{name}`" not in operations] == []
