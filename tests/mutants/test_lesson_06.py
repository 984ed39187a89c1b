import pytest

from support.mutant_checks import Mutant, check_notices, check_passes

pytestmark = pytest.mark.slow
LESSON = "06_the_whole_server.ipynb"
FIRST_TAB = '[tab for tab, _ in self._io.manager.get_participants("/", message.to.room)][:1]'
MUTANTS = {
    "welcome is dropped": Mutant(
        "server.py",
        'await self.io.emit("welcome", f"Welcome to the server {sid}", to=sid)',
        "pass",
    ),
    "broadcast reaches the newcomer too": Mutant(
        "server.py",
        'f"{sid} joined the server", to=EVERYONE.room, skip_sid=sid)',
        'f"{sid} joined the server", to=EVERYONE.room)',
    ),
    "the sender is not excluded from a room": Mutant(
        "server.py",
        '"single-message", data, to=to, skip_sid=sid)',
        '"single-message", data, to=to, skip_sid=sid if to.kind == "user" else None)',
    ),
    "a room message goes to everyone": Mutant(
        "messages.py",
        'else Audience("group", text)',
        "else EVERYONE",
    ),
    "join-room does nothing": Mutant(
        "server.py",
        "await self.delivery.let_in(sid, [group], offset, lambda: group in groups)",
        "pass",
    ),
    "leave-room does nothing": Mutant(
        "server.py", "await self.io.leave_room(sid, group.room)", "pass"
    ),
    "a direct message reaches only one of two tabs": Mutant(
        "delivery.py",
        "to=message.rooms,",
        f'to={FIRST_TAB} + message.rooms[1:] if message.to.kind == "user" else message.rooms,',
    ),
    "a direct message misses the sender's other tab": Mutant(
        "database.py",
        "return [self.to.room, self.sender.room] if own else [self.to.room]",
        "return [self.to.room]",
    ),
    "a direct message comes back to the tab that it was written in": Mutant(
        "server.py",
        '"single-message", data, to=to, skip_sid=sid)',
        '"single-message", data, to=to, skip_sid=None if to.kind == "user" else sid)',
    ),
    "others is ignored": Mutant("server.py", "if others:", "if False:"),
    "from is taken from the client": Mutant(
        "server.py",
        'data | {"from": self.members[sid].sender}',
        '{"from": self.members[sid].sender} | data',
    ),
    "the acknowledgement is missing": Mutant(
        "answers.py",
        "return _sendable(await self._handle(event, sid, data))",
        "await self._handle(event, sid, data)",
    ),
    "bad input is not answered": Mutant("answers.py", "return refused(str(error))", "return None"),
    "an unknown event is not answered": Mutant(
        "answers.py",
        'raise BadInputError(f"There is no such event here; there are {known}.")',
        "return None",
    ),
    "a group may be named like a socket": Mutant(
        "messages.py", "if is_socket_id(text):", "if False:"
    ),
}


def test_passes_with_an_unbroken_copy(tmp_path):
    check_passes(LESSON, tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_notices_that(mutant, tmp_path):
    check_notices(LESSON, MUTANTS[mutant], tmp_path)
