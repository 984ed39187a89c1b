import pytest

from support.mutant_checks import Mutant, check_notices, check_passes

pytestmark = pytest.mark.slow
LESSON = "09_keep_strangers_out.ipynb"
MUTANTS = {
    "groups and users share one name space": Mutant(
        "messages.py", '"group": "room:",', '"group": "",'
    ),
    "reserved names reach the handlers": Mutant(
        "engine/packets.py",
        "if data[0] in RESERVED_EVENTS:",
        "if False:",
        sign="KeyError",  # the server's own handler has run, with the attacker's arguments
    ),
    "a client may write its own from": Mutant(
        "server.py",
        'data | {"from": self.members[sid].sender}',
        '{"from": self.members[sid].sender} | data',
    ),
    "refused sockets receive what is for everyone": Mutant(
        "delivery.py",
        "to=message.rooms,",
        "to=[room for room in message.rooms if room != 'everyone'],",
    ),
    "a userId is believed without its token": Mutant(
        "identity.py", 'raise BadInputError("A userId needs its token.")', "return sender"
    ),
    "the beginning of the passcode is enough": Mutant(
        "identity.py", "sha256(_bytes(passcode)", "sha256(_bytes(passcode[:2])"
    ),
    "the passcode may go on": Mutant(
        "identity.py", "sha256(_bytes(passcode)", "sha256(_bytes(passcode[:3])"
    ),
    "a token's signature is not checked": Mutant(
        "identity.py",
        "self._tokens.loads(_bytes(token))",
        "self._tokens.loads_unsafe(_bytes(token))[1]",
    ),
    "the rate is not limited": Mutant("limits.py", "self._events -= events", "pass"),
    "the size is not limited": Mutant("limits.py", "limits.check_size(size)", "pass"),
    "a log line may be two": Mutant(
        "__main__.py",
        "character if character.isprintable() else repr(character)[1:-1]",
        "character",
    ),
}


def test_passes_with_an_unbroken_copy(tmp_path):
    check_passes(LESSON, tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_notices_that(mutant, tmp_path):
    check_notices(LESSON, MUTANTS[mutant], tmp_path)
