"""`ridgewatch web`: the pages and the API, under gunicorn."""

import gc

import click

THREADS = 16


@click.command()
@click.option(
    "--workers", type=click.IntRange(1, 32), default=1, show_default=True, help="Processes."
)
@click.option(
    "--threads",
    type=click.IntRange(2, 256),
    default=THREADS,
    show_default=True,
    help="Requests that a process answers at once.",
)
def command(workers: int, threads: int) -> None:
    """Serve the pages on RIDGEWATCH_HOST and RIDGEWATCH_PORT.

    One worker with its threads serves fifty open desks; more use more processors.
    """
    import os
    import signal
    from threading import Event

    from gunicorn.app.base import BaseApplication

    from ingest.supervisor import die_with_parent
    from models.installation import opened

    with opened(os.environ, secret_needed=True) as (settings, _):
        bind = f"[{settings.host}]" if ":" in settings.host else settings.host

    class Pages(BaseApplication):
        """The application, made anew in each worker, after the fork: no shared connections."""

        def load_config(self) -> None:
            options = {
                "bind": f"{bind}:{settings.port}",
                "workers": workers,
                "threads": threads,
                "worker_class": "gthread",
                "timeout": 60,
                "graceful_timeout": 5,
                "keepalive": 5,
                "accesslog": None,
                "errorlog": "-",
                "loglevel": "warning",
                "worker_tmp_dir": None,
                "control_socket_disable": True,
                "limit_request_line": 8190,
                # An orphan would keep the port for some seconds, and its successor out.
                "post_fork": lambda _server, _worker: die_with_parent(signal.SIGKILL),
            }
            for name, value in options.items():
                if name in self.cfg.settings:
                    self.cfg.set(name, value)

        def load(self) -> object:
            from webapp.app import create_app
            from webapp.pulse import start_pulse

            app = create_app(settings)
            start_pulse(app.extensions["store"], Event())
            # What is there now stays. Whenever the collector walked through all of it, a page
            # stood still for a tenth of a second.
            gc.collect()
            gc.freeze()
            return app

    Pages().run()
