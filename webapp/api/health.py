"""Whether Ridgewatch runs, and what it measures of itself: for load balancers and Prometheus."""

import json

from flask import Blueprint, Response

from models.clock import machine_now
from models.heartbeat import dead_roles, ingesters
from models.migrate import current, head
from webapp.api.measures import exposition
from webapp.db import db, site_now, store
from webapp.disk import full_disk
from webapp.policies import public, token_only

pages = Blueprint("health", __name__)

ROLES = ("ingest", "clock", "work", "web")
# Prometheus 3 fails a scrape whose type it doesn't know (peers §4.6).
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@pages.get("/healthz")
@public
def healthz() -> Response:
    """Say that this process answers, and nothing else."""
    return Response("ok\n", mimetype="text/plain")


@pages.get("/readyz")
@token_only("read", loopback=True)
def readyz() -> Response:
    """Say whether the schema is this version's, all roles that have begun turn, and the disk has
    room."""
    checks = {"schema": current(store()) == head()}
    if checks["schema"]:
        shares = [row.role for row in ingesters(db.session())]
        roles = dict.fromkeys((*ROLES, *shares))
        dead = dead_roles(db.session(), roles, machine_now())
        checks |= {role: role not in dead for role in roles}
    checks["disk"] = full_disk() is None
    ready = all(checks.values())
    body = json.dumps({"ready": ready, "checks": checks})
    return Response(body, 200 if ready else 503, mimetype="application/json")


@pages.get("/metrics")
@token_only("read", loopback=True)
def metrics() -> Response:
    """Tell what is measured, in Prometheus' text format."""
    text = exposition(db.session(), site_now(), machine_now())
    return Response(text, content_type=METRICS_TYPE)
