"""A message while its format is being told: topic levels and document, each read at most once."""

from ingest.formats import strict_json
from ingest.formats.decoded import Count, Unreadable
from ingest.message import Message
from models.reasons import Json


class Envelope:
    """What formats look at to claim a message, and what they read it from."""

    __slots__ = (
        "message",
        "topic",
        "payload",
        "levels",
        "first_byte",
        "counts",
        "_document",
        "_error",
    )

    def __init__(self, message: Message) -> None:
        self.message = message
        self.topic = message.topic
        self.payload = message.payload
        self.levels = message.topic.split("/")
        self.first_byte = message.payload[:64].lstrip(b" \t\r\n\xef\xbb\xbf")[:1]
        # What the sender counts, noted as soon as it is read: a message that came and can't be
        # used has come all the same.
        self.counts: tuple[Count, ...] = ()
        self._document: Json = _UNREAD
        self._error: Unreadable | None = None

    @property
    def document(self) -> Json:
        """The payload as JSON. Raises Unreadable."""
        if self._error is not None:
            raise self._error
        if self._document is _UNREAD:
            try:
                self._document = strict_json.parse(self.payload)
            except Unreadable as error:
                self._error = error
                raise
        return self._document

    @property
    def document_or_none(self) -> Json:
        """The payload as JSON, or None if it is none; for telling a format by its shape."""
        try:
            return self.document
        except Unreadable:
            return None

    @property
    def object(self) -> dict[str, Json]:
        """The payload as a JSON object. Raises Unreadable."""
        if not isinstance(self.document, dict):
            raise Unreadable("wrong-root-type")
        return self.document

    @property
    def looks_like_cbor(self) -> bool:
        """Does the payload begin as a CBOR array does? No text does."""
        return bool(self.payload) and 0x80 <= self.payload[0] <= 0x9F

    def counted_at(self, at_ms: int, source: str) -> None:
        """Note when the message was made that was counted, where not only its receipt is known."""
        if source != "receipt":
            self.counts = tuple(count._replace(at_ms=at_ms) for count in self.counts)

    @property
    def is_no_text(self) -> bool:
        """Is the first byte one that CBOR may begin with, but neither text nor a mark of UTF-16?"""
        return (
            bool(self.payload)
            and 0x80 <= self.payload[0] <= 0xFB
            and not self.payload.startswith(b"\xef\xbb\xbf")
        )

    def says(self, level: str) -> bool:
        """Is the last level of the topic this word?"""
        return self.levels[-1] == level


_UNREAD = object()
