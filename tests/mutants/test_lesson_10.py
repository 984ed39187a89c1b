import pytest

from support.mutant_checks import Mutant, check_notices, check_passes

pytestmark = pytest.mark.slow
LESSON = "10_on_the_wire.ipynb"
MUTANTS = {
    "the server's frames are not recorded": Mutant(
        "lab/recorder.py",
        'self._note_frame(link, data, sent, "GET" if is_polling else "")',
        "pass",
    ),
    "who got nothing of an emission is not said": Mutant(
        "lab/pictures/frames.py", "if name not in sent]", "if False]"
    ),
    "one frame for several is drawn several times": Mutant(
        "lab/pictures/frames.py", "if line is None or frame", "if True or frame"
    ),
    "attachments are taken for events of their own": Mutant(
        "lab/recorder.py", "if sent.event != BINARY:  # what follows", "if True:  # what follows"
    ),
    "what is sent by hand is not told apart": Mutant(
        "lab/recorder.py", "by_hand=link.is_raw and sent.target == SERVER", "by_hand=False"
    ),
    "a call is taken for an emit with a callback": Mutant(
        "lab/recorder.py", '"call" if _is_calling.get() else "callback"', '"callback"'
    ),
    "the name of a client by hand is forgotten": Mutant(
        "lab/links.py", "told = raw if name is None else name", "told = name"
    ),
    "the namespace is left out of a picture": Mutant(
        "lab/packets.py", 'found.namespace = read.namespace or "/"', "pass"
    ),
    "the end of a WebSocket is not told": Mutant(
        "lab/raw.py", "        heard.put_nowait(None)\n", "        pass\n", sign="Waited 5 s"
    ),
    "a client by hand answers pings by itself": Mutant(
        "lab/raw.py",
        "                heard.put_nowait(message.data)",
        "                heard.put_nowait(message.data); "
        'message.data == "2" and await websocket.send_str("3")',
    ),
    "clients enter no namespace but the main one": Mutant(
        "lab/lab.py", "auth=auth, namespaces=namespaces", "auth=auth"
    ),
    "the page is another": Mutant("page/__init__.py", '"console.html"', '"index.html"'),
}


def test_passes_with_an_unbroken_copy(tmp_path):
    check_passes(LESSON, tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_notices_that(mutant, tmp_path):
    check_notices(LESSON, MUTANTS[mutant], tmp_path)
