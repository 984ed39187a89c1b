"""Who is in the chat, and how many sockets and groups each may have."""

import pytest

from chatlib.limits import Limits
from chatlib.members import Members
from chatlib.messages import EVERYONE, Audience, BadInputError

TEA, COFFEE, CHAI = (Audience("group", name) for name in ("tea", "coffee", "chai"))


class AllMembers(Members):
    """Members, each on a connection of its own."""

    def enter(self, **sender):
        self.add(sender, self.allowance({}))


def members(**limits):
    return AllMembers(Limits(**limits))


class TestMembers:
    def test_nobody_is_there_at_first(self):
        assert members().get("s1") is None
        with pytest.raises(KeyError):
            members()["s1"]

    def test_come_and_go(self):
        all_members = members()
        all_members.enter(id="s1", userId="alice")
        assert all_members["s1"] is all_members.get("s1")
        assert all_members["s1"].sender == {"id": "s1", "userId": "alice"}
        all_members.remove("s1")
        assert all_members.get("s1") is None

    def test_who_has_gone_can_go_again(self):
        all_members = members(sockets_per_user=1)
        all_members.enter(id="s1", userId="alice")
        all_members.remove("s1")
        all_members.remove("s1")
        assert len(all_members) == 0
        all_members.enter(id="s2", userId="alice")
        with pytest.raises(BadInputError):  # no room was made for one more
            all_members.enter(id="s3", userId="alice")
        assert [*all_members] == ["s2"]

    def test_the_audiences_of_a_user_and_of_a_socket_without(self):
        all_members = members()
        all_members.enter(id="s1", userId="alice")
        all_members.enter(id="s2")
        alice = Audience("user", "alice")
        assert all_members["s1"].audiences == [EVERYONE, alice]
        assert all_members["s1"].address == alice
        assert all_members["s2"].audiences == [EVERYONE]
        assert all_members["s2"].address == Audience("socket", "s2")

    @pytest.mark.parametrize("again", ["7", 7, 7.0])
    def test_a_user_is_one_however_it_is_written(self, again):
        all_members = members(sockets_per_user=1)
        all_members.enter(id="s1", userId=7)
        with pytest.raises(BadInputError, match="A user may have 1 connections"):
            all_members.enter(id="s2", userId=again)
        assert all_members.get("s2") is None
        all_members.remove("s1")
        all_members.enter(id="s2", userId=again)

    def test_a_refused_name_counts_nothing(self):
        all_members = members(name_length=3, sockets_per_user=1)
        with pytest.raises(BadInputError):
            all_members.enter(id="s1", userId="bob", name="Robert")
        assert [*all_members] == []
        all_members.enter(id="s2", userId="bob")

    def test_each_has_its_own_allowance_and_turn(self):
        all_members = members(burst=1)
        for sid in ("s1", "s2"):
            all_members.enter(id=sid)
            all_members[sid].allowance.take()
        assert all_members["s1"].turn is not all_members["s2"].turn


class TestGroups:
    def test_are_counted_for_each_socket(self):
        all_members = members(rooms_per_socket=1)
        for sid in ("s1", "s2"):
            all_members.enter(id=sid)
            all_members.join(sid, TEA)
        with pytest.raises(BadInputError, match="You may be in 1 rooms at once"):
            all_members.join("s1", COFFEE)
        assert all_members["s1"].groups == {TEA}
        all_members.leave("s1", TEA)
        all_members.join("s1", COFFEE)

    def test_one_that_it_is_not_in_can_be_left(self):
        all_members = members()
        all_members.enter(id="s1")
        all_members.leave("s1", TEA)

    def test_have_names_of_a_bounded_length(self):
        all_members = members(name_length=3)
        all_members.enter(id="s1")
        all_members.join("s1", TEA)
        with pytest.raises(BadInputError):
            all_members.join("s1", CHAI)


class TestAllowance:
    def test_is_that_of_the_connection(self):
        all_members, connection = members(burst=7, messages_per_second=0.001), {}
        first = all_members.allowance(connection)
        first.take()
        assert all_members.allowance(connection) is first
        assert all_members.allowance({}) is not first

    def test_to_come_back_costs_a_second_s_events(self):
        all_members, connection = members(burst=7, messages_per_second=5), {}
        allowance = all_members.allowance(connection)  # to come is free
        all_members.allowance(connection)
        allowance.take()
        allowance.take()
        with pytest.raises(BadInputError, match="Too fast: 5 messages a second"):
            allowance.take()

    def test_who_comes_back_too_often_is_refused(self):
        all_members, connection = members(burst=2, messages_per_second=0.001), {}
        for _ in range(3):
            all_members.allowance(connection)
        with pytest.raises(BadInputError, match="Too fast"):
            all_members.allowance(connection)
