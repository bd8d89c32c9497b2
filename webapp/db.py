"""The pages' database session: reads see one consistent state, writing has to be begun."""

from datetime import datetime
from typing import Any

from flask import Flask, current_app, g
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as BoundSession
from sqlalchemy import Engine

from models.base import Base
from models.clock import SiteClock, machine_now, site_clock
from models.store import Store, StoreSession
from models.store import begin_write as begin_write_in


class PageSession(StoreSession, BoundSession):
    """A session of one request: finds its engine by the app, lets go of the write lock."""


class Database(SQLAlchemy):
    """Flask-SQLAlchemy on the engine that the store has opened by its own rules."""

    def _make_engine(self, bind_key: str | None, options: dict[str, Any], app: Flask) -> Engine:
        store: Store = app.extensions["store"]
        return store.engine


db = Database(model_class=Base, session_options={"class_": PageSession, "expire_on_commit": False})


def connect(app: Flask, store: Store) -> None:
    """Bind the pages to a store."""
    app.extensions["store"] = store
    app.config["SQLALCHEMY_DATABASE_URI"] = store.url
    db.init_app(app)


def begin_write() -> None:
    """End the read transaction and begin to write; what was loaded is read again inside.

    Parse, decode and hash before; nothing waits for the network between this and `commit`.
    """
    begin_write_in(db.session())


def commit() -> None:
    """Commit the one change of this request."""
    db.session.commit()


def rollback() -> None:
    """Forget the change of this request; the write lock is free again."""
    db.session.rollback()


def clock_row() -> SiteClock | None:
    """Return the site clock's row, read once a request."""
    if "clock_row" not in g:
        row = site_clock(db.session())
        if row is not None:
            db.session.expunge(row)
        g.clock_row = row
    return g.clock_row


def site_now() -> datetime:
    """Return the site's instant; it stands still during one request."""
    if "site_now" not in g:
        row = clock_row()
        now = machine_now()
        g.site_now = now if row is None else row.now(now)
    return g.site_now


def store() -> Store:
    """Return the store that the pages are bound to."""
    return current_app.extensions["store"]
