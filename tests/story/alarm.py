"""21 March, from the rain to the shut door: the red alert, and two hours of a duty officer."""

import io

import segno
from PIL import Image
from playwright.sync_api import expect

from tests.story.person import word
from tests.story.telling import HALL, RED, ZONE, Telling

QUIET = 4  # modules of white round a QR code, by its standard


def the_red_alert_comes_while_the_ridge_still_stands(story: Telling) -> None:
    duty = story.person("duty").open("/")
    duty.sees_not(word("level.critical"), duty.part("triage"))

    story.instance.until("2022-03-21T13:20")  # the ridge falls at 16:00

    row = duty.page.locator(f"tr:has(a[href$='{RED}'])")
    expect(row).to_contain_text(word("level.critical"))  # by itself: nobody has reloaded
    duty.go(row.locator(f"a[href$='{RED}']").first)
    expect(duty.page.locator("main canvas, main svg").first).to_be_visible()
    duty.sees("C-07").tap(word("alerts.do.acknowledge"))
    expect(duty.part("alert-actions")).not_to_contain_text(word("alerts.do.acknowledge"))


def the_zone_is_shut_with_one_tap(story: Telling) -> None:
    duty = story.person("duty")
    duty.tap(word("alerts.do.close_zone"), duty.part("protect"))
    story.keep("closure", duty)
    duty.sees(ZONE).sees(word("closure.state.issued"))
    duty.sees("9.2")  # the radius, from the height of the ridge

    story.places["notice"] = duty.page.get_by_role(
        "link", name=word("closures.public_page")
    ).get_attribute("href")
    visitor = story.visitor().open(story.places["notice"])
    visitor.sees(word("closure.standing.in_force")).sees(ZONE)
    visitor.open("/n").sees(ZONE)


def the_code_on_the_sheet_leads_to_the_notice(story: Telling) -> None:
    duty = story.goes_to("duty", "closure").follow(word("closures.print"))
    address = story.instance.url + story.places["notice"]
    duty.sees(address.removeprefix("http://"), duty.page.locator("body"))
    wanted, code = wanted_modules(address), duty.page.locator(".qr-code").first
    # Ten pixels a module: at its size on paper a module is 3.7, and where it falls is chance.
    code.evaluate(_LAID_OUT, f"{10 * (len(wanted) + 2 * QUIET)}px")

    assert modules(code.screenshot(scale="device"), len(wanted)) == wanted


_LAID_OUT = """(one, size) => Object.assign(one.style, {
  position: 'fixed', top: 0, left: 0, zIndex: 9, maxWidth: 'none', width: size, height: size,
})"""


def wanted_modules(address: str) -> list[str]:
    """Return the dark and light modules of an address's code, as rows of text."""
    code = segno.make(address, error="q", boost_error=False, micro=False)
    return ["".join("#" if dark else "." for dark in row) for row in code.matrix]


def modules(drawn: bytes, across: int) -> list[str]:
    """Read the modules of a drawn code off its picture, inside its quiet zone."""
    grey = Image.open(io.BytesIO(drawn)).convert("L")
    step = grey.width / (across + 2 * QUIET)
    middles = [int((QUIET + n + 0.5) * step) for n in range(across)]
    return ["".join("#" if grey.getpixel((x, y)) < 128 else "." for x in middles) for y in middles]


def people_are_out_and_the_list_is_called(story: Telling) -> None:
    duty = story.goes_to("duty", "closure")
    while (tick := duty.part("people").get_by_role("button")).count():
        duty.go(tick.first)
    duty.sees(word("casework.all_out"))

    police = duty.part("calls").locator("li", has_text="派出所")
    expect(police.locator("a[href^='tel:']")).to_be_visible()
    police.locator("input[name=note]").fill("十五分钟到，守住西门")
    duty.tap(word("contact.outcome.agreed"), police)
    duty.sees("十五分钟到，守住西门", duty.part("calls"))
    fire = duty.part("calls").locator("li", has_text="消防")
    duty.tap(word("contact.outcome.no_answer"), fire)


def it_becomes_an_incident(story: Telling) -> None:
    duty = story.person("duty").open(f"/alerts/{RED}")
    duty.tap(word("alerts.do.incident"))
    story.keep("incident", duty)
    duty.sees(word("incident.state.reported"))
    duty.step("incident", "verify").step("incident", "respond")
    duty.sees(word("incident.state.responding"))


def the_manager_stands_by_it_and_reports_in_time(story: Telling) -> None:
    story.instance.advance("10m")
    manager = story.goes_to("manager", "closure")
    manager.step("closure", "countersign")
    manager.sees(word("closures.step_countersigned"))

    manager.open(story.places["incident"]).sees(word("incidents.clock"))
    manager.follow(word("incidents.begin_first")).tap(word("reports.draft_it"))
    manager.fill(
        dict.fromkeys(("scene", "course", "cause", "measures", "other"), f"{HALL}花脊开裂")
    )
    manager.fill({"other_recipient": "省文物局", "channel": "phone"})
    manager.tap(word("reports.send"))
    manager.sees(word("report.state.sent")).sees_not(word("incidents.was_late"))
