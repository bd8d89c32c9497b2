"""Work that a call has asked for and that goes on after its answer."""

import uuid
from typing import Any

from flask import g
from sqlalchemy import select

from models.errors import Missing
from models.job import Job
from webapp.api.operations import Part
from webapp.api.values import Moment, Thing, Told, told
from webapp.db import db

part = Part("jobs")
pages = part.pages


class JobObject(Thing):
    """A piece of work. `state`: queued, running, done, failed or cancelled."""

    kind: str
    progress: float
    asked_at: Moment
    result: dict[str, Any] | None
    failure: Told | None


@part.get("/jobs/<uuid:job>", JobObject, "One piece of work, by its id")
def job(job: uuid.UUID) -> JobObject:
    """Show how far it is, and what came of it."""
    row = db.session.scalars(select(Job).where(Job.id == job, Job.visible_to(g.actor))).first()
    if row is None:
        raise Missing("job", str(job))
    return job_object(row)


def job_object(job: Job) -> JobObject:
    """Return a job as the API tells it."""
    return JobObject(
        id=job.id,
        code=job.code,
        version=job.version,
        state=job.state,
        actions=[],
        kind=job.kind,
        progress=job.progress,
        asked_at=job.asked_at,
        result=job.result,
        failure=told(job.failure) if job.failure else None,
    )
