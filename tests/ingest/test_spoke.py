"""Which devices spoke through a connection: remembered while it matters, within bounds."""

from ingest.spoke import Spoke


def test_a_clients_devices_are_told_once():
    spoke = Spoke()
    spoke.note("gateway", "node-1")
    spoke.note("gateway", "node-2")
    spoke.note("gateway", "node-1")
    spoke.note("other", "node-3")

    assert spoke.take("gateway") == {"node-1", "node-2"}
    assert spoke.take("gateway") == set()
    assert len(spoke) == 1


def test_clients_that_come_and_go_do_not_fill_the_memory():
    spoke = Spoke(most=100)
    for number in range(10_000):
        spoke.note("stays", "node-1")
        spoke.note(f"auto-{number}", "node-2")

    assert len(spoke) == 100
    assert spoke.take("stays") == {"node-1"}
    assert spoke.take("auto-0") == set()
    assert spoke.take("auto-9999") == {"node-2"}


def test_one_client_with_devices_without_end_does_not_either():
    spoke = Spoke(most=100)
    for number in range(10_000):
        spoke.note("flood", f"node-{number}")
        assert len(spoke) <= 100
