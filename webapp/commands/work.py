"""`ridgewatch work`: does the work that pages ask for."""

import click


@click.command()
def command() -> None:
    """Do the jobs that pages ask for, one after the other. May run several times."""
    import importlib
    import os
    import pkgutil

    import webapp
    from ingest import work_role
    from ingest.doctor import doctor
    from ingest.stopping import stop_event
    from models.installation import opened

    # Jobs that draw (PDF, ZIP, photos) live beside the pages: each module has its HANDLERS.
    handlers: dict[str, work_role.Handler] = {}
    for folder in webapp.__path__:
        for found in sorted(one.name for one in pkgutil.iter_modules([f"{folder}/jobs"])):
            handlers.update(importlib.import_module(f"webapp.jobs.{found}").HANDLERS)
    stop = stop_event()
    with opened(os.environ) as (settings, store):
        handlers |= doctor.handler(settings)
        work_role.run(store, handlers, stop)
