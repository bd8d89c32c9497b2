"""The messages of QoS 2 that were taken in and that their senders may still send again."""

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class Unreleased(Base):
    """One message: its sender, the sender's number for it, and what tells it from another."""

    __tablename__ = "mqtt_unreleased"

    client: Mapped[str] = mapped_column(primary_key=True)
    device: Mapped[str] = mapped_column(primary_key=True)  # of the sender's key; "" without one
    packet_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
