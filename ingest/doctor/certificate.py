"""The receiver's certificate: one that has run out keeps every device out at once."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from ingest.doctor.finding import Finding, fault, warning
from models.settings_mqtt import CertificateFiles

SOON = timedelta(days=14)
_HAS_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED


def look_at_certificate(files: CertificateFiles, machine_now: datetime) -> Iterator[Finding]:
    """Look at how long devices will accept the certificate."""
    name = files.chain.name
    try:
        until = _valid_until(files)
    except ssl.SSLCertVerificationError as refused:
        if refused.verify_code == _HAS_EXPIRED:
            yield fault("certificate_expired", file=name)
        else:
            yield fault("certificate_unusable", file=name, why=refused.verify_message)
    except (OSError, ValueError) as refused:
        yield fault("certificate_unusable", file=name, why=str(refused)[:200])
    else:
        if until <= machine_now:
            yield fault("certificate_expired", file=name)
        elif until - machine_now < SOON:
            yield warning("certificate_ends_soon", file=name, days=(until - machine_now).days)


def _valid_until(files: CertificateFiles) -> datetime:
    """Let the certificate be shown to one who trusts just it, as `ssl` tells its dates only so."""
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(files.chain, files.key)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    theirs.check_hostname = False
    theirs.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    theirs.load_verify_locations(files.chain)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = ours.wrap_bio(there, back, server_side=True)
    client = theirs.wrap_bio(back, there)
    for _ in range(4):  # flights of a handshake
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    shown = client.getpeercert() or {}
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)
