"""Where a thing is shown: the address that blockers, deadlines and notices point to."""

from typing import Any

_FOLDERS = {
    "alert": "alerts",
    "incident": "incidents",
    "report": "reports",
    "finding": "findings",
    "closure": "closures",
    "project": "projects",
    "scaffold": "scaffolds",
    "task": "tasks",
    "permit": "permits",
    "site": "sites",
    "maintenance": "maintenance",
}


def path_to(noun: Any, anchor: str = "") -> str:
    """Return `/closures/<id>`; a sensor's is `/sensors/<site>/<code>`, as in the API."""
    kind = noun.__tablename__
    if kind == "sensor":
        path = f"/sensors/{noun.site.code}/{noun.code}"
    else:
        path = f"/{_FOLDERS[kind]}/{noun.id}"
    return f"{path}#{anchor}" if anchor else path
