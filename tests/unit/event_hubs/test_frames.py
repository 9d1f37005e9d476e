"""Performatives, as the SDK's own decoder reads them."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from azure.eventhub._pyamqp._decode import decode_frame, decode_payload
from azure.eventhub._pyamqp._encode import encode_payload
from azure.eventhub._pyamqp.message import Message, Properties
from hypothesis import given
from hypothesis import strategies as st

from local.event_hubs import frames
from local.event_hubs.codec import NULL, CodecError, described, listed, string, uint
from local.event_hubs.messages import decode_event, delivered, read_events

FIELD_COUNTS = [
    (frames.open_("c", 1000), 10),
    (frames.begin(1, 1, 100), 8),
    (frames.attach(0, name="l", handle=0, is_receiver=True, source=NULL, target=NULL), 14),
    (frames.flow(0, next_incoming=0, next_outgoing=0, window=1, handle=0, delivery_count=0, credit=1), 11),
    (frames.disposition(0, 1, 1, frames.accepted()), 6),
    (frames.detach(0, 1), 3),
    (frames.end(0), 1),
    (frames.close(), 1),
]


@pytest.mark.parametrize(("frame", "count"), FIELD_COUNTS)
def test_every_field_of_a_performative_is_written(frame: bytes, count: int) -> None:
    size, offset, kind, _ = struct.unpack_from(">IBBH", frame)
    assert (size, offset, kind) == (len(frame), 2, 0)
    _, fields = decode_frame(memoryview(frame)[8:])
    assert len(fields) == count
    code, ours, end = frames.parse(frame[8:])
    assert (len(ours), end) == (count, len(frame) - 8)
    assert code == frame[10]


@given(st.integers(0, 3000), st.integers(0, 2**31), st.integers(512, 1024))
def test_a_long_delivery_is_cut_into_frames_no_larger_than_allowed(length: int, delivery: int, limit: int) -> None:
    message = bytes(number % 251 for number in range(length + 1))
    carried = b""
    parts = frames.transfer(3, 7, delivery, message, limit)
    for number, part in enumerate(parts):
        assert len(part) <= limit
        assert struct.unpack_from(">IBBH", part) == (len(part), 2, 0, 3)
        _, fields = decode_frame(memoryview(part)[8:])
        *performative, payload = fields
        assert performative[0:2] == [7, delivery]
        assert performative[4] is True
        assert performative[5] is (number < len(parts) - 1)
        carried += bytes(payload)
    assert carried == message


@pytest.mark.parametrize(
    "body",
    [
        b"\x40",
        described(frames.ATTACH, listed([])),
        described(frames.ATTACH, listed([uint(1), uint(1), uint(1)])),
        described(frames.TRANSFER, listed([string("handle")])),
        described(frames.FLOW, listed([NULL, NULL, NULL, NULL, listed([])])),
        described(frames.DETACH, listed([NULL])),
    ],
)
def test_a_performative_of_the_wrong_shape_is_refused(body: bytes) -> None:
    with pytest.raises(CodecError):
        frames.parse(body)


def encoded(message: Message) -> bytes:
    output = bytearray()
    encode_payload(output, message)
    return bytes(output)


PROPERTY_VALUES: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-(2**31), 2**31 - 1) | st.text(max_size=50) | st.binary(max_size=50)
)


@given(
    st.binary(max_size=2000),
    st.dictionaries(st.text(max_size=20), PROPERTY_VALUES, max_size=5),
    st.none() | st.text(min_size=1, max_size=50),
)
def test_an_event_of_the_sdk_is_carried_byte_for_byte(
    body: bytes, application: dict[str, Any], key: str | None
) -> None:
    annotations: dict[str | bytes, Any] | None = None if key is None else {b"x-opt-partition-key": key}
    sent = encoded(
        Message(
            data=[body],
            properties=Properties(message_id="m-1", content_type="application/json"),
            application_properties=dict[str | bytes, Any](application.items()) or None,
            message_annotations=annotations,
        )
    )
    (event,) = read_events(sent, 0)
    assert event.partition_key == key
    content = decode_event(event.carried)
    assert content.body == body
    assert (content.properties["message-id"], content.properties["content-type"]) == ("m-1", "application/json")
    assert dict(content.application_properties) == application
    received = decode_payload(memoryview(delivered(5, 77, 1234, key, event.carried)))
    assert b"".join(bytes(part) for part in received.data or []) == body
    expected: dict[bytes, Any] = {
        b"x-opt-sequence-number": 5,
        b"x-opt-offset": b"77",
        b"x-opt-enqueued-time": 1234,
    }
    if key is not None:
        expected[b"x-opt-partition-key"] = key.encode()
    assert received.message_annotations == expected


@given(st.binary(max_size=300), st.sampled_from([0, 0x80013700]))
def test_noise_is_refused_or_stored_as_an_event_that_can_be_read_again(noise: bytes, message_format: int) -> None:
    for message in (noise, b"\x00\x53\x74" + noise, b"\x00\x53\x75\xa0" + noise, b"\x00\x53\x73" + noise):
        try:
            events = read_events(message, message_format)
        except CodecError:
            continue
        for event in events:
            (again,) = read_events(event.carried, 0)
            assert again.carried == event.carried
            assert isinstance(decode_event(event.carried).body, bytes), "Capture decodes every stored event"
