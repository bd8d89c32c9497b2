"""Findings: coded, graded under a named scheme, made safe, repaired, verified by another."""

import pytest

from models.errors import BadInput, Refusal
from models.finding import FINDING, Finding, record_finding
from models.vocabulary import DAMAGES, ELEMENTS, ORIENTATIONS, SCHEMES, grade_word
from models.words.render import Reader, phrase
from models.workflow import actions_from
from tests.models.house import NOW, House, after


def _finding(house: House, **more: object) -> Finding:
    values = {"element_code": "RF-RDG-M", "damage": "CRACK", "by": house.engineer, "now": NOW}
    return record_finding(house.session, house.site, **(values | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "actions"),
    {
        "open": ("monitor", "link_task", "make_safe"),
        "monitored": ("link_task", "make_safe", "worsen"),
        "task_linked": ("link_task", "make_safe", "repair"),
        "made_safe": ("link_task", "repair", "worsen"),
        "repaired": ("verify", "worsen"),
        "verified": ("worsen",),
    }.items(),
)
def test_each_state_offers_exactly_its_actions(state: str, actions: tuple[str, ...]) -> None:
    assert actions_from(FINDING, state) == actions


def test_every_coded_word_is_said_in_both_languages() -> None:
    codes = [
        *(f"element.{one}" for one in ELEMENTS),
        *(f"damage.{one}" for one in DAMAGES),
        *(f"orientation.{one}" for one in ORIENTATIONS),
        *(f"scheme.{one}" for one in SCHEMES),
        *(grade_word(scheme, grade) for scheme in SCHEMES for grade in SCHEMES[scheme]),
    ]

    assert all(phrase(code, Reader(language)) for code in codes for language in ("zh", "en"))
    assert phrase("element.RF-RDG-F", Reader("zh")) == "花脊"


def test_codes_outside_the_vocabulary_are_refused_all_at_once(house: House) -> None:
    with pytest.raises(BadInput) as bad:
        _finding(house, element_code="ROOF", damage="BROKENNESS", orientation="UP")

    assert [fault.where for fault in bad.value.faults] == ["element_code", "damage", "orientation"]


def test_a_grade_belongs_to_its_scheme(house: House) -> None:
    with pytest.raises(BadInput) as bad:
        _finding(house, grades=[{"scheme": "EN16096-CC", "grade": "Ⅳ"}])

    assert bad.value.faults[0].where == "grades.0.grade"


@pytest.mark.parametrize(
    ("scheme", "grade", "dangerous"),
    [
        ("EN16096-CC", "CC3", True),
        ("EN16096-CC", "CC2", False),
        ("EN16096-UC", "UC3", True),
        ("GB50165-92", "Ⅳ", True),
        ("GB50165-92", "Ⅲ", False),
        ("BRE251", "5", False),
    ],
)
def test_the_worst_grade_of_a_scheme_is_dangerous(
    house: House, scheme: str, grade: str, dangerous: bool
) -> None:
    finding = _finding(house, grades=[{"scheme": scheme, "grade": grade}])

    assert finding.is_dangerous is dangerous


def test_linking_a_task_does_not_undo_that_it_was_made_safe(house: House) -> None:
    finding = _finding(house, safety=True)
    finding.make_safe("propped", by=house.engineer, now=NOW)

    finding.link_task(house.task(house.project()), by=house.engineer, now=NOW)

    assert (finding.state, finding.is_safe) == ("made_safe", True)


def test_what_got_worse_is_open_again(house: House) -> None:
    finding = _finding(house, safety=True)
    finding.make_safe("propped", by=house.engineer, now=NOW)

    finding.worsen("the prop slipped", by=house.keeper, now=after(days=1))

    assert (finding.state, finding.is_safe, finding.made_safe_at) == ("open", False, None)


def test_the_verifier_is_not_the_assessor(house: House) -> None:
    finding = _finding(house)
    finding.make_safe("propped", by=house.engineer, now=NOW)
    finding.repair(by=house.engineer, now=NOW)

    with pytest.raises(Refusal) as no:
        finding.verify(by=house.engineer, now=NOW)
    finding.verify(by=house.supervisor, now=NOW)

    assert no.value.reason.code == "signature.second_person"
    assert (finding.state, finding.verified_by) == ("verified", house.supervisor.id)
