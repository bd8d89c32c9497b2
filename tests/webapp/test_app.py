"""The application as a process that serves it holds it."""

import gc

from flask import Flask

from webapp.app import settle


def test_the_collector_leaves_the_application_alone(app: Flask) -> None:
    try:
        settle()
        walked = {id(one) for one in gc.get_objects()}
        assert id(app.view_functions) not in walked
        assert len(walked) < gc.get_freeze_count() / 10
    finally:
        gc.unfreeze()
