"""Who is in the chat, and how many sockets and groups each may have."""

import pytest

from chatlib.limits import Limits
from chatlib.members import Members
from chatlib.messages import BadInputError


def members(**limits):
    return Members(Limits(**limits))


class TestMembers:
    def test_nobody_is_there_at_first(self):
        assert members().get("s1") is None
        with pytest.raises(KeyError):
            members()["s1"]

    def test_come_and_go(self):
        all_members = members()
        all_members.add({"id": "s1", "userId": "alice"}, {})
        assert all_members["s1"] is all_members.get("s1")
        assert all_members["s1"].sender == {"id": "s1", "userId": "alice"}
        all_members.remove("s1")
        assert all_members.get("s1") is None

    def test_who_has_gone_can_go_again(self):
        all_members = members(sockets_per_user=1)
        all_members.add({"id": "s1", "userId": "alice"}, {})
        all_members.remove("s1")
        all_members.remove("s1")
        assert len(all_members) == 0
        all_members.add({"id": "s2", "userId": "alice"}, {})
        with pytest.raises(BadInputError):  # no room was made for one more
            all_members.add({"id": "s3", "userId": "alice"}, {})
        assert [*all_members] == ["s2"]

    def test_the_audience_of_a_user_and_of_a_socket_without(self):
        all_members = members()
        all_members.add({"id": "s1", "userId": "alice"}, {})
        all_members.add({"id": "s2"}, {})
        assert all_members["s1"].audience == ["everyone", "user:alice"]
        assert all_members["s2"].audience == ["everyone"]

    @pytest.mark.parametrize("again", ["7", 7, 7.0])
    def test_a_user_is_one_however_it_is_written(self, again):
        all_members = members(sockets_per_user=1)
        all_members.add({"id": "s1", "userId": 7}, {})
        with pytest.raises(BadInputError, match="A user may have 1 connections"):
            all_members.add({"id": "s2", "userId": again}, {})
        assert all_members.get("s2") is None
        all_members.remove("s1")
        all_members.add({"id": "s2", "userId": again}, {})

    def test_a_refused_name_counts_nothing(self):
        all_members = members(name_length=3, sockets_per_user=1)
        with pytest.raises(BadInputError):
            all_members.add({"id": "s1", "userId": "bob", "name": "Robert"}, {})
        assert [*all_members] == []
        all_members.add({"id": "s2", "userId": "bob"}, {})

    def test_each_has_its_own_allowance_and_turn(self):
        all_members = members(burst=1)
        for sid in ("s1", "s2"):
            all_members.add({"id": sid}, {})
            all_members[sid].allowance.take()
        assert all_members["s1"].turn is not all_members["s2"].turn


class TestGroups:
    def test_are_counted_for_each_socket(self):
        all_members = members(rooms_per_socket=1)
        for sid in ("s1", "s2"):
            all_members.add({"id": sid}, {})
            all_members.join(sid, "room:tea")
        with pytest.raises(BadInputError, match="You may be in 1 rooms at once"):
            all_members.join("s1", "room:coffee")
        assert all_members["s1"].groups == {"room:tea"}
        all_members.leave("s1", "room:tea")
        all_members.join("s1", "room:coffee")

    def test_one_that_it_is_not_in_can_be_left(self):
        all_members = members()
        all_members.add({"id": "s1"}, {})
        all_members.leave("s1", "room:tea")

    def test_the_prefix_is_no_part_of_the_name(self):
        all_members = members(name_length=3)
        all_members.add({"id": "s1"}, {})
        all_members.join("s1", "room:tea")
        with pytest.raises(BadInputError):
            all_members.join("s1", "room:chai")
