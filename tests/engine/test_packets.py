"""Packets as clients may send them, one rule a test, and as the server writes them."""

import json
import math

import pytest
import socketio
from hypothesis import given, settings
from hypothesis import strategies as st
from socketio import packet

from chatlib.engine.packets import (
    RESERVED_EVENTS,
    Json,
    MalformedError,
    Packet,
    ProtocolError,
    Unread,
)

ONE = '{"_placeholder":true,"num":0}'
MISUSED = "Each binary attachment must be used once."
TOO_DEEP = "The data nests too deep."


def whole(text, *attachments):
    unread = Unread(text)
    for attachment in attachments:
        unread.attach(attachment, 10_000)
    assert not unread.missing
    return unread


def event(text, *attachments):
    return whole(text, *attachments).read_event()


def ack(text, *attachments):
    return whole(text, *attachments).read()


class TestHeader:
    @pytest.mark.parametrize(
        ("text", "kind", "namespace", "number"),
        [
            ("0", packet.CONNECT, "/", None),
            ("0/admin,", packet.CONNECT, "/admin", None),
            ("0/admin", packet.CONNECT, "/admin", None),
            ('0/admin?token=x,{"a":1}', packet.CONNECT, "/admin", None),
            ("1/admin,", packet.DISCONNECT, "/admin", None),
            ('2["x"]', packet.EVENT, "/", None),
            ('20["x"]', packet.EVENT, "/", 0),
            ('2/admin,17["x"]', packet.EVENT, "/admin", 17),
            ('2/ä,["x"]', packet.EVENT, "/ä", None),
            ("31[]", packet.ACK, "/", 1),
            ('51-/admin,17["x"]', packet.EVENT, "/admin", 17),
            ("62-1[]", packet.ACK, "/", 1),
        ],
    )
    def test_tells_type_namespace_and_number(self, text, kind, namespace, number):
        unread = Unread(text)
        assert (unread.kind, unread.namespace, unread.id) == (kind, namespace, number)

    @pytest.mark.parametrize("text", ["", "x", "7", "-", "٣", "²", "5", "6", '5["x"]', b"", b"2[]"])
    def test_is_that_of_a_packet(self, text):
        with pytest.raises(ProtocolError):
            Unread(text)

    def test_is_not_that_of_a_packet_which_only_servers_send(self):
        with pytest.raises(ProtocolError, match="Clients do not send"):
            Unread('4{"message":"no"}')

    def test_tells_the_size_in_bytes(self):
        assert Unread('2["é"]').size == len('2["é"]'.encode())
        assert whole(f'51-["é",{ONE}]', b"abc").size == len(f'51-["é",{ONE}]'.encode()) + 3

    @pytest.mark.parametrize("text", ['2²["x"]', f'2{"9" * 101}["x"]', '2x["x"]', '21-["x"]', "2["])
    def test_leaves_nothing_but_json(self, text):
        with pytest.raises(ProtocolError, match="not JSON"):
            event(text)

    def test_is_read_without_its_data(self):
        assert Unread("2" + "[" * 1_000_000).size == 1_000_001


class TestEvent:
    def test_has_a_name_and_arguments(self):
        assert event('25["message","hi",{"connect":"disconnect"}]') == [
            "message",
            "hi",
            {"connect": "disconnect"},
        ]

    @pytest.mark.parametrize("name", sorted(RESERVED_EVENTS))
    def test_has_no_reserved_name(self, name):
        why = f"^Socket.IO keeps the name {name.replace('*', '.')} for itself.$"
        with pytest.raises(MalformedError, match=why):
            event(f'2["{name}","a"]')
        with pytest.raises(MalformedError, match=why):
            event(f'51-["{name}",{ONE}]', b"a")

    def test_of_the_names_that_python_socketio_keeps_for_itself_are_all_reserved(self):
        assert {"*", *socketio.Server.reserved_events} <= RESERVED_EVENTS
        assert {*socketio.Client.reserved_events} <= RESERVED_EVENTS

    @pytest.mark.parametrize("text", ["2[]", "27[]", "2[1]", "2[null]", "2[[]]", f"50-[{ONE}]"])
    def test_without_a_name_can_be_answered(self, text):
        with pytest.raises(MalformedError, match=r"^An event needs a name\.$"):
            event(text)

    def test_is_not_named_by_an_attachment(self):
        with pytest.raises(MalformedError, match="needs a name"):
            event(f"51-[{ONE}]", b"connect")

    @pytest.mark.parametrize("text", ["2", "27", "2{}", '2"message"', "2null", "50-"])
    def test_that_is_no_list_is_none(self, text):
        with pytest.raises(ProtocolError, match="must be a list") as caught:
            event(text)
        assert not isinstance(caught.value, MalformedError)

    @pytest.mark.parametrize(("depth", "is_refused"), [(99, False), (100, True), (5000, True)])
    @pytest.mark.parametrize(("before", "after"), [("[", "]"), ('{"a":', "}")])
    def test_nests_less_than_a_hundred_deep(self, depth, is_refused, before, after):
        text = f'2["message",{before * depth}1{after * depth}]'
        if is_refused:
            with pytest.raises(MalformedError, match=TOO_DEEP):
                event(text)
        else:
            assert event(text)[0] == "message"

    @pytest.mark.parametrize("data", ["[]," * 500 + "1", '"' + "[" * 500 + '"'])
    def test_may_have_any_number_of_brackets(self, data):
        assert event(f'2["message",[{data}]]')


class TestAcknowledgement:
    def test_has_a_number_and_a_list(self):
        assert ack('35["connect"]') == ["connect"]
        assert ack(f"61-5[{ONE}]", b"a") == [b"a"]

    @pytest.mark.parametrize(
        ("text", "attachments"),
        [
            *[(text, []) for text in ("3", "3[1]", "30[1]", "31", "31{}", '31"x"')],
            ("31" + "[" * 200 + "]" * 200, []),
            ("31" + "[" * 100_000, []),
            *[(f"61-1{data}", [b"x"]) for data in ("[]", "{}", ONE, f"[{ONE},{ONE}]")],
        ],
        ids=str,
    )
    def test_that_answers_nothing_is_none(self, text, attachments):
        with pytest.raises(ProtocolError):
            ack(text[:200_000], *attachments)


class TestAttachments:
    def test_take_their_places(self):
        text = f'52-["message",{{"b":{ONE.replace("0", "1")},"a":[{ONE}]}}]'
        assert event(text, b"0", b"1") == ["message", {"b": b"1", "a": [b"0"]}]

    @pytest.mark.parametrize(
        "data",
        [
            '{"_placeholder":true}',
            f"{ONE},{ONE}",
            f'{ONE},{{"_placeholder":true}}',
            *[
                f'{{"_placeholder":true,"num":{n}}}'
                for n in ("1", "-1", "0.0", "false", '"0"', "[]")
            ],
            '"no placeholder"',
        ],
    )
    def test_are_each_used_once(self, data):
        with pytest.raises(MalformedError, match=MISUSED):
            event(f'51-["message",{data}]', b"0")

    def test_may_be_none(self):
        assert event('50-["message","hi"]') == ["message", "hi"]

    def test_are_not_text(self):
        with pytest.raises(ProtocolError, match="must be binary"):
            Unread(f'51-["message",{ONE}]').attach("abc", 100)

    @pytest.mark.parametrize("size", [0, 2000])
    def test_end_somewhere(self, size):
        """Ten digits of attachments, each of no bytes or of many."""
        unread = Unread('59999999999-["message"]')

        def go_on():
            for _ in range(101):
                unread.attach(bytes(size), 10_000)

        with pytest.raises(ProtocolError, match="too long"):
            go_on()


class TestJson:
    @pytest.mark.parametrize(
        "number", ["NaN", "Infinity", "-Infinity", "1e999", "-1E+999", "1e0000400", "0.1e400"]
    )
    def test_a_number_is_finite(self, number):
        for text in (number, f"[1,{number}]", f'{{"a":{number}}}'):
            with pytest.raises(MalformedError, match=r"^A number must be finite\.$"):
                Json.loads(text)

    @pytest.mark.parametrize("digits", ["9" * 309, "9" * 400, "-" + "9" * 5000, "9" * 250 + "e60"])
    def test_an_integer_is_finite_to_a_browser(self, digits):
        with pytest.raises(MalformedError):
            Json.loads(f"[{digits}]")

    @pytest.mark.parametrize(
        "text", ["9" * 308, "1e308", "1e-999", '"1e999"', f'"{"9" * 400}"', "0.000e000", "1e+00005"]
    )
    def test_all_other_numbers_are_left_alone(self, text):
        assert Json.loads(text) == json.loads(text)

    @settings(deadline=None)
    @given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(), st.text(max_size=3))
    def test_every_finite_number_comes_through(self, number, text):
        assert Json.loads(json.dumps([text, number])) == [text, number]

    @settings(max_examples=50, deadline=None)
    @given(
        st.from_regex(
            r"-?(0|[1-9][0-9]{0,320})(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,5})?", fullmatch=True
        ),
        st.sampled_from(["{}", "[{}]", '{{"a":{}}}', "[1e999,{}]", '["0e000",{}]']),
    )
    def test_a_number_is_finite_however_it_is_written(self, number, form):
        text = form.format(number)
        is_finite = "999" not in form and math.isfinite(float(number))
        if is_finite:
            assert Json.loads(text) == json.loads(text)
        else:
            with pytest.raises(MalformedError):
                Json.loads(text)

    def test_no_python_is_called_for_the_numbers_of_an_ordinary_text(self, monkeypatch):
        def fail(text):
            raise AssertionError(text)

        monkeypatch.setattr("chatlib.engine.packets._read_each_number", fail)
        assert Json.loads("[1,2.5,-3e10,1e99,123456789]")

    @pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
    def test_the_server_sends_no_number_that_closes_a_browsers_connection(self, number):
        with pytest.raises(ValueError, match="not JSON compliant"):
            Packet(packet.EVENT, data=["news", [number]]).encode()

    def test_the_bytes_of_a_message_queue_are_read_too(self):
        assert Json.loads('["é"]'.encode()) == ["é"]


class TestPacket:
    """Written as python-socketio writes it."""

    DATA = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.binary(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
        max_leaves=8,
    )

    @settings(max_examples=50, deadline=None)
    @given(
        st.sampled_from([packet.EVENT, packet.ACK]),
        st.lists(DATA, min_size=1, max_size=3),
        st.sampled_from([None, "/", "/admin"]),
        st.none() | st.integers(0, 10**6),
    )
    def test_says_the_same(self, kind, data, namespace, number):
        theirs = packet.Packet(kind, data, namespace, number).encode()
        assert Packet(kind, data, namespace, number).encode() == theirs

    @pytest.mark.parametrize("kind", [packet.CONNECT, packet.DISCONNECT, packet.CONNECT_ERROR])
    @pytest.mark.parametrize("data", [None, {"sid": "x"}, "Unable to connect"])
    def test_of_connecting_says_the_same(self, kind, data):
        theirs = packet.Packet(kind, data, "/admin").encode()
        assert Packet(kind, data, "/admin").encode() == theirs

    @pytest.mark.parametrize("data", [object(), [{1, 2}], [b"a", object()]])
    def test_what_is_no_json_is_an_error(self, data):
        with pytest.raises(TypeError, match="not JSON serializable"):
            Packet(packet.EVENT, ["x", data]).encode()

    def test_is_handed_on_as_it_is(self):
        read = Packet(packet.EVENT, ["x", b"a"], "/admin", 7)
        taken = Packet(encoded_packet=read)
        assert (taken.packet_type, taken.data, taken.namespace, taken.id) == (
            packet.EVENT,
            ["x", b"a"],
            "/admin",
            7,
        )
