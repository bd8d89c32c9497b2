"""22 to 25 March: the company is hired, the scaffold goes up, and the leak is patched."""

from playwright.sync_api import expect

from tests.story.person import Person, word
from tests.story.survey import SEEN
from tests.story.telling import ZONE, Telling

PROJECT = "金刚殿花脊抢险加固"
SCAFFOLD = "北立面脚手架"
# name -> (title, the finding that it mends, proved by the next rain)
TASKS = {
    "ridge": ("加固花脊残存部位", 0, False),
    "leak": ("修补正脊渗漏见光处", 1, True),
    "tiles": ("清理北坡、更换瓦件", 2, False),
}
FENCE = "殿周围挡防护"  # done by the temple's own people: not the company's business


def the_manager_hires_a_company(story: Telling) -> None:
    manager = story.person("manager")
    incident = story.places["incident"].rpartition("/")[2]
    manager.open(f"/projects/new?incident={incident}")
    manager.fill({"title_zh": PROJECT, "title_en": "Saving the ridge", "works_class": "emergency"})
    manager.send()
    story.keep("project", manager)
    manager.follow(word("project.action.justify")).fill(
        {
            "urgent": "残存花脊随时可能坠落",
            "no_milder_way": "封闭不能阻止坠落",
            "minimum": "只加固残存部位，不更换原构件",
            "notified": "已报省文物局",
            "reversible": "yes",
            "reversible_how": "支撑与绑扎可拆除，不钻孔",
        }
    ).send()
    manager.follow(word("project.action.add_party"))
    manager.fill({"company": "jiangzuo", "capacity": "construction", "person": "吴大木"}).send()
    manager.step("project", "approve").fill({"note": "文物抢〔2022〕1号"}).send()
    manager.step("project", "start").sees(word("project.state.in_progress"))


def a_scaffold_and_tasks_are_ordered(story: Telling) -> None:
    manager = story.goes_to("manager", "project")
    manager.follow(word("scaffolds.order")).fill(
        {
            "name_zh": SCAFFOLD,
            "name_en": "Scaffold on the north side",
            "place": ZONE,
            "orientation": "N",
            "company": "jiangzuo",
        }
    ).send()
    story.keep("scaffold", manager)
    manager.sees(word("tags.title_none"), manager.part("tag"))
    for name, (title, _, by_weather) in TASKS.items():
        manager.open(story.places["project"]).follow(word("tasks.order"))
        manager.fill(
            {
                "title_zh": title,
                "title_en": name,
                "place": ZONE,
                "company": "jiangzuo",
                "scaffold": SCAFFOLD,
                "safety": True,
                "verify_by_weather": by_weather,
            }
        ).send()
        story.keep(name, manager)
    manager.open(story.places["project"]).follow(word("tasks.order"))
    manager.fill({"title_zh": FENCE, "title_en": "fence", "place": ZONE, "needs_photos": False})
    manager.send()
    story.keep("fence", manager)


def the_findings_get_their_tasks(story: Telling) -> None:
    engineer = story.person("engineer")
    for name, (title, number, _) in TASKS.items():
        engineer.open(story.places[f"finding {number}"]).step("finding", "link_task")
        engineer.fill({"task": title}).send()
        engineer.sees(title)
        assert name in story.places and number < len(SEEN)
    supervisor = story.person("supervisor")
    for name in TASKS:
        supervisor.open(story.places[name]).step("task", "permit")


def the_company_sees_its_own_and_nothing_else(story: Telling) -> None:
    foreman = story.person("contractor").open("/t")
    for title, *_ in TASKS.values():
        foreman.sees(title)
    foreman.sees_not(FENCE)
    for path in (story.places["fence"], story.places["incident"], story.places["closure"], "/"):
        assert refused(foreman, path), path
    foreman.open(story.places["leak"]).sees(word("tags.title_none"))
    assert may_not(foreman, "start")


def refused(person: Person, path: str) -> bool:
    """Whether a page is not this person's: not found, not allowed, or led away from it."""
    answer = person.page.goto(person.url + path)
    return answer is not None and (answer.status in (403, 404) or person.path != path)


def may_not(person: Person, action: str) -> bool:
    """Whether a step's button is there, grey, and says why."""
    button = person.part("steps").get_by_role(
        "button", name=word(f"task.action.{action}"), exact=True
    )
    expect(button).to_be_disabled()
    return person.page.locator(f"#why-{action}").inner_text().strip() != ""


def the_scaffold_is_built_and_handed_over(story: Telling) -> None:
    story.time_passes("2022-03-23T09:00")
    foreman = story.goes_to("contractor", "scaffold").step("scaffold", "begin_erecting")
    foreman.sees(word("tags.title_red"), foreman.part("tag"))

    story.time_passes("2022-03-25T10:00")
    story.goes_to("contractor", "scaffold").step("scaffold", "sign_erected")
    items = ("risks", "action_taken", "further_action")
    foreman.fill({f"items.{item}": "无" for item in items})
    foreman.fill({"load_class": "4", "card": "架子工-0417"}).send()
    foreman.sees(word("tags.title_red"), foreman.part("tag"))  # one signature is not two

    supervisor = story.goes_to("supervisor", "scaffold").step("scaffold", "hand_over")
    supervisor.sees(word("tags.title_green"), supervisor.part("tag"))


def the_leak_is_patched_and_waits_for_rain(story: Telling) -> None:
    foreman = story.goes_to("contractor", "leak")
    foreman.sees(word("tags.title_green"), foreman.part("tag"))
    assert may_not(foreman, "start")  # no photo of before yet
    foreman.photograph("before").step("task", "start").sees(word("task.state.in_progress"))
    foreman.photograph("during").photograph("after").step("task", "claim")
    foreman.sees(word("task.state.done_claimed"))

    supervisor = story.goes_to("supervisor", "leak").step("task", "inspect")
    assert may_not(supervisor, "accept")
    supervisor.sees(word("task.rain_awaited"))

    foreman.open(story.places["ridge"]).photograph("before").step("task", "start")
    foreman.sees(word("task.state.in_progress"))
