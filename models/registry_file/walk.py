"""Walks the objects of a registry file with the codes of what holds them."""

from collections.abc import Iterator

from models.registry_file.known import InBuilding, InSite
from models.registry_file.where import Entry


def sites(document: Entry) -> Iterator[tuple[str, Entry]]:
    """Yield each site with a usable code."""
    for entry in document.entries("sites"):
        if entry.code:
            yield entry.code, entry


def in_sites(document: Entry, key: str) -> Iterator[tuple[InSite, Entry]]:
    """Yield each object of a site's own list: buildings, zones."""
    for site, holder in sites(document):
        for entry in holder.entries(key):
            if entry.code:
                yield (site, entry.code), entry


def elements(document: Entry) -> Iterator[tuple[InBuilding, Entry]]:
    """Yield each element."""
    for (site, building), holder in in_sites(document, "buildings"):
        for entry in holder.entries("elements"):
            if entry.code:
                yield (site, building, entry.code), entry


def placed(document: Entry, key: str) -> Iterator[tuple[InSite, str | None, Entry]]:
    """Yield sensors or drawings with the building under which they stand, if any."""
    for found, entry in in_sites(document, key):
        yield found, None, entry
    for (site, building), holder in in_sites(document, "buildings"):
        for entry in holder.entries(key):
            if entry.code:
                yield (site, entry.code), building, entry
