"""The certificate of a door with TLS; renewed files are taken up without a restart."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

log = logging.getLogger(__name__)


class Certificate:
    """A chain and its key, in PEM. Raises OSError (ssl.SSLError is one) where they don't fit."""

    def __init__(self, chain: Path, key: Path) -> None:
        self._chain, self._key = chain, key
        self._read_when = self._changed_when()
        self.context = self._load()

    def refresh(self) -> None:
        """Take up renewed files for connections from now on; half-written ones are left alone."""
        changed_when = self._changed_when()
        if changed_when is None or changed_when == self._read_when:
            return
        self._read_when = changed_when
        try:
            self._load()  # tried on a context of its own: a bad pair would spoil the one in use
            self.context.load_cert_chain(self._chain, self._key)
        except OSError as error:
            log.error("certificate=%s not_renewed=%r", self._chain, str(error))
        else:
            log.info("certificate=%s renewed=1", self._chain)

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._chain, self._key)
        return context

    def _changed_when(self) -> tuple[int, ...] | None:
        """Return when the files last changed, None while one of them is away."""
        try:
            looked_at = (self._chain.stat(), self._key.stat())
        except OSError:
            return None
        return tuple(each for one in looked_at for each in (one.st_mtime_ns, one.st_ino))
