import itertools
import json
import re
from collections import Counter
from html.parser import HTMLParser
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest

from chatlib.lab.exercises.comparison import Comparison
from chatlib.lab.pictures import Frames, Matrix, SequenceDiagram
from chatlib.lab.pictures.lettering import text_width
from chatlib.lab.pictures.style import PALETTE, STYLES
from chatlib.lab.trace import SERVER, Emission, Fault, Packet, Trace
from chatlib.lab.words import plain

SHAPES = {"rect", "line", "circle", "polygon"}
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '<script>alert("x & y")</script>'


class Story(Trace):
    """A trace that is easy to write down."""

    def __init__(self, *clients):
        super().__init__(clients=list(clients), ids={f"id-{name}": name for name in clients})

    def up(self, client, event, *data, kind="event", arrived=True, namespace="/"):
        self.add(Packet(kind, client, SERVER, event, data, arrived, namespace))

    def down(self, client, event, *data, kind="event", arrived=True, namespace="/"):
        self.add(Packet(kind, SERVER, client, event, data, arrived, namespace))

    def emit(self, event, *data, to=(), skip=(), present=None, heard=None, lost=(), **more):
        present = tuple(self.clients if present is None else present)
        heard = present if heard is None else heard
        deliveries = [
            Packet("event", SERVER, name, event, data, name not in lost)
            for name in present
            if name in heard or name in lost
        ]
        self.add(Emission(event, data, to, skip, present, deliveries, **more))


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
    story.steps.append(Fault(name, name))
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


def framed(story):
    """Record a frame for each packet of a story, and two that carry none."""
    for step in story.steps:
        for packet in step.deliveries if isinstance(step, Emission) else [step]:
            if isinstance(packet, Packet):
                frame = f"42/admin,7{json.dumps([packet.event, *packet.data])}"
                story.add_frame(packet.source, packet.target, frame, part_of=step)
                story.add_frame(packet.source, packet.target, bytes(99), part_of=step)
    for name in story.clients:
        story.add_frame(name, SERVER, f"2{name}", by_hand=True, over="POST")
    return Frames(story, *story.take_frames())


def drawn(story):
    return [SequenceDiagram(story, story.steps), Matrix(story)]


def all_drawn(story):
    return [*drawn(story), framed(story)]


def elements(picture, tag, style=None):
    root = ET.fromstring(picture.svg())
    found = root.iter(f"{SVG}{tag}")
    return [one for one in found if style is None or style in one.get("class", "").split()]


def number(element, name):
    return float(element.get(name))


# -- every picture ---------------------------------------------------------------------------------


def test_svg_is_well_formed_and_tells_itself(story):
    for picture in all_drawn(story):
        root = ET.fromstring(picture.svg())
        assert root.tag == f"{SVG}svg"
        assert root.get("role") == "img"
        assert root[0].tag == f"{SVG}title"
        assert root[0].text
        assert root[1].tag == f"{SVG}desc"
        assert root[1].text


def test_desc_is_what_the_picture_shows_in_words():
    for picture in all_drawn(a_bit_of_everything()):
        assert elements(picture, "desc")[0].text == "\n".join(picture.sentences())


def test_svg_refers_to_nothing_outside(story):
    for picture in all_drawn(story):
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
    for picture in all_drawn(story):
        root = ET.fromstring(picture.svg())
        assert root.get("class") == "chatlib"
        assert not [one for one in root.iter() if one.get("id") is not None]
        style = re.sub(r"@media [^{]*\{", "", elements(picture, "style")[0].text)
        selectors = re.findall(r"([^{}]+)\{", style)
        assert selectors
        assert all(selector.split()[0] == ".chatlib" for selector in selectors)


def test_svg_has_its_light_colours_without_a_style_sheet(story):
    light = {colour for colour, _ in PALETTE.values()}
    for picture in all_drawn(story):
        root = ET.fromstring(picture.svg())
        assert root.get("fill") in light
        shapes = [one for one in root.iter() if one.tag.removeprefix(SVG) in SHAPES]
        assert shapes
        for shape in shapes:
            assert {shape.get("fill"), shape.get("stroke")} <= light | {None}
            assert shape.get("fill") or shape.get("stroke")


def test_the_style_sheet_only_replaces_colours_on_dark_pages(story):
    for picture in all_drawn(story):
        style = elements(picture, "style")[0].text.strip()
        assert style.startswith("@media (prefers-color-scheme: dark) {")
        declared = re.findall(r"([a-z-]+): (\S+?)[; ]", style.split("{", 1)[1])
        assert {name for name, _ in declared} == {"fill", "stroke"}
        assert {colour for _, colour in declared} <= {dark for _, dark in PALETTE.values()}


def test_every_class_has_a_style_and_every_style_a_class():
    used = set()
    for make in STORIES.values():
        for picture in all_drawn(make()):
            for one in ET.fromstring(picture.svg()).iter():
                used.update(one.get("class", "").split())
    assert used == set(STYLES)


def test_each_class_in_a_picture_is_dark_on_dark_pages(story):
    for picture in all_drawn(story):
        root = ET.fromstring(picture.svg())
        used = {one.get("class") for one in root.iter() if one.get("class")} - {"chatlib"}
        style = elements(picture, "style")[0].text
        assert set(re.findall(r"\.chatlib \.([a-z-]+) \{", style)) == used


def test_svg_is_the_same_each_time(story):
    first = [picture.svg() for picture in all_drawn(story)]
    assert [picture.svg() for picture in all_drawn(story)] == first


def test_coordinates_are_rounded(story):
    for picture in all_drawn(story):
        for one in ET.fromstring(picture.svg()).iter():
            for name in ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height"):
                assert re.fullmatch(r"-?\d+(\.\d)?", one.get(name, "0"))


def test_everything_is_inside(story):
    for picture in all_drawn(story):
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


def arrows_of(picture):
    kinds = ("up", "down", "answer", "lost")
    return [one for one in elements(picture, "line") if one.get("class") in kinds]


def text_of(element):
    return "".join(element.itertext())


def test_no_text_runs_out_of_the_picture(story):
    for picture in all_drawn(story):
        root = ET.fromstring(picture.svg())
        width = number(root, "width")
        for text in root.iter(f"{SVG}text"):
            size = text_width(text_of(text))
            centred = text.get("text-anchor") == "middle"
            left = number(text, "x") - size / 2 * centred
            assert left >= -1, text_of(text)
            assert left + size <= width + 1, text_of(text)


class Image(HTMLParser):
    """The attributes of the only element of a piece of HTML."""

    def __init__(self, markup):
        super().__init__()
        self.attributes = None
        self.feed(markup)

    def handle_starttag(self, tag, attributes):
        assert (tag, self.attributes) == ("img", None)
        self.attributes = dict(attributes)


def test_a_picture_is_an_image_in_html_and_text(story):
    for picture in all_drawn(story):
        assert picture._repr_mimebundle_(include=None, exclude=None) == {
            "text/html": picture.html(),
            "text/plain": picture.text(),
        }
        assert repr(picture) == picture.text()
        image = Image(picture.html()).attributes
        assert image["style"] == "max-width: 100%"
        kind, _, data = image["src"].partition(",")
        assert kind == "data:image/svg+xml;charset=utf-8"
        assert unquote(data) == picture.svg()


def test_nothing_is_lost_when_a_browser_drops_the_new_lines_of_an_address(story):
    for picture in all_drawn(story):
        data = Image(picture.html()).attributes["src"].partition(",")[2].replace("\n", "")
        seen, whole = ET.fromstring(unquote(data)), ET.fromstring(picture.svg())
        for tag in ("title", "desc", "text"):
            texts = [text_of(one) for one in whole.iter(f"{SVG}{tag}")]
            assert [text_of(one) for one in seen.iter(f"{SVG}{tag}")] == texts


def test_a_change_in_a_picture_is_a_change_of_a_few_lines():
    one, other = crowd("alice", "bob"), crowd("alice", "bob")
    other.up("bob", "say")
    first, second = (sequence(story).html().splitlines() for story in (one, other))
    assert 20 < len(first) < len(second)
    assert len(set(first) - set(second)) <= 8  # its height is in a few, and its words


def test_an_image_has_the_title_and_the_sentences_as_its_words(story):
    for picture in drawn(story):
        words = Image(picture.html()).attributes["alt"].splitlines()
        assert words == [f"{picture.title}.", *map(plain, picture.sentences())]


def test_the_words_of_an_image_end_before_they_tire_whoever_listens():
    story = Story("alice", "bob")
    for _ in range(40):
        story.up("alice", "say", "hi")
    words = Image(sequence(story).html()).attributes["alt"].splitlines()
    assert len(words) == 27
    assert words[-1] == "And 12 more; the text form has them."


def test_markup_in_names_and_payloads_is_text():
    for picture in all_drawn(hostile()):
        assert "<script" not in picture.svg()
        assert "<script" not in picture.html()
        assert "<script" in "".join(text_of(one) for one in elements(picture, "text"))
        assert "<script" in elements(picture, "desc")[0].text
        assert "<script" in Image(picture.html()).attributes["alt"]


def test_text_that_no_encoding_has_is_replaced():
    for picture in all_drawn(unprintable()):
        picture.svg().encode()
        picture.text().encode()
        picture.html().encode()


def test_a_picture_is_legible_in_a_window_of_900_px():
    # JupyterLab has 448 px for it there: of 600 px that leaves letters of 12 px 9 px.
    for names in (["alice"], ["alice", "bob", "carol"], [f"client {n}" for n in range(40)]):
        story = crowd(*names)
        for picture in all_drawn(story):
            assert number(elements(picture, "svg")[0], "width") <= 600


# -- colours ---------------------------------------------------------------------------------------


def colours(scheme):
    return {name: found[scheme == "dark"] for name, found in PALETTE.items()}


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
    arrows = arrows_of(picture)
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
    texts = elements(picture, "text", "head") + elements(picture, "text", "server-head")
    found = {text_of(one): number(one, "x") for one in texts}
    return dict(sorted(found.items(), key=lambda one: one[1]))


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
    up, down = arrows_of(picture)
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
    heights = [number(one, "y1") for one in arrows_of(picture)]
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


def labels_of(picture):
    return [text for text in elements(picture, "text") if text.find(f"{SVG}tspan") is not None]


def test_long_data_is_cut_everywhere_and_its_size_is_said():
    story = Story("alice", "bob")
    story.up("alice", "say", "x" * 900_000)
    story.emit("said", {"text": ["y" * 5000]}, heard=["alice"])
    picture = sequence(story)
    assert len(picture.html()) < 8000
    for words in (picture.text(), picture.spoken(), "".join(map(text_of, labels_of(picture)))):
        assert re.search(r"say \"x{40,}… \(900 kB\)", words)
        assert re.search(r'said {"text": \["y{30,}… \(5 kB\)', words)
        assert len(words) < 900


def test_an_id_in_long_data_is_not_halved():
    story = Story("a")
    story.ids = {20 * "i": "a"}  # as long as an id is, with a name that is shorter
    story.up("a", "say", 20 * "i" * 1000)
    assert "i" not in sequence(story).text().partition("say")[2]


def test_labels_are_clipped_to_the_picture():
    for label in labels_of(sequence(long_payloads())):
        assert "…" in text_of(label)
        assert len(text_of(label)) < 90


def test_a_label_keeps_the_event_s_name_longer_than_its_data():
    story = Story("alice", "bob")
    story.up("alice", "an-event-with-a-name", "x" * 300)
    [label] = labels_of(sequence(story))
    assert text_of(label).startswith("an-event-with-a-name")


def test_wide_letters_are_given_their_room():
    assert text_width("名前") == 2 * text_width("ab")
    narrow, wide = Story("alice", "bob"), Story("alice", "bob")
    narrow.up("alice", "say", "a" * 300)
    wide.up("alice", "say", "名" * 300)
    for story in (narrow, wide):
        [label] = labels_of(sequence(story))
        assert text_width(text_of(label)) <= 600


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
        ((), ("id-bob",), 'io.emit("x", skip_sid=bob)', "io.except(bob).emit"),
        (("id-alice",), (), 'io.emit("x", to=alice)', "socket.emit"),
        (("id-bob",), (), 'io.emit("x", to=bob)', "io.to(bob).emit"),
        (("red",), (), 'io.emit("x", to="red")', 'io.to("red").emit'),
        ((None,), (), 'io.emit("x", to=None)', "io.emit"),
        (
            ("red",),
            ("id-bob",),
            'io.emit("x", to="red", skip_sid=bob)',
            'io.to("red").except(bob).emit',
        ),
        (
            ("red", "blue"),
            ("id-alice",),
            'io.emit("x", to=["red", "blue"], skip_sid=alice)',
            'socket.to("red").to("blue").emit',
        ),
    ],
)
def test_the_two_languages_of_the_matrix_in_a_handler_of_alice_s(to, skip, python, javascript):
    story = Story("alice", "bob")
    story.emit("x", to=to, skip=skip, caller="alice")
    picture = Matrix(story)
    texts = [text_of(one) for one in elements(picture, "text")]
    assert python in texts
    assert javascript in texts
    assert python in picture.text()


@pytest.mark.parametrize(
    ("form", "javascript"),
    [({"to": ("id-alice",)}, "io.to(alice).emit"), ({"skip": ("id-bob",)}, "io.except(bob).emit")],
)
def test_outside_of_handlers_there_is_no_socket_of_one_s_own(form, javascript):
    story = Story("alice", "bob")
    story.emit("x", **form)
    assert javascript in [text_of(one) for one in elements(Matrix(story), "text")]


@pytest.mark.parametrize("count", [3, 8, 12])
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


# -- namespaces, and other servers -----------------------------------------------------------------


def with_an_admin():
    story = Story("alice", "bob")
    story.up("alice", "", kind="connect", namespace="/admin")
    story.emit("news", "hi", heard=["alice", "bob"])
    story.emit("news", "hi", present=["alice"], namespace="/admin")
    story.up("alice", "ask", namespace="/admin")
    story.down("alice", "ask", kind="ack", namespace="/admin")
    return story


def test_what_is_said_in_another_namespace_says_so():
    assert sequence(with_an_admin()).text().splitlines() == [
        "alice  → server  /admin: connect",
        'server → alice   news "hi"',
        'server → bob     news "hi"',
        'server → alice   /admin: news "hi"',
        "alice  → server  /admin: ask",
        "server → alice   /admin: answer to ask",
    ]


def test_emissions_to_two_namespaces_have_two_rows():
    picture = Matrix(with_an_admin())
    _, *rows = picture.text().splitlines()
    assert [re.split(r" {2,}", row) for row in rows] == [
        ['io.emit("news")', "●", "●"],
        ['io.emit("news", namespace="/admin")', "●"],
    ]
    assert 'io.of("/admin").emit' in [text_of(one) for one in elements(picture, "text")]


def test_an_emission_of_another_server_s_says_so():
    story = Story("alice")
    story.emit("news", "hi")
    story.emit("news", "hi", is_foreign=True)
    own, foreign = sequence(story).text().splitlines()
    assert foreign == f"{own} (from another server)"
    _, *rows = Matrix(story).text().splitlines()
    assert [row.split("  ")[0] for row in rows] == ['io.emit("news")', 'io.emit("news")']
    assert "# another server's" in rows[1]


def test_nobody_here_may_be_somebody_elsewhere():
    story = Story("alice")
    story.emit("news", present=[], is_shared=True)
    assert sequence(story).text() == "server ○ nobody here: news"


# -- what is too much ------------------------------------------------------------------------------


def long_story(steps):
    story = Story("alice", "bob")
    for number in range(steps):
        story.up("alice", "say", number)
    return story


def test_the_middle_of_a_long_story_is_left_out_and_that_is_said():
    picture = sequence(long_story(300))
    lines = picture.text().splitlines()
    assert lines[0].endswith("say 0")
    assert lines[18] == "264 steps are left out here"
    assert lines[19].endswith("say 282")
    assert lines[-1].endswith("say 299")
    assert len(lines) == 37
    assert "264 steps are left out here" in [text_of(one) for one in elements(picture, "text")]


@pytest.mark.parametrize("clients", [1, 3, 12, 60])
@pytest.mark.parametrize("form", ["io.emit", "io.emit to nobody", "client.emit", "a fault"])
def test_no_picture_is_higher_than_two_screens(clients, form):
    story = Story(*(f"client {number}" for number in range(clients)))
    for number_of_step in range(300):
        match form:
            case "io.emit":
                story.emit("said", to=(number_of_step,))
            case "io.emit to nobody":
                story.emit("said", to=(number_of_step,), heard=[])
            case "client.emit":
                story.up("client 0", "say")
            case _:
                story.steps.append(Fault("client 0", "the wire is cut"))
    for picture in all_drawn(story):
        assert number(elements(picture, "svg")[0], "height") < 1900


@pytest.mark.parametrize("steps", [35, 36])
def test_what_fits_is_drawn_whole(steps):
    assert len(sequence(long_story(steps)).text().splitlines()) == steps


def a_lecture_hall():
    names = [f"student {number}" for number in range(40)]
    story = Story(*names)
    story.up("student 39", "say", "hi")
    story.up("student 3", "say", "hi")
    story.emit("said", "hi", skip=("id-student 39",), heard=names[:38])
    story.down("student 20", "psst")
    return story


def test_a_crowd_is_drawn_in_part_and_the_rest_is_counted():
    picture = sequence(a_lecture_hall())
    assert len(heads(picture)) == 13
    assert "student 39" in heads(picture)  # who says something is always there
    assert "server … 27 more heard it, 1 more did not" in re.sub(" +", " ", picture.text())
    assert "psst" not in picture.text() + picture.svg()
    note = "28 clients are left out, with what they sent and were sent alone."
    assert picture.text().splitlines()[-1] == note
    assert note in [text_of(one) for one in elements(picture, "text")]
    assert number(elements(picture, "svg")[0], "height") < 700


def test_a_matrix_of_a_crowd_says_whom_it_leaves_out():
    picture = Matrix(a_lecture_hall())
    assert list(heads(picture))[11:] == ["student 11", "28 more"]
    note = "28 more: clients without a column, and how many heard it."
    assert picture.text().splitlines()[-1] == note
    assert note in [text_of(one) for one in elements(picture, "text")]
    assert "26" in [text_of(one) for one in elements(picture, "text")]
    assert "student 11 and 26 more heard it; 2 of those left out did not." in picture.spoken()


def test_what_only_those_heard_who_are_not_drawn_was_heard():
    story = a_lecture_hall()
    story.emit("psst", to=("red",), heard=["student 30"])
    for picture in drawn(story):
        assert "nobody" not in picture.spoken() + picture.text()
    assert 'io.emit("psst", to="red"): 1 of those left out heard it; ' in Matrix(story).spoken()
    assert "server to 1 of those left out: psst." in sequence(story).spoken()


def test_a_matrix_with_many_rows_says_how_many_it_leaves_out():
    story = Story("alice")
    for one in range(100):
        story.emit(f"event {one}")
    picture = Matrix(story)
    lines = picture.text().splitlines()
    assert len(lines) == 22
    assert lines[11] == "80 rows are left out here"
    assert "80 rows are left out here" in [text_of(one) for one in elements(picture, "text")]
    assert number(elements(picture, "svg")[0], "height") < 2000


def test_long_names_are_cut_in_the_middle():
    name = "a student of " + 200 * "x" + " 17"
    for picture in drawn(crowd(name, "bob")):
        [head] = [text for text in heads(picture) if text != "bob" and text != SERVER]
        assert head == "a stude…xxxx 17"


@pytest.mark.parametrize(
    "names",
    [
        [f"client number {number} of the class" for number in range(9)],
        [f"client number {1000 * number} of the class {number}" for number in range(9)],
        ["名前は長い" * 4 + end + "名前は長い" * 4 for end in ("", "一", "二", "長")],
        ["a" * 200 + "b" * end + "a" * 200 for end in range(1, 12, 5)],
    ],
)
def test_long_names_that_differ_do_not_look_the_same(names):
    for picture in drawn(crowd(*names)):
        shown = heads(picture)
        assert len({*shown} - {SERVER}) == len(names)
        assert max(text_width(head, 1) for head in shown) <= 16


def test_letters_that_turn_others_around_are_not_in_a_picture():
    story = Story("\u202ealice")
    story.up("\u202ealice", "say\u2066", "\u202e.txt")
    for picture in all_drawn(story):
        for text in (picture.svg(), picture.text(), picture.html()):
            assert not re.search("[\u202a-\u202e\u2066-\u2069]", text)
    assert '"\\u202e.txt"' in sequence(story).text()  # in data, as JSON writes it


@pytest.mark.parametrize("letter", ["\u200b", "\u2060", "\u3164", "\xad", "\u034f"])
def test_letters_that_nobody_sees_can_be_seen(letter):
    story = crowd("bob", f"bob{letter}")
    story.down("bob", "say", letter)
    for picture in drawn(story):
        assert {"bob", "bob\N{REPLACEMENT CHARACTER}"} <= {*heads(picture)}
    assert f'say "\\u{ord(letter):04x}"' in sequence(story).text()


def test_a_pile_of_marks_on_one_letter_is_cut():
    zalgo = "Z" + "\u0301\u0323" * 200
    story = crowd(zalgo, "bob")
    story.emit(zalgo, zalgo, to=(zalgo,))
    for picture in drawn(story):
        for text in (picture.svg(), picture.text(), picture.html()):
            assert "Z\u0301\u0323\u0301\u0323\N{REPLACEMENT CHARACTER}" in text
            assert "\u0301\u0323" * 3 not in text


def test_wide_letters_are_broken_into_lines_and_not_lost():
    story = Story("alice")
    story.emit("消息" * 20, to=("消" * 10,))
    written = "".join(text_of(one) for one in elements(Matrix(story), "text"))
    assert f'io.emit("{"消息" * 20}",to="{"消" * 10}")' in re.sub(r"\s", "", written)


def test_columns_of_text_stand_below_each_other_under_wide_names():
    picture = Matrix(crowd("名前", "bob"))
    head, row = (
        text_width(text[: text.index(end)], 1)
        for text, end in zip(picture.text().splitlines(), ("bob", "●"), strict=True)
    )
    assert head == row


@pytest.mark.parametrize(
    "event", ["", " ", 'say "hi"', "connect", "disconnect", "answer to say", 5]
)
def test_an_event_that_could_be_taken_for_something_else_is_in_quotes(event):
    story = Story("alice")
    story.up("alice", event)
    story.emit(event)
    quoted = json.dumps(event)
    ends = [re.split("  +", line)[-1] for line in sequence(story).text().splitlines()]
    assert ends == [quoted, quoted]
    assert f"io.emit({quoted})" in Matrix(story).text()


def test_a_packet_that_is_no_event_is_not_in_quotes():
    story = Story("alice")
    story.up("alice", "", kind="connect")
    story.down("alice", "say", kind="ack")
    story.down("alice", "two words", kind="ack")
    story.down("alice", "", kind="disconnect")
    ends = [re.split("  +", line)[-1] for line in sequence(story).text().splitlines()]
    assert ends == ["connect", "answer to say", 'answer to "two words"', "disconnect"]


def test_a_picture_keeps_blanks_though_browsers_draw_one_of_several():
    story = Story("alice")
    story.emit("a  b", "c   d")
    for picture in drawn(story):
        texts = [text_of(one) for one in elements(picture, "text")]
        assert not [text for text in texts if "  " in text]
        assert any("a\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}b" in text for text in texts)
        assert "a  b" in picture.text()


def test_emissions_whose_long_forms_begin_alike_have_rows_of_their_own():
    story = Story("alice", "bob")
    story.emit("news", to=("x" * 500 + "1",), heard=["alice"])
    story.emit("news", to=("x" * 500 + "2",), heard=["bob"])
    _, *rows = Matrix(story).text().splitlines()
    assert [row.split("…")[1].split() for row in rows] == [["●", "○"], ["○", "●"]]


def test_an_address_that_python_socketio_refuses_can_still_be_drawn():
    story = Story("alice")
    story.emit("news", to=(["alice"], {1}), skip=([],), heard=[], caller="alice")
    assert "to=[['alice'], {1}]" in Matrix(story).text()
    assert "io.to" in Matrix(story).svg()


# -- a guess beside what happened ------------------------------------------------------------------


def a_guess(clients):
    names = [f"client {number}" for number in range(clients)]
    line = 'bob.emit("say", {"room": "tea", "text": "who is there?"})'
    guess, heard = Counter(names[:1]), Counter(names[1:2] * 2)
    return Comparison([line], names, {line: guess}, {line: heard})


@pytest.mark.parametrize("clients", [2, 5, 9])
def test_a_guess_fits_beside_what_happened(clients):
    picture = a_guess(clients)
    width = number(elements(picture, "svg")[0], "width")
    assert width <= 600
    for text in elements(picture, "text"):
        half = text_width(text_of(text)) / 2
        centred = text.get("text-anchor") == "middle"
        assert number(text, "x") - half * centred >= 0
        assert number(text, "x") + half * (1 if centred else 2) <= width


@pytest.mark.parametrize("names", [["a"], ["al", "bo"], ["a", "b", "c"]])
def test_what_stands_above_a_guess_and_above_what_happened_is_apart(names):
    picture = Comparison(["x"], names, {"x": Counter()}, {"x": Counter(names)})
    [guess] = [one for one in elements(picture, "text") if text_of(one) == "your guess"]
    [happened] = [one for one in elements(picture, "text") if text_of(one) == "what happens"]
    assert number(guess, "x") + text_width("your guess ") < number(happened, "x")
    head, names_below, _ = picture.text().splitlines()
    assert head.index("what happens") == names_below.rindex(names[0])


def test_the_marks_of_many_clients_do_not_touch():
    marks = elements(a_guess(9), "circle")
    places = sorted({number(one, "cx") for one in marks})
    assert all(right - left >= 24 for left, right in itertools.pairwise(places))


def test_what_was_guessed_wrong_is_framed():
    picture = a_guess(3)
    frames = [
        number(one, "x") + number(one, "width") / 2 for one in elements(picture, "rect", "fault")
    ]
    columns = [number(one, "x") for one in elements(picture, "text", "head")][:3]
    assert frames == pytest.approx(columns[:2], abs=0.1)


def test_a_guess_is_told_in_words():
    [sentence] = a_guess(3).sentences()
    assert sentence.endswith(": your guess is client 0; client 1 (2 times) heard it.")
