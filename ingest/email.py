"""Sends a notice by e-mail; its Message-ID is the same at every try."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256

from ingest.failing import NoticeFailed
from ingest.letters import Letter, body, subject
from models.clock import machine_now
from models.reasons import reason
from models.settings_text import Remote, is_loopback

TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Email:
    """The mail server, or none."""

    server: Remote | None
    sender: str

    def send(self, letter: Letter) -> None:
        """Hand the letter to the mail server. Raises NoticeFailed."""
        if self.server is None:
            raise NoticeFailed(reason("notice.no_mail_server"), permanent=True)
        if not letter.address:
            raise NoticeFailed(reason("notice.no_address"), permanent=True)
        try:
            self._send(self.server, compose(letter, self.sender))
        except smtplib.SMTPRecipientsRefused as refused:
            code, said = next(iter(refused.recipients.values()), (550, b""))
            raise _failed(code, said) from refused
        except smtplib.SMTPResponseException as refused:
            raise _failed(refused.smtp_code, refused.smtp_error) from refused
        except (smtplib.SMTPException, OSError) as fault:
            why = reason("notice.mail_server_unreachable", why=str(fault)[:200])
            raise NoticeFailed(why, permanent=False) from fault

    def _send(self, server: Remote, mail: EmailMessage) -> None:
        kind = smtplib.SMTP_SSL if server.tls else smtplib.SMTP
        with kind(server.host, server.port, timeout=TIMEOUT_S) as smtp:
            smtp.ehlo_or_helo_if_needed()
            if not server.tls and not is_loopback(server.host) and smtp.has_extn("starttls"):
                smtp.starttls(context=ssl.create_default_context())
            if server.username is not None:
                smtp.login(server.username, server.password or "")
            smtp.send_message(mail)


def compose(letter: Letter, sender: str) -> EmailMessage:
    """Return the mail. A mail server or reader drops a second one with the same Message-ID."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, letter.address, subject(letter)
    mail["Date"] = format_datetime(machine_now())
    mail["Message-ID"] = message_id(letter.key, sender)
    mail["Content-Language"] = letter.language
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(body(letter))
    return mail


def message_id(key: str, sender: str) -> str:
    """Return the id that belongs to an idempotency key."""
    return f"<{sha256(key.encode()).hexdigest()[:40]}@{sender.rpartition('@')[2]}>"


def _failed(code: int, said: bytes | str) -> NoticeFailed:
    """5xx is the server's last word, 4xx is not (RFC 5321 §4.2.1)."""
    told = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    why = reason("notice.mail_refused", status=code, why=told[:200])
    return NoticeFailed(why, permanent=code >= 500)
