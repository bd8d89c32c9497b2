"""26 and 27 March: rain turns the tag red by itself, and a process dies in the middle of it."""

import threading

from tests.story.person import word
from tests.story.telling import Telling
from tests.story.works import TASKS, may_not


def rain_turns_the_tag_red_while_the_ingester_is_killed(story: Telling) -> None:
    story.time_passes("2022-03-26T06:00")
    before = story.instance.pid_of("ingest")
    killer = threading.Timer(1.0, story.instance.kill, ["ingest"])  # in mid-advance
    killer.start()
    story.instance.until("2022-03-26T10:00")
    killer.join()
    assert story.instance.pid_of("ingest") != before

    foreman = story.person("contractor").open("/t")
    foreman.sees(word("tags.short_red")).sees(word("task.paused.weather"))
    foreman.sees("mm", foreman.page.locator(".hold"))  # as measured


def nobody_starts_on_a_red_scaffold(story: Telling) -> None:
    foreman = story.goes_to("contractor", "ridge")
    foreman.sees(word("tags.title_red"), foreman.part("tag"))
    assert may_not(foreman, "resume")

    foreman.open(story.places["tiles"]).photograph("before")
    assert may_not(foreman, "start")
    why = foreman.page.locator("#why-start").inner_text()
    assert word("scaffold.colour.red") in why

    # The grey button is no protection: the server refuses as well, with the same sentence.
    foreman.page.locator("#steps button[value=start]").evaluate("one => { one.disabled = false }")
    foreman.step("task", "start")
    foreman.sees(why.partition("：")[2].strip())
    foreman.open(story.places["tiles"]).sees(word("task.state.permit_ok"))


def after_an_inspection_it_is_green_again(story: Telling) -> None:
    story.instance.kill("web")
    story.instance.until("2022-03-27T09:00")
    story.instance.wait_for_pages()
    story.forgive("net::ERR_CONNECTION_")  # open pages asked while nobody was there
    supervisor = story.goes_to("supervisor", "scaffold").follow(word("scaffolds.inspect"))
    items = ("risks", "action_taken", "further_action")
    supervisor.fill({f"items.{item}": "雨后检查，无异常" for item in items})
    supervisor.tap(word("scaffolds.pass"))
    supervisor.sees(word("tags.title_green"), supervisor.part("tag"))


def the_work_is_done_and_accepted(story: Telling) -> None:
    foreman = story.goes_to("contractor", "ridge").step("task", "resume")
    foreman.photograph("after").step("task", "claim")
    foreman.open(story.places["tiles"]).step("task", "start")
    foreman.photograph("after").step("task", "claim")
    supervisor = story.person("supervisor")
    for name in ("ridge", "tiles"):
        supervisor.open(story.places[name]).step("task", "inspect").step("task", "accept")
        supervisor.sees(word("task.state.accepted"))
    # 29 mm have fallen since the leak was patched, and the purlins stayed dry.
    supervisor.open(story.places["leak"]).step("task", "accept")
    supervisor.sees(word("task.state.accepted"))
    assert set(TASKS) == {"ridge", "leak", "tiles"}


def the_findings_are_safe_and_verified(story: Telling) -> None:
    engineer, supervisor = story.person("engineer"), story.person("supervisor")
    for number in range(len(TASKS)):
        engineer.open(story.places[f"finding {number}"]).step("finding", "make_safe")
        engineer.fill({"how": "已支护、绑扎，并经验收"}).send()
        engineer.step("finding", "repair")
        supervisor.open(story.places[f"finding {number}"]).step("finding", "verify")
        supervisor.sees(word("finding.state.verified"))


def the_scaffold_is_struck(story: Telling) -> None:
    foreman = story.goes_to("contractor", "scaffold").step("scaffold", "dismantle")
    foreman.step("scaffold", "strike").sees(word("scaffold.state.struck"))
