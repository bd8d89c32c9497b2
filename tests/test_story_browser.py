"""The Tianning story, from the rain to the reopening, in browsers against the real processes.

The site's clock is led by the simulator and moved in steps; people sign in with real passwords.
The chapters lie in tests/story.
"""

import pytest

from tests.harness.browser import People
from tests.story import alarm, reopening, survey, weather, works
from tests.story.instance import Instance
from tests.story.telling import Telling


@pytest.fixture
def story(instance: Instance, people: People) -> Telling:
    """The story, at noon of 21 March: it has rained for a week."""
    instance.start("up")
    instance.simulate()
    return Telling(instance, people)


def test_the_temple_is_shut_in_time_mended_and_reopened(story: Telling) -> None:
    alarm.the_red_alert_comes_while_the_ridge_still_stands(story)
    alarm.the_zone_is_shut_with_one_tap(story)
    alarm.the_code_on_the_sheet_leads_to_the_notice(story)
    alarm.people_are_out_and_the_list_is_called(story)
    alarm.it_becomes_an_incident(story)
    alarm.the_manager_stands_by_it_and_reports_in_time(story)

    survey.the_lost_gauge_is_unknown_and_never_normal(story)
    survey.the_notice_hangs_at_the_gates(story)
    survey.the_notice_says_what_visitors_ask(story)
    survey.the_engineer_records_what_fell(story)
    survey.the_gate_names_what_keeps_it_shut(story)

    works.the_manager_hires_a_company(story)
    works.a_scaffold_and_tasks_are_ordered(story)
    works.the_findings_get_their_tasks(story)
    works.the_company_sees_its_own_and_nothing_else(story)
    works.the_scaffold_is_built_and_handed_over(story)
    works.the_leak_is_patched_and_waits_for_rain(story)

    weather.rain_turns_the_tag_red_while_the_ingester_is_killed(story)
    weather.nobody_starts_on_a_red_scaffold(story)
    weather.after_an_inspection_it_is_green_again(story)
    reopening.the_fallen_gauges_are_retired_with_their_reason(story)
    weather.the_work_is_done_and_accepted(story)
    weather.the_findings_are_safe_and_verified(story)
    weather.the_scaffold_is_struck(story)

    reopening.the_manager_is_refused_while_anything_blocks(story)
    reopening.what_was_latched_is_reset_after_a_look(story)
    reopening.the_papers_are_written(story)
    reopening.two_people_open_the_door(story)
    reopening.the_same_code_says_lifted(story)
