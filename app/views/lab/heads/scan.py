"""Remarkable things on the prompt, ranked; each finding leads to its head or its place on Explore."""

from __future__ import annotations

import math
from typing import Final, cast

import streamlit as st

from app import components
from app.components.findings import FoundGroup, FoundThing
from app.panels import head_code
from app.session import events, lab_costs
from app.session.actions import Lock
from app.session.explorer import Explorer
from app.session.map_actions import Find, PickHead
from app.state import downloads, lab, reports
from app.state import heads as state
from app.stores.limits import TooMuch
from app.views.explore import explore
from app.views.files import model_name
from app.views.lab.heads import choices, measuring
from app.views.lab.heads.below import below
from app.views.lab.heads.code import told
from app.views.lab.heads.waiting import waiting
from gptcore.analysis.scan import AT_STAKE, TITLES, Finding, rank_findings
from gptcore.export.scan_page import scan_document

KEY = "lab findings"
TOGETHER: Final = "together"
ORDERS: Final = {TOGETHER: "all together", "kinds": "kind by kind"}
FILE = "scan.html"


def hear(me: Explorer) -> None:
    """Go where a finding leads, or make the file of all."""
    event = reports.new(KEY)
    shelf = downloads.shelf()
    if (taken := events.taken_file(event)) is not None:
        shelf.drop(taken)
    wanted = events.asked_file(event)
    found = cast("list[Finding] | None", measuring.result(me, "scan")) or []
    if wanted and wanted[0] == FILE:
        trace = me.shown.unchanged
        try:
            me.limits.check(lab_costs.of_pictures(trace.config, trace.T, whole=True), f"A page of {trace.T:,} tokens")
            page = scan_document(found, trace, tokenizer=me.checkpoint.tokenizer, title=model_name(me))
            shelf.put(wanted[1], "gptscope-scan.html", page)
        except TooMuch as error:
            shelf.refuse(wanted[1], f"There is no such file: {error}")
    match event:
        case {"kind": "order", "order": str(order)} if order in ORDERS:
            lab.choose("order", order, TOGETHER)
        case {"kind": "head" | "form" | "explore" as kind, "group": int(group), "index": int(index), "seq": seq}:
            groups = _groups(found)
            if 0 <= group < len(groups) and 0 <= index < len(groups[group]):
                _go(me, groups[group][index], kind, seq)


def scan(me: Explorer) -> None:
    """Draw the button, then what was found."""
    if measuring.found(me, "scan") is None and not state.asked("scan"):
        st.markdown("**What is remarkable on this prompt?**")
        st.caption(
            "Ranks the largest attributions, heads that do something known here, heads whose part others repair, and "
            "tokens that surprise the model. Each head is switched off once."
        )
        st.button("Scan the prompt", type="primary", key="lab scan", on_click=state.ask, args=("scan",))
        return
    if not waiting(me, "scan"):
        return
    found, order = cast("list[Finding]", measuring.result(me, "scan")), _order()
    titles = [""] if order == TOGETHER else [*TITLES.values()]
    groups: list[FoundGroup] = [
        {"title": title, "found": [_thing(each, order) for each in of_kind]}
        for title, of_kind in zip(titles, _groups(found), strict=True)
    ]
    after = me.shown.tokens[me.position]
    how = AT_STAKE if order == TOGETHER else "Each kind is ranked by itself, in its own unit, the largest first."
    components.findings(
        key=KEY,
        groups=groups,
        note=f"Of the prediction after token {me.position}, {after!r}. {how}",
        order=order,
        orders=ORDERS,
        files=[{"of": "these findings", "name": FILE, "word": "HTML"}],
        offer=downloads.shelf().offer(),
    )
    below(me, "", head_code.scan(told(me), order == TOGETHER), "lab scan code")


def _order() -> str:
    told = lab.get("order")
    return told if told in ORDERS else TOGETHER


def _thing(finding: Finding, order: str) -> FoundThing:
    together = order == TOGETHER
    amount = finding.nats if together else finding.value
    return {
        "sentence": finding.sentence,
        "kind": TITLES[finding.kind] if together else "",
        "amount": "–" if math.isnan(amount) else f"{amount:.2f}",
        "head": None if finding.head is None else [finding.layer or 0, finding.head],
    }


def _groups(found: list[Finding]) -> list[list[Finding]]:
    """Return the findings as they stand on the page: all together, or kind by kind."""
    if _order() == TOGETHER:
        return [rank_findings(found)]
    return [[each for each in found if each.kind == kind] for kind in TITLES]


def _go(me: Explorer, finding: Finding, kind: str, seq: int) -> None:
    if finding.head is not None and finding.layer is not None:
        choices.choose_head(finding.layer, finding.head)
        if kind == "form":
            state.open_form(seq)
        if kind != "explore":
            return
        me.apply(PickHead(finding.layer, finding.head))
    else:
        me.apply(Find(finding.name))
    if finding.position is not None:
        me.apply(Lock(finding.position + me.shown.cropped))
    st.switch_page(st.Page(explore, default=True))
