"""After 16:00: the ridge has fallen, its gauge is lost, and people look at what is left."""

from playwright.sync_api import expect

from tests.story.person import word
from tests.story.telling import RED, Telling

LOST = ("C-07", "M-05")
CALM = ("standing.fresh", "alert_state.normal")

# element, damage, side, grade of EN 16096, what was seen
SEEN = (
    ("RF-RDG-F", "COLLAPSE", "C", "CC3", "花脊大部坍塌，落于北坡屋面"),
    ("RF-RDG-M", "LEAK", "E", "CC3", "正脊多点渗漏见光"),
    ("RF-SHB", "LOOSE", "N", "CC2", "望砖松动及掉落"),
)


def the_lost_gauge_is_unknown_and_never_normal(story: Telling) -> None:
    duty = story.person("duty").open("/")
    story.instance.until("2022-03-21T16:40")

    row = duty.page.locator(f"tr:has(a[href$='{RED}'])")
    expect(row).to_contain_text(word("fresh.silent"))
    duty.open("/sensors/tianning/C-07").sees(word("standing.unknown"), duty.part("sensor-head"))
    for calm in CALM:
        duty.sees_not(word(calm), duty.part("sensor-head"))
    duty.open("/sensors/tianning/C-08").sees(word("standing.fresh"), duty.part("sensor-head"))
    duty.open(f"/alerts/{RED}").sees(word("alerts.is_unknown"), duty.part("alert-head"))
    duty.open("/sites/tianning")
    duty.sees(word("standing.unknown"))


def the_notice_hangs_at_the_gates(story: Telling) -> None:
    keeper = story.goes_to("keeper", "closure")
    keeper.photograph()
    keeper.step("closure", "post").sees(word("closure.state.posted"))


def the_notice_says_what_visitors_ask(story: Telling) -> None:
    manager = story.goes_to("manager", "closure").step("closure", "amend")
    manager.fill(
        {
            "closed_parts_zh": "金刚殿及殿北院落",
            "closed_parts_en": "Jingang Hall and the yard north of it",
            "permitted_entry_zh": "持进入许可的抢险人员",
            "permitted_entry_en": "Rescue staff with a permit",
            "alternative_route_zh": "请由东侧甬道绕行",
            "alternative_route_en": "Please use the eastern path",
            "signer_name": "沈望之",
            "signer_title_zh": "所长",
            "signer_title_en": "Head of office",
            "phone": "0513-5550-0101",
            "why": "坍塌后扩大说明",
        }
    ).send()
    visitor = story.visitor().open(story.places["notice"])
    visitor.sees("请由东侧甬道绕行").sees("0513-5550-0101")
    visitor.follow("English").sees("Please use the eastern path")
    expect(visitor.page.locator("html")).to_have_attribute("lang", "en")


def the_engineer_records_what_fell(story: Telling) -> None:
    story.time_passes("2022-03-22T09:00")
    engineer = story.person("engineer")
    for number, (element, damage, side, grade, note) in enumerate(SEEN):
        engineer.open(story.places["incident"]).follow(word("findings.new"))
        engineer.fill(
            {
                "element_code": element,
                "damage": damage,
                "orientation": side,
                "grade-EN16096-CC": grade,
                "note": note,
                "safety": True,
                "element": "花脊" if number == 0 else "北坡屋面",
            }
        )
        engineer.send().sees(note)
        engineer.photograph()
        story.keep(f"finding {number}", engineer)
    engineer.open(story.places["incident"])
    engineer.sees(word("damage.COLLAPSE"), engineer.part("findings"))


def the_gate_names_what_keeps_it_shut(story: Telling) -> None:
    """A manager who would open now reads why not, the second signature among it."""
    manager = story.goes_to("manager", "closure")
    gate = manager.part("reopening")
    for what in ("gate.second_signature", "gate.first_signature", "gate.reassessment_missing"):
        manager.sees(word(what), gate)
    for lost in LOST:
        manager.sees(lost, gate)
    lift = gate.get_by_role("button", name=word("closure.action.lift"), exact=True)
    assert lift.count() == 0 or lift.is_disabled()
