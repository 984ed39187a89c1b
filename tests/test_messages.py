"""The contract by itself: no server, no network."""

import math

import pytest

from chatlib.messages import (
    EVERYONE,
    Address,
    Audience,
    BadInputError,
    is_socket_id,
    new_socket_id,
    read_address,
    read_auth,
    read_group,
    read_group_or_socket,
    read_user,
)

SOCKET_ID = "~" + 22 * "a"
NOT_NAMES = [None, "", True, False, math.nan, math.inf, -math.inf, [], ["a"], {}, {"a": 1}, b"a"]


class TestNames:
    @pytest.mark.parametrize("name", NOT_NAMES)
    def test_what_is_neither_text_nor_a_number_is_no_name(self, name):
        reading = [(read_group, "room"), (read_group_or_socket, "room"), (read_user, "user")]
        for read, what in reading:
            with pytest.raises(BadInputError) as error:
                read(name)
            assert str(error.value) == f"{what} must be non-empty text or a number."

    @pytest.mark.parametrize(
        ("number", "text"),
        [(7, "7"), (7.0, "7"), (-0.0, "0"), (7.5, "7.5"), (10**30, "1" + 30 * "0")],
    )
    def test_a_number_is_the_same_name_as_its_text(self, number, text):
        assert read_group(number) == read_group(text)
        assert read_user(number) == read_user(text)

    def test_groups_users_and_sockets_share_no_room(self):
        names = ["x", "everyone", SOCKET_ID[:-1], "~", " ", "é", "room", "user"]
        groups = {read_group(name).room for name in names}
        users = {read_user(name).room for name in [*names, SOCKET_ID]}
        assert groups.isdisjoint(users)
        assert (groups | users).isdisjoint([EVERYONE.room, SOCKET_ID])
        # Nor can a name that is made up like a room's bring anyone into it.
        made_up = {read_group(room).room for room in groups | users}
        assert made_up.isdisjoint(groups | users)

    def test_different_names_are_different_rooms(self):
        names = ["a", "A", " a", "a ", "room:a", "7", "7.0", "07"]
        assert len({read_group(name).room for name in names}) == len(names)

    def test_a_group_cannot_look_like_a_socket(self):
        with pytest.raises(BadInputError, match="in the form of a socket id"):
            read_group(SOCKET_ID)

    def test_a_user_can_look_like_a_socket(self):
        assert read_user(SOCKET_ID) == Audience("user", SOCKET_ID)


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
            ({"room": "tea"}, Address(Audience("group", "tea"))),
            ({"room": 7}, Address(Audience("group", "7"))),
            ({"room": SOCKET_ID}, Address(Audience("socket", SOCKET_ID))),
            ({"user": 2}, Address(Audience("user", "2"))),
            ({"user": SOCKET_ID}, Address(Audience("user", SOCKET_ID))),
            ({"room": "tea", "others": True}, Address(Audience("group", "tea"))),
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
