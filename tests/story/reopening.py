"""27 March: everything in the way is dealt with, two people sign, and the door is open."""

from playwright.sync_api import Locator, expect

from tests.story.person import Person, word
from tests.story.survey import LOST
from tests.story.telling import ZONE, Telling


def the_fallen_gauges_are_retired_with_their_reason(story: Telling) -> None:
    engineer = story.person("engineer")
    for code in LOST:
        engineer.open(f"/sensors/tianning/{code}")
        engineer.page.locator("details:has(form[action$='/retire']) > summary").click()
        form = engineer.page.locator("form[action$='/retire']")
        form.locator("select").select_option("destroyed")
        form.locator("textarea").fill("随花脊一同坠落，现场确认损毁")
        engineer.tap(word("sensors.retire"), form)
        engineer.sees(word("standing.retired"), engineer.part("sensor-head"))


def what_was_latched_is_reset_after_a_look(story: Telling) -> None:
    """The rule that joined rain, damp and crack holds until somebody has been there."""
    story.time_passes("2022-03-27T15:30")  # by now the purlins are dry by themselves
    engineer = story.goes_to("engineer", "closure")
    while (link := alerts_in_the_way(engineer)).count():
        engineer.go(link.first)
        form = engineer.page.locator("form[action$='/reset']")
        form.locator("textarea").fill("登高检查，残存部位已加固，无新裂缝")
        engineer.tap(word("alerts.do.reset"), form)
        engineer.open(story.places["closure"])


def alerts_in_the_way(person: Person) -> Locator:
    """Return the links of those blockers that are alerts."""
    return person.part("reopening").locator("a[href^='/alerts/']")


def the_manager_is_refused_while_anything_blocks(story: Telling) -> None:
    manager = story.goes_to("manager", "closure")
    gate = manager.part("reopening")
    for lost in LOST:
        manager.sees(lost, gate)
    for what in ("gate.second_signature", "gate.first_signature", "gate.rectification_missing"):
        manager.sees(word(what), gate)


def the_papers_are_written(story: Telling) -> None:
    manager = story.goes_to("manager", "closure").step("closure", "rectify")
    manager.fill(
        {
            "rectification_zh": "花脊已加固，北坡瓦件已更换，渗漏点已修补",
            "rectification_en": "The ridge is reinforced, tiles replaced, leaks patched",
        }
    ).send()
    engineer = story.person("engineer")
    for code in LOST:
        engineer.open(story.places["closure"])
        engineer.follow(word("closures.state_sensor", sensor=code))
        engineer.fill({"statement": "花脊已拆至稳定部位，无须监测"}).send()
    engineer.open(story.places["closure"]).step("closure", "request_lift")
    engineer.fill({"reassessment": "结构稳定，具备开放条件", "statement": "同意解除封闭"}).send()
    engineer.sees(word("closure.state.lift_requested"))
    gate = engineer.part("reopening")
    engineer.sees(word("gate.second_signature"), gate)


def two_people_open_the_door(story: Telling) -> None:
    manager = story.goes_to("manager", "closure").step("closure", "lift")
    manager.sees(word("closure.state.reopened"))
    manager.sees_not(word("closures.overridden"))


def the_same_code_says_lifted(story: Telling) -> None:
    visitor = story.visitor().open(story.places["notice"])
    visitor.sees(word("closure.standing.lifted")).sees("3月27日").sees("渗漏点已修补")
    visitor.follow("English").sees("27 Mar")
    expect(visitor.page.locator("main")).to_contain_text("leaks patched")
    visitor.open("/n").sees_not(ZONE)
