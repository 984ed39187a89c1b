import itertools
import re
from xml.etree import ElementTree as ET

import pytest

from chatlib.lab import pictures
from chatlib.lab.pictures import Matrix, SequenceDiagram
from chatlib.lab.trace import SERVER, Emission, Fault, Packet, Trace

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '<script>alert("x & y")</script>'


class Story(Trace):
    """A trace that is easy to write down."""

    def __init__(self, *clients):
        super().__init__(clients=list(clients), ids={f"id-{name}": name for name in clients})

    def up(self, client, event, *data, kind="event", arrived=True):
        self.add(Packet(kind, client, SERVER, event, data, arrived))

    def down(self, client, event, *data, kind="event", arrived=True):
        self.add(Packet(kind, SERVER, client, event, data, arrived))

    def emit(self, event, *data, to=(), skip=(), present=None, heard=None, lost=()):
        present = tuple(self.clients if present is None else present)
        heard = present if heard is None else heard
        deliveries = [
            Packet("event", SERVER, name, event, data, name not in lost)
            for name in present
            if name in heard or name in lost
        ]
        self.add(Emission(event, data, to, skip, present, deliveries))


def a_bit_of_everything():
    story = Story("alice", "bob", "carol")
    for name in story.clients:
        story.up(name, "", kind="connect")
        story.down(name, "", kind="connected")
    story.up("alice", "say", "hi", 1)
    story.emit("said", "hi", 1)
    story.emit("said", "hi", to=("id-bob",), heard=["bob"])
    story.emit("said", "hi", skip=("id-alice",), heard=["bob", "carol"])
    story.emit("said", "hi", to=("red",), heard=["bob"], lost=["carol"])
    story.emit("said", to=("red", "id-alice"), skip=("id-bob", "id-carol"), heard=[])
    story.emit("said", present=[])
    story.down("alice", "say", {"ok": True}, kind="ack")
    story.up("bob", "say", "lost", arrived=False)
    story.up("carol", "", kind="disconnect")
    story.add_client("dave")
    story.up("dave", "", {"name": "dave"}, kind="connect")
    story.down("dave", "", {"message": "no"}, kind="refused")
    return story


def crowd(*names):
    story = Story(*names)
    story.up(names[0], "say", "hi")
    story.emit("said", "hi", skip=(f"id-{names[0]}",), heard=names[1:])
    return story


def long_payloads():
    story = Story("alice", "bob")
    story.up("alice", "say", "x" * 5000)
    story.emit("said", {"text": ["y" * 5000]}, heard=["alice"])
    story.emit("an event with a name that goes on and on " * 9, heard=["bob"])
    story.down("bob", "z" * 999, "w" * 999)
    return story


def hostile():
    story = Story(HOSTILE, "bob")
    story.up(HOSTILE, HOSTILE, HOSTILE, {HOSTILE: HOSTILE})
    story.emit(HOSTILE, HOSTILE, to=(HOSTILE,), skip=("id-bob",), heard=[HOSTILE])
    return story


def unprintable():
    name = "a\x00b\x1b\ud800\ufffe"
    story = Story(name, "bob")
    story.up(name, name, name)
    story.emit(name, name, to=(name,))
    return story


def broken():
    story = Story("alice", "bob")
    story.steps.append(Fault("bob", "the wire is cut"))
    story.emit("said", "hi", heard=["alice"])
    story.steps.append(Fault(SERVER, "the server is killed"))
    return story


STORIES = {
    "a bit of everything": a_bit_of_everything,
    "nothing": Story,
    "nobody did anything": lambda: Story("alice", "bob"),
    "one client": lambda: crowd("alice"),
    "two clients": lambda: crowd("alice", "bob"),
    "twelve clients": lambda: crowd(*(f"client {number}" for number in range(1, 13))),
    "names of all kinds": lambda: crowd("José", "名前は長い", "😀", "a" * 40, " ", "→●○"),
    "long payloads": long_payloads,
    "hostile": hostile,
    "broken": broken,
    "unprintable": unprintable,
}


@pytest.fixture(params=STORIES)
def story(request):
    return STORIES[request.param]()


def drawn(story):
    return [SequenceDiagram(story, story.steps), Matrix(story)]


def elements(picture, tag, style=None):
    root = ET.fromstring(picture.svg())
    found = root.iter(f"{SVG}{tag}")
    return [one for one in found if style is None or style in one.get("class", "").split()]


def number(element, name):
    return float(element.get(name))


# -- every picture ---------------------------------------------------------------------------------


def test_svg_is_well_formed_and_tells_itself(story):
    for picture in drawn(story):
        root = ET.fromstring(picture.svg())
        assert root.tag == f"{SVG}svg"
        assert root.get("role") == "img"
        assert root[0].tag == f"{SVG}title"
        assert root[0].text
        assert root[1].tag == f"{SVG}desc"
        assert root[1].text


def test_desc_is_the_text_form():
    for picture in drawn(a_bit_of_everything()):
        assert elements(picture, "desc")[0].text == picture.text()


def test_svg_refers_to_nothing_outside(story):
    for picture in drawn(story):
        markup = picture.svg().replace('"http://www.w3.org/2000/svg"', "")
        for reference in ("http:", "https:", "href", "url(", "@import", "@font-face", "src="):
            assert reference not in markup
        for one in ET.fromstring(picture.svg()).iter():
            assert one.tag.removeprefix(SVG) in {
                "svg", "title", "desc", "style", "rect", "line", "circle", "polygon", "text",
                "tspan",
            }  # fmt: skip
            assert not [name for name in one.attrib if name.startswith("on")]


def test_svg_has_no_ids_and_no_style_for_the_page_around_it(story):
    for picture in drawn(story):
        root = ET.fromstring(picture.svg())
        assert root.get("class") == "chatlib"
        assert not [one for one in root.iter() if one.get("id") is not None]
        style = re.sub(r"@media [^{]*\{", "", elements(picture, "style")[0].text)
        selectors = re.findall(r"([^{}]+)\{", style)
        assert selectors
        assert all(selector.split()[0] == ".chatlib" for selector in selectors)


def test_svg_fits_light_and_dark_pages(story):
    for picture in drawn(story):
        assert "@media (prefers-color-scheme: dark)" in elements(picture, "style")[0].text


def test_every_class_has_a_style_and_every_style_a_class():
    used = set()
    for make in STORIES.values():
        for picture in drawn(make()):
            for one in ET.fromstring(picture.svg()).iter():
                used.update(one.get("class", "").split())
    styled = set(re.findall(r"\.([a-z-]+)(?=[ .{])", pictures._STYLE))
    assert used - {"in-pill"} == styled


def test_svg_is_the_same_each_time(story):
    first = [picture.svg() for picture in drawn(story)]
    assert [picture.svg() for picture in drawn(story)] == first


def test_coordinates_are_rounded(story):
    for picture in drawn(story):
        for one in ET.fromstring(picture.svg()).iter():
            for name in ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height"):
                assert re.fullmatch(r"-?\d+(\.\d)?", one.get(name, "0"))


def test_everything_is_inside(story):
    for picture in drawn(story):
        root = ET.fromstring(picture.svg())
        width, height = number(root, "width"), number(root, "height")
        assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
        for one in root.iter():
            for name in ("x", "x1", "x2", "cx"):
                assert 0 <= float(one.get(name, 0)) <= width
            for name in ("y", "y1", "y2", "cy"):
                assert 0 <= float(one.get(name, 0)) <= height
            if one.tag == f"{SVG}rect":
                assert number(one, "x") + number(one, "width") <= width
                assert number(one, "y") + number(one, "height") <= height


def text_of(element):
    return "".join(element.itertext())


def test_no_text_runs_out_of_the_picture(story):
    for picture in drawn(story):
        root = ET.fromstring(picture.svg())
        width = number(root, "width")
        for text in root.iter(f"{SVG}text"):
            size = pictures.text_width(text_of(text))
            centred = text.get("text-anchor") == "middle"
            left = number(text, "x") - size / 2 * centred
            assert left >= -1, text_of(text)
            assert left + size <= width + 1, text_of(text)


def test_a_picture_shows_itself_in_both_forms(story):
    for picture in drawn(story):
        assert picture._repr_mimebundle_(include=None, exclude=None) == {
            "image/svg+xml": picture.svg(),
            "text/plain": picture.text(),
        }
        assert repr(picture) == picture.text()


def test_markup_in_names_and_payloads_is_text():
    for picture in drawn(hostile()):
        assert "<script" not in picture.svg()
        assert HOSTILE in "".join(text_of(one) for one in elements(picture, "text"))
        assert HOSTILE in elements(picture, "desc")[0].text


def test_text_that_no_encoding_has_is_replaced():
    for picture in drawn(unprintable()):
        picture.svg().encode()
        picture.text().encode()


def test_a_picture_fits_an_output_area():
    for names in (["alice"], ["alice", "bob", "carol"], [f"client {n}" for n in range(12)]):
        story = crowd(*names)
        assert number(elements(SequenceDiagram(story, story.steps), "svg")[0], "width") <= 860


# -- colours ---------------------------------------------------------------------------------------


def colours(scheme):
    light, dark = pictures._STYLE.split("@media (prefers-color-scheme: dark)")
    found = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", light))
    if scheme == "dark":
        found |= dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", dark))
    return found


def luminance(colour):
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_computed_as_it_should_be():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_each_colour_is_named_for_both_schemes():
    light, dark = pictures._STYLE.split("@media (prefers-color-scheme: dark)")
    names = re.findall(r"--([a-z-]+): #", light)
    assert sorted(re.findall(r"--([a-z-]+): #", dark)) == sorted(names)
    assert set(re.findall(r"var\(--([a-z-]+)\)", pictures._STYLE)) == set(names)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("ink", "page"),
        ("soft", "page"),
        ("ink", "name"),
        ("ink", "pill"),
        ("server-ink", "server"),
    ],
)
def test_text_can_be_read(scheme, text, ground):
    found = colours(scheme)
    assert contrast(found[text], found[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("line", ["up", "down", "lost", "soft"])
def test_arrows_and_rings_can_be_seen(scheme, line):
    found = colours(scheme)
    assert contrast(found[line], found["page"]) >= 3


# -- the sequence diagram --------------------------------------------------------------------------


def sequence(story):
    return SequenceDiagram(story, story.steps)


def test_sequence_text():
    assert sequence(a_bit_of_everything()).text() == (
        "alice  → server  connect\n"
        "server → alice   connected\n"
        "bob    → server  connect\n"
        "server → bob     connected\n"
        "carol  → server  connect\n"
        "server → carol   connected\n"
        'alice  → server  say "hi", 1\n'
        'server → alice   said "hi", 1\n'
        'server → bob     said "hi", 1\n'
        'server → carol   said "hi", 1\n'
        'server → bob     said "hi"\n'
        'server ○ alice and carol: not said "hi"\n'
        'server → bob     said "hi"\n'
        'server → carol   said "hi"\n'
        'server ○ alice: not said "hi"\n'
        'server → bob     said "hi"\n'
        'server ✗ carol   said "hi"\n'
        'server ○ alice: not said "hi"\n'
        "server ○ alice, bob and carol: not said\n"
        "server ○ nobody: said\n"
        'server → alice   answer to say {"ok": true}\n'
        'bob    ✗ server  say "lost"\n'
        "carol  → server  disconnect\n"
        'dave   → server  connect {"name": "dave"}\n'
        'server → dave    refused {"message": "no"}'
    )


def test_sequence_of_nothing():
    picture = sequence(Story("alice"))
    assert picture.text() == "Nothing has happened."
    assert "Nothing has happened." in [text_of(one) for one in elements(picture, "text")]


@pytest.mark.parametrize("name", STORIES)
def test_the_text_and_the_diagram_agree(name):
    story = STORIES[name]()
    picture = sequence(story)
    lines = picture.text().splitlines() if story.steps else []
    packets = [line for line in lines if re.search(r" (→|✗) ", line) and "●" not in line]
    arrows = elements(picture, "line", "arrow")
    tips = elements(picture, "polygon")
    crosses = elements(picture, "line", "lost-tip")
    rings = elements(picture, "circle", "not")
    steps = [step for step in story.steps if not isinstance(step, Fault)]
    flat = [p for step in steps for p in (step.deliveries if hasattr(step, "to") else [step])]
    missed = [
        name
        for step in steps
        if hasattr(step, "to")
        for name in step.present
        if name not in {packet.target for packet in step.deliveries}
    ]
    assert len(arrows) == len(flat)
    assert len(tips) == sum(packet.arrived for packet in flat)
    assert len(crosses) == 2 * sum(not packet.arrived for packet in flat)
    assert len(rings) == len(missed)
    if "names" not in name and "unprintable" not in name:
        assert len(packets) == len(flat)
        assert sum(line.count("✗") for line in lines) == sum(not packet.arrived for packet in flat)


def heads(picture):
    texts = elements(picture, "text", "head")
    return {text_of(one): number(one, "x") for one in texts}


def test_the_server_is_in_the_middle():
    assert list(heads(sequence(crowd("a", "b", "c", "d")))) == ["a", "b", SERVER, "c", "d"]
    assert list(heads(sequence(crowd("a", "b", "c")))) == ["a", SERVER, "b", "c"]
    assert list(heads(sequence(crowd("a")))) == [SERVER, "a"]


def test_arrows_point_from_the_sender_to_the_receiver():
    story = Story("alice", "bob")
    story.up("alice", "say")
    story.down("bob", "said")
    picture = sequence(story)
    x = heads(picture)
    up, down = elements(picture, "line", "arrow")
    assert number(up, "x1") == x["alice"]
    assert number(up, "x2") == pytest.approx(x[SERVER], abs=4)
    assert number(down, "x1") == x[SERVER]
    assert number(down, "x2") == pytest.approx(x["bob"], abs=4)


def test_a_lost_packet_does_not_get_there():
    story = Story("alice", "bob")
    story.up("alice", "say", arrived=False)
    picture = sequence(story)
    x = heads(picture)
    [arrow] = elements(picture, "line", "lost")
    assert number(arrow, "x1") == x["alice"]
    assert abs(number(arrow, "x2") - x[SERVER]) > 20
    assert elements(picture, "polygon") == []


def test_rings_are_on_the_lifelines_of_those_who_did_not_hear():
    story = Story("alice", "bob", "carol")
    story.emit("said", skip=("id-bob",), heard=["alice", "carol"])
    picture = sequence(story)
    [ring] = elements(picture, "circle", "not")
    assert number(ring, "cx") == heads(picture)["bob"]


def test_time_runs_downward():
    picture = sequence(a_bit_of_everything())
    heights = [number(one, "y1") for one in elements(picture, "line", "arrow")]
    assert heights == sorted(heights)
    assert len(set(heights)) == len(heights)


def test_only_those_who_take_part_are_drawn():
    story = Story("alice", "bob", "carol")
    story.up("bob", "say")
    assert list(heads(sequence(story))) == [SERVER, "bob"]


def test_ids_are_shown_as_names():
    story = Story("alice", "bob")
    story.emit("welcome", "Welcome id-alice", {"from": {"id": "id-bob"}}, to=("id-alice",))
    for picture in drawn(story):
        assert "id-" not in picture.svg()
        assert "id-" not in picture.text()
    assert 'welcome "Welcome <alice>", {"from": {"id": "<bob>"}}' in sequence(story).text()


def test_long_labels_are_clipped_to_the_room_between_lifelines():
    picture = sequence(long_payloads())
    labels = elements(picture, "text", "label") + elements(picture, "text", "in-pill")
    assert len(labels) == 4
    for label in labels:
        assert text_of(label).endswith("…")
        assert len(text_of(label)) < 90
    assert "x" * 5000 in picture.text()  # the text form has it all


def test_a_label_keeps_the_event_s_name_longer_than_its_data():
    story = Story("alice", "bob")
    story.up("alice", "an-event-with-a-name", "x" * 300)
    [label] = elements(sequence(story), "text", "label")
    assert text_of(label).startswith("an-event-with-a-name")


def test_wide_letters_are_given_their_room():
    assert pictures.text_width("名前") == 2 * pictures.text_width("ab")
    narrow, wide = Story("alice", "bob"), Story("alice", "bob")
    narrow.up("alice", "say", "a" * 300)
    wide.up("alice", "say", "名" * 300)
    for story in (narrow, wide):
        [label] = elements(sequence(story), "text", "label")
        x = heads(sequence(story))
        assert pictures.text_width(text_of(label)) <= abs(x["alice"] - x[SERVER])


# -- the matrix ------------------------------------------------------------------------------------


def test_matrix_text():
    lines = Matrix(a_bit_of_everything()).text().splitlines()
    assert [re.split(r" {2,}", line.rstrip()) for line in lines] == [
        ["", "alice", "bob", "carol"],
        ['io.emit("said")'],
        ['io.emit("said", to=bob)', "○", "●", "○"],
        ['io.emit("said", skip_sid=alice)', "○", "●", "●"],
        ['io.emit("said", to="red")', "○", "●", "○"],
        ['io.emit("said", to=["red", alice], skip_sid=[bob, carol])', "○", "○", "○"],
    ]
    marks = {line.index("○") for line in lines if "○" in line}
    assert marks == {lines[0].index("alice")}


def test_matrix_of_nothing():
    picture = Matrix(Story("alice"))
    assert picture.text() == "Nothing has been emitted."
    assert "Nothing has been emitted." in [text_of(one) for one in elements(picture, "text")]


@pytest.mark.parametrize("name", STORIES)
def test_the_text_and_the_matrix_agree(name):
    picture = Matrix(STORIES[name]())
    marks = "".join(
        line.rsplit(")", 1)[-1] for line in picture.text().splitlines() if "io.emit(" in line
    )
    assert len(elements(picture, "circle", "down-tip")) == marks.count("●")
    assert len(elements(picture, "circle", "not")) == marks.count("○")


def test_dots_and_rings_are_in_the_column_and_the_row():
    story = Story("alice", "bob")
    story.emit("one", heard=["alice"])
    story.emit("two", heard=["bob"])
    picture = Matrix(story)
    x = heads(picture)
    dots = elements(picture, "circle", "down-tip")
    rings = elements(picture, "circle", "not")
    assert [number(one, "cx") for one in dots] == [x["alice"], x["bob"]]
    assert [number(one, "cx") for one in rings] == [x["bob"], x["alice"]]
    assert [number(one, "cy") for one in dots] == [number(one, "cy") for one in rings]
    assert number(dots[0], "cy") < number(dots[1], "cy")


def test_of_equal_emissions_the_last_counts_in_the_place_of_the_first():
    story = Story("alice", "bob")
    story.emit("news", heard=["alice"])
    story.emit("other")
    story.emit("news", heard=["bob"])
    header, news, other = Matrix(story).text().splitlines()
    assert header.split() == ["alice", "bob"]
    assert news.split() == ['io.emit("news")', "○", "●"]
    assert other.split() == ['io.emit("other")', "●", "●"]


def test_who_was_not_there_has_no_mark():
    story = Story("alice", "bob")
    story.emit("early", present=["alice"])
    story.emit("late")
    _, early, late = Matrix(story).text().splitlines()
    assert early.split() == ['io.emit("early")', "●"]
    assert late.split() == ['io.emit("late")', "●", "●"]


@pytest.mark.parametrize(
    ("to", "skip", "python", "javascript"),
    [
        ((), (), 'io.emit("x")', "io.emit"),
        ((), ("id-alice",), 'io.emit("x", skip_sid=alice)', "socket.broadcast.emit"),
        (("id-alice",), (), 'io.emit("x", to=alice)', "socket.emit"),
        (("red",), (), 'io.emit("x", to="red")', 'io.to("red").emit'),
        ((None,), (), 'io.emit("x", to=null)', "io.emit"),
        (
            ("red",),
            ("id-bob",),
            'io.emit("x", to="red", skip_sid=bob)',
            'socket.to("red").emit',
        ),
        (
            ("red", "blue"),
            ("id-bob",),
            'io.emit("x", to=["red", "blue"], skip_sid=bob)',
            'socket.to("red").to("blue").emit',
        ),
    ],
)
def test_the_two_languages_of_the_matrix(to, skip, python, javascript):
    story = Story("alice", "bob")
    story.emit("x", to=to, skip=skip)
    picture = Matrix(story)
    texts = [text_of(one) for one in elements(picture, "text")]
    assert python in texts
    assert javascript in texts
    assert python in picture.text()


@pytest.mark.parametrize("count", [3, 8, 12, 30])
def test_no_head_covers_another(count):
    trace = Trace()
    for n in range(count):
        trace.add_client(f"student {n}")
    trace.add(Emission("news", (), (), (), [f"student {n}" for n in range(count)]))
    boxes = [
        (float(box.get("x")), float(box.get("y")), float(box.get("width")))
        for style in ("name", "server")
        for box in elements(SequenceDiagram(trace, trace.steps), "rect", style)
    ]
    assert len(boxes) == count + 1
    for (x, y, width), (other_x, other_y, _) in itertools.combinations(sorted(boxes), 2):
        assert y != other_y or x + width < other_x
