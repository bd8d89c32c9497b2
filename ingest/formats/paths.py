"""Finds a value in nested JSON by a path of keys and indices."""

from models.reasons import Json


def at_path(document: Json, path: str) -> Json:
    """Return what stands at `a/b/0` in nested objects and lists, or None."""
    for step in path.split("/"):
        if isinstance(document, dict):
            document = document.get(step)
        elif isinstance(document, list) and step.isdecimal() and int(step[:6]) < len(document):
            document = document[int(step[:6])]
        else:
            return None
    return document
