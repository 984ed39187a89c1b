"""The contract by itself: no server, no network."""

import math

import pytest
import socketio
from socketio import packet

from chatlib.messages import (
    EVERYONE,
    REFUSED_EVENT,
    RESERVED_EVENTS,
    Address,
    Audience,
    BadInputError,
    ChatPacket,
    address_of_room,
    group_room,
    is_socket_id,
    new_socket_id,
    read_address,
    read_auth,
    user_room,
)

SOCKET_ID = "~" + 22 * "a"
NOT_NAMES = [None, "", True, False, math.nan, math.inf, -math.inf, [], ["a"], {}, {"a": 1}, b"a"]


class TestNames:
    @pytest.mark.parametrize("name", NOT_NAMES)
    def test_what_is_neither_text_nor_a_number_is_no_name(self, name):
        for read, what in ((group_room, "room"), (address_of_room, "room"), (user_room, "user")):
            with pytest.raises(BadInputError) as error:
                read(name)
            assert str(error.value) == f"{what} must be non-empty text or a number."

    @pytest.mark.parametrize(
        ("number", "text"),
        [(7, "7"), (7.0, "7"), (-0.0, "0"), (7.5, "7.5"), (10**30, "1" + 30 * "0")],
    )
    def test_a_number_is_the_same_name_as_its_text(self, number, text):
        assert group_room(number) == group_room(text)
        assert user_room(number) == user_room(text)

    def test_groups_users_and_sockets_share_no_room(self):
        names = ["x", EVERYONE, SOCKET_ID[:-1], "~", " ", "é", "room", "user"]
        groups = {group_room(name) for name in names}
        users = {user_room(name) for name in [*names, SOCKET_ID]}
        assert groups.isdisjoint(users)
        assert (groups | users).isdisjoint([EVERYONE, SOCKET_ID])
        # Nor can a name that is made up like a room's bring anyone into it.
        assert groups.isdisjoint(map(group_room, groups | users))
        assert users.isdisjoint(map(group_room, groups | users))

    def test_different_names_are_different_rooms(self):
        names = ["a", "A", " a", "a ", "room:a", "7", "7.0", "07"]
        assert len({group_room(name) for name in names}) == len(names)

    def test_a_group_cannot_look_like_a_socket(self):
        with pytest.raises(BadInputError, match="in the form of a socket id"):
            group_room(SOCKET_ID)

    def test_a_user_can_look_like_a_socket(self):
        assert user_room(SOCKET_ID) == f"user:{SOCKET_ID}"


class TestAudience:
    @pytest.mark.parametrize(
        ("audience", "room"),
        [
            (Audience("everyone"), "everyone"),
            (Audience("group", "tea"), "room:tea"),
            (Audience("group", "everyone"), "room:everyone"),
            (Audience("group", "user:bob"), "room:user:bob"),
            (Audience("user", "room:tea"), "user:room:tea"),
            (Audience("user", "7"), "user:7"),
            (Audience("user", ""), "user:"),
            (Audience("socket", SOCKET_ID), SOCKET_ID),
        ],
    )
    def test_has_one_room_which_tells_it(self, audience, room):
        assert audience.room == room
        assert Audience.of(room) == audience


class TestSocketIds:
    def test_a_new_id_has_the_form(self):
        ids = {new_socket_id() for _ in range(100)}
        assert len(ids) == 100
        assert all(is_socket_id(id_) for id_ in ids)

    def test_every_character_of_a_new_id_is_drawn(self):
        form, *characters = zip(*(new_socket_id() for _ in range(100)), strict=True)
        assert set(form) == {"~"}
        assert all(len(set(drawn)) > 1 for drawn in characters)

    @pytest.mark.parametrize(
        "text",
        ["", "~", SOCKET_ID[1:], SOCKET_ID[:-1], f"{SOCKET_ID}a", f" {SOCKET_ID}", f"{SOCKET_ID}\n"]
        + [f"~{21 * 'a'}{character}" for character in "=+/~.é "],
    )
    def test_nothing_else_has(self, text):
        assert not is_socket_id(text)


class TestAddress:
    @pytest.mark.parametrize(
        ("data", "address"),
        [
            ({"text": "hi"}, Address()),
            ({}, Address()),
            ({"others": False}, Address()),
            ({"others": True}, Address(others=True)),
            ({"room": "tea"}, Address(room="room:tea")),
            ({"room": 7}, Address(room="room:7")),
            ({"room": SOCKET_ID}, Address(room=SOCKET_ID)),
            ({"user": 2}, Address(user="user:2")),
            ({"user": SOCKET_ID}, Address(user=f"user:{SOCKET_ID}")),
            ({"room": "tea", "others": True}, Address(room="room:tea")),
        ],
    )
    def test_an_object_says_where_it_goes(self, data, address):
        assert read_address(data) == address

    @pytest.mark.parametrize("data", ["hi", "", "room:tea", 7, 0, True, None, [], ["room"], b"hi"])
    def test_anything_else_has_no_address(self, data):
        assert read_address(data) == Address()

    @pytest.mark.parametrize("value", NOT_NAMES)
    def test_a_bad_address_is_refused(self, value):
        for field in ("room", "user"):
            with pytest.raises(BadInputError):
                read_address({field: value})

    def test_two_addresses_are_refused(self):
        with pytest.raises(BadInputError, match=r"^A message has a room or a user, not both\.$"):
            read_address({"room": "tea", "user": 2})

    @pytest.mark.parametrize("others", [None, 0, 1, "", "true", [], {}])
    @pytest.mark.parametrize("more", [{}, {"room": "tea"}])
    def test_others_is_true_or_false(self, others, more):
        with pytest.raises(BadInputError, match=r"^others must be true or false\.$"):
            read_address({"others": others} | more)

    def test_bytes_in_a_message_are_no_number(self):
        assert read_address({"file": b"\xff", "size": 1.5}) == Address()


class TestAuth:
    @pytest.mark.parametrize("auth", [None, {}, {"token": "x", "id": "forged"}])
    def test_who_says_nothing_is_an_id(self, auth):
        assert read_auth("me", auth) == {"id": "me"}

    @pytest.mark.parametrize("user", ["ann", 2, 2.5, 0])
    def test_a_user_id_is_kept_as_it_came(self, user):
        assert read_auth("me", {"userId": user, "name": "Ann"}) == {
            "id": "me",
            "userId": user,
            "name": "Ann",
        }

    @pytest.mark.parametrize("auth", ["ann", 2, True, ["ann"]])
    def test_auth_is_an_object(self, auth):
        with pytest.raises(BadInputError, match=r"^auth must be an object\.$"):
            read_auth("me", auth)

    @pytest.mark.parametrize("user", NOT_NAMES)
    def test_a_bad_user_id_is_refused(self, user):
        with pytest.raises(BadInputError, match=r"^userId must be non-empty text or a number\.$"):
            read_auth("me", {"userId": user})

    @pytest.mark.parametrize("name", [None, 7, True, ["Ann"], {}])
    def test_a_name_is_text(self, name):
        with pytest.raises(BadInputError, match=r"^name must be text\.$"):
            read_auth("me", {"name": name})


def decoded(encoded, *attachments):
    received = ChatPacket(encoded_packet=encoded)
    for attachment in attachments:
        received.add_attachment(attachment)
    return received


class TestChatPacket:
    def test_an_ordinary_event_is_left_alone(self):
        received = decoded('25["message","hi",{"connect":"disconnect"}]')
        assert (received.packet_type, received.id) == (packet.EVENT, 5)
        assert received.data == ["message", "hi", {"connect": "disconnect"}]

    @pytest.mark.parametrize("event", sorted(RESERVED_EVENTS))
    def test_a_reserved_name_is_refused(self, event):
        assert decoded(f'25["{event}","a"]').data == [
            REFUSED_EVENT,
            f"Socket.IO keeps the name {event} for itself.",
        ]

    @pytest.mark.parametrize("event", sorted(RESERVED_EVENTS))
    def test_a_reserved_name_of_a_binary_event_is_refused(self, event):
        received = decoded(f'51-5["{event}",{{"_placeholder":true,"num":0}}]', b"a")
        assert received.data == [REFUSED_EVENT, f"Socket.IO keeps the name {event} for itself."]
        assert received.id == 5

    def test_what_python_socketio_keeps_for_itself_is_reserved(self):
        assert {"*", *socketio.Server.reserved_events} <= RESERVED_EVENTS
        assert {*socketio.Client.reserved_events} <= RESERVED_EVENTS

    @pytest.mark.parametrize("name", ["disconnecting", "newListener", "removeListener"])
    def test_what_socket_io_in_javascript_keeps_for_itself_is_reserved(self, name):
        assert name in RESERVED_EVENTS

    def test_no_client_can_send_what_a_refused_event_becomes(self):
        assert REFUSED_EVENT in RESERVED_EVENTS

    @pytest.mark.parametrize(
        "encoded",
        [
            *[
                "2",
                "27",
                "2[]",
                "27[]",
                "2{}",
                "2[1]",
                "2[null]",
                "2[[]]",
                '2["connect"]',
                '2"connect"',
            ],
            *["50-", "50-[]", '50-["connect"]', '50-[{"_placeholder":true,"num":0}]', "21-[1]"],
        ],
    )
    def test_a_malformed_event_is_an_event_that_is_refused(self, encoded):
        received = decoded(encoded)
        assert received.packet_type == packet.EVENT  # for binary, nothing more will come
        assert received.data[0] == REFUSED_EVENT

    def test_a_name_that_is_an_attachment_is_refused(self):
        received = decoded('51-[{"_placeholder":true,"num":0}]', b"connect")
        assert received.data == [REFUSED_EVENT, "An event needs a name."]

    def test_attachments_take_their_places(self):
        received = decoded(
            '52-["message",{"b":{"_placeholder":true,"num":1},"a":[{"_placeholder":true,"num":0}]}]',
            b"0",
            b"1",
        )
        assert received.data == ["message", {"b": b"1", "a": [b"0"]}]

    @pytest.mark.parametrize(
        "encoded",
        [
            '51-["message",{"_placeholder":true}]',
            '51-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]',
            '51-["message",{"_placeholder":true,"num":0},{"_placeholder":true}]',
            '51-["message",{"_placeholder":true,"num":1}]',
            '51-["message",{"_placeholder":true,"num":-1}]',
            '51-["message",{"_placeholder":true,"num":0.0}]',
            '51-["message",{"_placeholder":true,"num":false}]',
            '51-["message",{"_placeholder":true,"num":"0"}]',
            '51-["message","no placeholder"]',
        ],
    )
    def test_attachments_that_are_not_each_used_once_are_refused(self, encoded):
        sentence = "Each binary attachment must be used once."
        assert decoded(encoded, b"0").data == [REFUSED_EVENT, sentence]

    def test_a_binary_event_without_attachments_does_not_wait_for_any(self):
        received = decoded('50-["message","hi"]')
        assert (received.packet_type, received.data) == (packet.EVENT, ["message", "hi"])

    def test_other_packets_are_left_alone(self):
        assert decoded('0{"userId":2}').data == {"userId": 2}
        assert decoded('35["connect"]').data == ["connect"]
        assert decoded('61-5[{"_placeholder":true,"num":0}]', b"a").data == [b"a"]

    @pytest.mark.parametrize(("depth", "is_refused"), [(99, False), (100, True)])
    @pytest.mark.parametrize(("before", "after"), [("[", "]"), ('{"a":', "}")])
    def test_data_may_nest_just_under_a_hundred_deep(self, depth, is_refused, before, after):
        received = decoded(f'2["message",{before * depth}1{after * depth}]')
        assert (received.data == [REFUSED_EVENT, "The data nests too deep."]) == is_refused

    @pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
    def test_the_server_sends_no_number_that_closes_a_browsers_connection(self, number):
        with pytest.raises(ValueError, match="not JSON compliant"):
            ChatPacket(packet.EVENT, data=["news", [number]]).encode()

    def test_what_the_server_sends_is_not_touched(self):
        assert ChatPacket(packet.EVENT, data=["welcome", "hi"]).encode() == '2["welcome","hi"]'
