"""What stops on a scaffold that turned red: the work that is under way on it."""

from datetime import datetime

from models.people import Actor, machine
from models.reasons import reason
from models.scaffold import Scaffold


def stop_work(scaffold: Scaffold, cause: str, *, now: datetime, by: Actor | None = None) -> None:
    """Pause the running tasks of a scaffold. The caller commits.

    `cause` is one of `models.task.PAUSES`. It is Ridgewatch that stops them, whoever turned the
    tag: a person's word about the scaffold is on the scaffold's own record.
    """
    why = reason("hold.task", scaffold=scaffold.code, name=scaffold.name)
    for task in sorted(scaffold.tasks, key=lambda one: one.code):
        if task.state == "in_progress":
            task.hold(why, cause, by=by or machine("rule"), now=now)
