import pytest

from support.mutant_checks import Mutant, check_notices, check_passes

pytestmark = pytest.mark.slow
LESSON = "11_the_classroom.ipynb"
MUTANTS = {
    "a removed person is let in again": Mutant(
        "classroom/chat.py", "if people[user].is_removed:", "if False:"
    ),
    "a name may be another's": Mutant(
        "classroom/chat.py", "if record.called(name) or alike", "if alike"
    ),
    "the instructor's name may be anybody's": Mutant(
        "classroom/chat.py",
        "record.called(name) or alike(name, record.instructor)",
        "record.called(name)",
    ),
    "only the same spelling is the same name": Mutant(
        "classroom/record.py", "return _looks(one) == _looks(other)", "return one == other"
    ),
    "a locked class lets newcomers in": Mutant("classroom/chat.py", "if record.is_locked or", "if"),
    "a locked class keeps out who was here": Mutant(
        "classroom/chat.py",
        "if people[user].is_removed:",
        "if people[user].is_removed or self._record.is_locked:",
    ),
    "anybody writes into a breakout room": Mutant(
        "classroom/chat.py",
        "if self._record.room_of(self.user(sid)) != to.name:",
        "if False:",
        sign="KeyError",  # of the error that there is not
    ),
    "nobody is brought into their breakout room": Mutant(
        "classroom/chat.py", "if own:", "if False:"
    ),
    "a private message is for everyone": Mutant(
        "classroom/room.py", ', Audience("user", user))', ", EVERYONE)"
    ),
    "what is said in a breakout room is for everyone": Mutant(
        "classroom/room.py", '"room": to}, read_group(to))', '"room": to}, EVERYONE)'
    ),
    "the transcript has what was private": Mutant(
        "classroom/record.py",
        "in self._kept(EVERYONE)]",
        "in self._kept(EVERYONE, INSTRUCTOR)]",
    ),
    "the first answer counts": Mutant(
        "classroom/record.py",
        'self.open_poll.answers[data["user"]] = data["option"]',
        'self.open_poll.answers.setdefault(data["user"], data["option"])',
    ),
    "any number is an option": Mutant(
        "classroom/chat.py",
        "if type(option) is not int or not 0 <= option < len(poll.options):",
        "if False:",
        sign="KeyError",
    ),
    "a hand that is up can go up again": Mutant(
        "classroom/chat.py",
        "hands.setdefault(user) if raised",
        "(hands.pop(user, None), hands.setdefault(user)) if raised",
    ),
    "a flood goes through": Mutant(
        "classroom/room.py",
        "Limits(messages_per_second=5, burst=20)",
        "Limits()",
        sign="IndexError",
    ),
    "the port is forgotten": Mutant("classroom/room.py", '| {"port": port})', '| {"port": 0})'),
    "the secret is forgotten": Mutant(
        "classroom/record.py",
        "self.opened |= data",
        'self.opened |= {**data, "secret": self.opened["secret"]}',
        sign="to be back",
    ),
    "answers are forgotten": Mutant(
        "classroom/chat.py",
        'await self._record.note("answered", {',
        "poll.answers[user] = option; dict({",
    ),
}


def test_passes_with_an_unbroken_copy(tmp_path):
    check_passes(LESSON, tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_notices_that(mutant, tmp_path):
    check_notices(LESSON, MUTANTS[mutant], tmp_path)
