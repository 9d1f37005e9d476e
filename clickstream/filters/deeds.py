"""What one event is: conditions in SQL over its columns."""

from __future__ import annotations

from clickstream.model.commerce import CONTAINERS, DEEDS, ITEMS, PREFIX, Deed

# Whether the visitor did something; false for events that only identify a visitor or report reading time, or that
# happened by themselves. Rows from before the column `interactive` have null there.
ACT = "(interactive IS NOT FALSE AND event_type NOT IN ('page_ping', 'identify', 'alias', 'group'))"

_REFUNDS = ", ".join(f"'{name}'" for name, deed in DEEDS.items() if deed is Deed.REFUND)
# Snowplow's two ecommerce plugins name the action in a property.
_SNOWPLOW = "'snowplow_ecommerce_action', 'action'"
_IS_REFUND = f"""CASE WHEN event_name IN ({_SNOWPLOW})
                THEN coalesce(properties->>'$.type', properties->>'$.action') = 'refund'
                ELSE regexp_replace(lower(event_name), '^{PREFIX}|[^\\p{{L}}]', '', 'g') IN ({_REFUNDS}) END"""
# In the order itself, or in the data layer's object of it.
_FIRST_ITEMS = ", ".join(f"properties->>'$.{place}{name}[0]'" for place in ("", f"{CONTAINERS[0]}.") for name in ITEMS)
# What can happen to an order once: its sale, its full refund, and each refund with an id. It reads `amount`, and
# `amount_text`, which is null if the event states none.
DEED = f"""CASE WHEN amount > 0 THEN 'sale'
            WHEN amount_text IS NULL AND {_IS_REFUND}
                AND coalesce({_FIRST_ITEMS}) IS NULL THEN 'refund of all'
            WHEN amount < 0 THEN 'refund ' || coalesce(properties->>'$.refund_id', properties->>'$.refundId')
            END"""
