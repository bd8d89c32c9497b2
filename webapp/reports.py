"""Reports upward: five fields with guidance, drafted from the data, sent once and then fixed."""

from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from models.closure import Closure
from models.errors import BadInput, Fault, Missing, Refusal
from models.incident import Incident
from models.inputs import Faults, filled, whole_number
from models.people import STAFF
from models.reasons import reason
from models.report import CHANNELS, FIELDS, KINDS, Report, draft_report, report_clock
from models.rights import MAY_BEGIN
from webapp.casework import find, history_of, meanwhile, names_of, require_unchanged, seen, told
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import t
from webapp.forms import again
from webapp.papers import Field, text_of
from webapp.policies import allow
from webapp.report_draft import drafted

pages = Blueprint("reports", __name__)
WRITERS = MAY_BEGIN["report"]
LISTED = 100
ROWS = {"scene": 4, "course": 8, "cause": 4, "measures": 6, "other": 3}


@pages.get("/reports/")
@allow(*STAFF)
def index() -> str:
    """List reports, the latest first."""
    mine = (
        select(Report)
        .where(Report.visible_to(g.actor))
        .options(joinedload(Report.site), joinedload(Report.incident))
        .order_by(Report.drafted_at.desc(), Report.code.desc())
        .limit(LISTED)
    )
    return render_template("reports/index.html", reports=list(db.session.scalars(mine)))


@pages.get("/incidents/<key>/reports/<kind>")
@allow(*WRITERS)
def begin(key: str, kind: str) -> str:
    """Say what a report of this kind is, before one is drafted."""
    if kind not in KINDS:
        raise Missing("report", kind)
    incident = find(Incident, key, joinedload(Incident.site), selectinload(Incident.reports))
    last = next((one for one in reversed(incident.reports) if one.state != "draft"), None)
    draft = next((one for one in incident.reports if one.state == "draft"), None)
    return render_template(
        "reports/begin.html",
        incident=incident,
        kind=kind,
        last=last,
        draft=draft,
        clock=report_clock(incident, site_now()),
    )


@pages.post("/incidents/<key>/reports/<kind>")
@allow(*WRITERS)
@again(begin)
def draft(key: str, kind: str) -> ResponseReturnValue:
    """Begin a report: a first one from the data, a later one from what the last one said."""
    begin_write()
    whole = (
        selectinload(Incident.alerts),
        selectinload(Incident.closures).joinedload(Closure.zone),
        selectinload(Incident.reports),
    )
    incident = find(Incident, key, *whole)
    waiting = next((one for one in incident.reports if one.state == "draft"), None)
    if waiting is not None:
        raise Refusal(reason("reports.draft_waiting", report=waiting.code))
    fields = drafted(db.session(), incident) if not incident.reports else None
    report = draft_report(db.session(), incident, kind, fields=fields, by=g.actor, now=site_now())
    commit()
    return redirect(url_for("reports.show", key=report.code), 303)


def show_report(key: str) -> str:
    """Draw a report: a form while it is a draft, a letter once it was sent."""
    whole = (
        joinedload(Report.site),
        joinedload(Report.incident).selectinload(Incident.reports),
    )
    report = find(Report, key, *whole)
    events = history_of(report)
    may_write = report.state == "draft" and report.may("edit", g.actor)
    return render_template(
        "reports/show.html",
        report=report,
        seen=seen(report, events),
        clock=report_clock(report.incident, site_now()),
        fields=_fields(report),
        filled_fields=[(one, getattr(report, one)) for one in FIELDS],
        recipients=recipients_of(report),
        channels=[(one, t(f"report.channel.{one}")) for one in CHANNELS],
        missing=report.missing(),
        may_write=may_write,
        may_acknowledge=report.state == "sent" and report.may("acknowledge", g.actor),
        names=names_of([report.drafted_by, report.sent_by]),
        log=told(events),
        meanwhile=meanwhile(events),
    )


@pages.get("/reports/<key>")
@allow(*STAFF)
def show(key: str) -> str:
    """Show one report."""
    return show_report(key)


def _fields(report: Report) -> list[Field]:
    return [
        Field(
            "area",
            one,
            t("reports.numbered", n=number, field=t(f"report.field.{one}")),
            getattr(report, one),
            t(f"reports.guide_{one}"),
            rows=ROWS[one],
        )
        for number, one in enumerate(FIELDS, 1)
    ]


def recipients_of(report: Report) -> list[Any]:
    """Return whom the report goes to: those it names, else the site's superiors."""
    return list(report.recipients or report.site.superiors or ())


@pages.post("/reports/<key>")
@allow(*WRITERS)
@again(show_report)
def save(key: str) -> ResponseReturnValue:
    """Keep what was typed; or keep it and say that it was sent."""
    faults = Faults()
    typed = {one: text_of(one, faults) for one in FIELDS if one in request.form}
    faults.stop()
    sending = request.form.get("action") == "send"
    begin_write()
    report = find(Report, key)
    require_unchanged(report)
    known = {one: getattr(report, one) for one in FIELDS}
    fields = known | typed  # a field that was not sent stays as it was
    if sending:
        _refuse_gaps(fields)
    if fields != known:
        report.edit(fields, by=g.actor, now=site_now())
    if sending:
        _send(report)
    commit()
    flash(t("reports.was_sent" if sending else "reports.saved", which=report.code), "done")
    return redirect(url_for("reports.show", key=report.code), 303)


def _refuse_gaps(fields: dict[str, str]) -> None:
    """Say at each empty field that it is needed; "none" is an answer."""
    faults = Faults()
    for one, text in fields.items():
        if not filled(text):
            faults.refuse(one, reason("reports.field_needed"))
    if not request.form.getlist("recipient") and not request.form.get("other_recipient"):
        faults.refuse("recipient", reason("reports.choose_recipient"))
    if request.form.get("channel", "") not in CHANNELS:
        faults.refuse("channel", reason("reports.choose_channel"))
    faults.stop()


def _send(report: Report) -> None:
    known = recipients_of(report)
    chosen = [
        number
        for one in request.form.getlist("recipient")
        if (number := whole_number(one)) is not None
    ]
    if any(one >= len(known) for one in chosen):
        raise BadInput([Fault("recipient", reason("form.not_a_choice"))])
    told = [known[one] for one in chosen]
    other = request.form.get("other_recipient", "").strip()[:120]
    if other:
        told.append({"name": {"zh": other, "en": other}, "phone": ""})
    report.send(channel=request.form["channel"], recipients=told, by=g.actor, now=site_now())


@pages.post("/reports/<key>/acknowledge")
@allow(*Report.MAY["acknowledge"])
@again(show_report)
def acknowledge(key: str) -> ResponseReturnValue:
    """Note who confirmed receipt, and what was said."""
    begin_write()
    report = find(Report, key)
    require_unchanged(report)
    report.acknowledge(request.form.get("note", "")[:2000], by=g.actor, now=site_now())
    commit()
    flash(t("reports.acknowledged"), "done")
    return redirect(url_for("reports.show", key=report.code), 303)
