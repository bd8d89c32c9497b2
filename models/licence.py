"""Whether a company may do a class of works at a site: grade, scope and expiry of its licence."""

import re
from collections.abc import Mapping
from datetime import datetime

from models.people import Organisation
from models.reasons import Reason, reason
from models.registry import Site
from models.times import iso

# Construction grades 1 (highest) to 3. 文物保发〔2014〕13号, as remembered (domain §1.3, [K]):
# restoration at a national-level site is class 1; its emergency and maintenance works class 2;
# a grade does works of its own class and lower.
NEEDED_GRADE: Mapping[str, Mapping[str, int]] = {
    "national": {"restoration": 1, "relocation": 1},
    "provincial": {"restoration": 2, "relocation": 2},
}
NATIONAL_DEFAULT = 2
DEFAULT = 3
SCOPES: Mapping[str, tuple[str, ...]] = {
    "ancient_tomb": ("ancient_tomb", "古墓葬"),
    "ancient_building": ("ancient_building", "古建筑", "古文化遗址古墓葬古建筑"),
    "cave_stone": ("cave_stone", "石窟寺和石刻"),
    "modern": ("modern", "近现代重要史迹及代表性建筑"),
    "mural": ("mural", "壁画"),
}
_NUMERALS = {"一": 1, "二": 2, "三": 3, "1": 1, "2": 2, "3": 3}


def needed_grade(protection_level: str, works_class: str) -> int:
    """Return the lowest grade (3 is lowest) that may do this class of works there."""
    default = NATIONAL_DEFAULT if protection_level == "national" else DEFAULT
    return NEEDED_GRADE.get(protection_level, {}).get(works_class, default)


def grade_number(grade: str) -> int | None:
    """Return 1, 2 or 3 of `2`, `grade 2`, `二级`; None where there is no grade."""
    found = re.search(r"[一二三123]", grade)
    return _NUMERALS[found.group()] if found else None


def why_not_licensed(
    company: Organisation, site: Site, works_class: str, scope: str, now: datetime
) -> Reason | None:
    """Say why the company's licence doesn't carry these works now."""
    who = {"company": company.name}
    held = grade_number(company.licence_grade)
    if held is None:
        return reason("licence.none", **who)
    if company.licence_until is not None and company.licence_until <= now:
        return reason("licence.expired", until=iso(company.licence_until), **who)
    needed = needed_grade(site.protection_level, works_class)
    if held > needed:
        return reason("licence.grade_too_low", held=held, needed=needed, **who)
    stated = set(re.split(r"[,;，；、\s]+", company.licence_scope))
    if not stated.intersection(SCOPES[scope]):
        return reason("licence.scope_lacks", scope=scope, **who)
    return None
