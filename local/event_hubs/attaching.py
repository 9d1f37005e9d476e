"""Which link an attach asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.event_hubs import frames
from local.event_hubs.egress import EgressLink
from local.event_hubs.ingress import IngressLink
from local.event_hubs.links import Link, Refused, accept_attach, path_of, refuse_attach
from local.event_hubs.requests import CbsLink, ManagementLink

if TYPE_CHECKING:
    from local.event_hubs.connection import Session


def attach_link(session: Session, fields: list[Any]) -> Link | None:
    """Answer an attach: the link, or None where it was refused or swallowed."""
    handle, peer_receives = fields[1], fields[2]
    source = frames.terminus(fields[5], frames.SOURCE_FIELDS)
    target = frames.terminus(fields[6], frames.TARGET_FIELDS)
    address = str((source if peer_receives else target)[0] or "")
    path = path_of(address)
    link: Link
    try:
        if path[-1] == "$cbs":
            link = CbsLink(session, handle, peer_receives)
        elif path[-1] == "$management":
            link = ManagementLink(session, handle, peer_receives)
        elif _struck(session, path):
            return None
        elif peer_receives:
            link = EgressLink.open(session, fields, source[7], path)
        else:
            link = IngressLink.open(session, fields, path)
    except Refused as refused:
        refuse_attach(session, fields, refused)
        return None
    accept_attach(session, fields, address)
    return link


def _struck(session: Session, path: list[str]) -> bool:
    """Whether a fault took the attach without an answer. Raise Refused where it is to be refused."""
    rule = session.connection.broker.faults.at("attach", path[0], path[-1] if len(path) > 1 else None)
    if rule is None:
        return False
    if rule.action == "refuse":
        raise Refused(rule.condition, rule.description)
    if rule.action == "drop":
        session.connection.drop()
    else:
        session.connection.swallow()
    return True
