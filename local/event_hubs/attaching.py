"""Attach frames: create the link that the client asks for, or refuse it."""

from __future__ import annotations

from typing import Any

from . import frames
from .egress import EgressLink
from .ingress import IngressLink
from .links import Link, Refused, accept_attach, path_of, refuse_attach
from .requests import CbsLink, ManagementLink
from .session import LinkSession


def attach_link(session: LinkSession, fields: list[Any]) -> Link | None:
    """Answer an attach frame. Return the link, or None if it was refused or a fault took it."""
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
        elif _hit_by_fault(session, path):
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


def _hit_by_fault(session: LinkSession, path: list[str]) -> bool:
    """Apply an attach fault. Return whether it left the attach without an answer; raise Refused if it refuses it."""
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
