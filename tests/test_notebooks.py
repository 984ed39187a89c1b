"""The lessons: what each has to be like, and that it is the same at each execution.

The outputs themselves are compared by nbval, which pytest runs over the notebooks too.
"""

import ast
import copy
import functools
import re
from pathlib import Path
from statistics import median
from urllib.parse import unquote

import IPython
import nbformat
import pytest
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
)

from chatlib.lab.exercises import Prediction, Repair, exercises
from support.lessons import METADATA, NOTEBOOKS, executed, first_line, is_folded, lessons

LESSONS = lessons()
NAMES = [path.name for path in LESSONS]
# In an output, each of these would differ at the next run, or on the next machine.
NOT_IN_OUTPUTS = {
    "a port": r"(127\.0\.0\.1|localhost|\[::1\]):\d",
    "a path": r"(?<![\w:/<])~?/[\w.-]+/[\w.-]+|\b[A-Z]:\\",
    "an address": r"\b0x[0-9a-fA-F]{4,}",
}
# A chat server's own, and python-engineio's: random, then a counter that begins with zeros.
SOCKET_ID = r"~[A-Za-z0-9_-]{22}|(?<![\w-])[A-Za-z0-9_-]{16}AA[A-Za-z0-9_-]{2}(?![\w-])"

FOLDED = {"outputs_hidden": True}
CHAT = "## The chat so far"


class Lesson:
    """A notebook under a file name."""

    def __init__(self, name, notebook):
        self.name = name
        self.number = name[:2]
        self.notebook = notebook
        self.code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        self.texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
        self.text = "\n\n".join(self.texts)
        self.prose = re.sub(r"^```.*?^```$", "", self.text, flags=re.DOTALL | re.MULTILINE)
        # What stands right before each code cell.
        before = [None, *notebook.cells]
        self.texts_before = [
            text.source if text and text.cell_type == "markdown" else ""
            for text, cell in zip(before, notebook.cells, strict=False)
            if cell.cell_type == "code"
        ]

    @classmethod
    @functools.cache
    def read(cls, path):
        return cls(path.name, nbformat.read(path, as_version=4))


def tags(cell):
    return cell.metadata.get("tags", [])


def lines(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def output_text(output):
    """Return all that an output holds, pictures too, as text without colours."""
    parts = [output.get("text", ""), *map(unquote, output.get("data", {}).values())]
    parts += [output.get("ename", ""), output.get("evalue", ""), *output.get("traceback", [])]
    return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(map(str, parts)))


def is_exercise(cell):
    return re.search(r"\bexercise\(.*\.check\(answer\)", cell.source) is not None


def shows_something(cell):
    """Tell whether a cell has a result to guess: not an exercise's, nor a source to read."""
    return bool(cell.outputs) and not is_exercise(cell) and "getsource(" not in cell.source


def asks(text):
    """Tell whether a text ends with a question to the reader."""
    *_, last = text.strip().split("\n\n")
    return "?" in re.sub(r"`[^`]*`|\"[^\"]*\"", "", last)


def says_nothing(line, known):
    """Tell whether a line gives no answer away: what a client sends, or words of the code's own."""
    return not line or line in known or re.match(r"\S+ +→ server ", line) is not None


def strings(source):
    nodes = ast.walk(parsed(source))
    return [str(node.value).strip() for node in nodes if isinstance(node, ast.Constant)]


def parsed(source):
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return compile(source, "<cell>", "exec", flags=flags)


# -- the rules -------------------------------------------------------------------------------------
#
# Each yields a sentence for everything that breaks it.


def executed_in_order(lesson):
    counts = [cell.execution_count for cell in lesson.code]
    if counts != list(range(1, len(counts) + 1)):
        yield f"the execution counts are {counts}"


def one_sitting(lesson):
    fewest = 8 if lesson.number == "00" else 12
    if not fewest <= len(lesson.code) <= 30:
        yield f"{len(lesson.code)} code cells, not {fewest} to 30"


def small_cells(lesson):
    lengths = [len(lines(cell)) for cell in lesson.code]
    if not 2 <= median(lengths) <= 6:
        yield f"the median code cell has {median(lengths)} lines, not 2 to 6"
    for cell, before, length in zip(lesson.code, lesson.texts_before, lengths, strict=True):
        most = 25 if before.startswith(CHAT) else 15
        if not 1 <= length <= most:
            yield f"{length} lines in a code cell: {cell.source[:60]}"


def twenty_five_minutes(lesson):
    words, exercises = len(lesson.prose.split()), sum(map(is_exercise, lesson.code))
    minutes = words / 200 + len(lesson.code) * 0.2 + exercises * 1.5
    fewest = 9 if lesson.number == "00" else 14
    if not fewest <= minutes <= 25:
        yield f"{minutes:.0f} minutes, not {fewest} to 25: {words} words, {len(lesson.code)} cells"


def enough_prose(lesson):
    words = len(lesson.prose.split()) / len(lesson.code)
    if not 40 <= words <= 90:
        yield f"{words:.0f} words of prose a code cell, not 40 to 90"


def plain_metadata(lesson):
    if lesson.notebook.metadata != METADATA:
        yield f"the metadata are {dict(lesson.notebook.metadata)}"
    for cell in lesson.notebook.cells:
        folded = cell.metadata.get("jupyter", FOLDED)
        if cell.metadata.keys() - {"tags", "jupyter"} or folded != FOLDED:
            yield f"a cell has the metadata {dict(cell.metadata)}"


def questions_and_folds_go_together(lesson):
    for cell, before in zip(lesson.code, lesson.texts_before, strict=True):
        should = asks(before) and bool(cell.outputs) and not is_exercise(cell)
        if should and not is_folded(cell):
            yield f"asked about, and not folded: {cell.source[:60]}"
        if is_folded(cell) and not should:
            yield f"folded, and not asked about: {cell.source[:60]}"


def folds_do_not_give_answers(lesson):
    known: list[str] = []
    for cell in lesson.code:
        known += strings(cell.source)
        line = first_line(cell.outputs[0]) if is_folded(cell) and cell.outputs else ""
        if not says_nothing(line, known):
            yield f"the fold shows {line!r}: {cell.source[:60]}"


def half_is_asked_about(lesson):
    shown = [cell for cell in lesson.code if shows_something(cell)]
    asked = [cell for cell in shown if is_folded(cell)]
    if 2 * len(asked) < len(shown):
        yield f"{len(asked)} of {len(shown)} cells that show something are asked about first"


def everything_compared(lesson):
    for cell in lesson.code:
        marks = [tag for tag in tags(cell) if tag != "raises-exception"]
        marks += re.findall(r"#.*?(?:nbval|PYTEST_VALIDATE)\w*", cell.source, re.IGNORECASE)
        if marks and "because" not in cell.source:
            yield f"{marks} without a reason: {cell.source[:60]}"


def no_sleep(lesson):
    for cell in lesson.code:  # a repair may be about somebody who does
        if not is_exercise(cell) and re.search(r"\bsleep\s*\(", cell.source):
            yield f"a cell sleeps: {cell.source[:60]}"


def errors_are_meant(lesson):
    before = ""
    for cell in lesson.notebook.cells:
        if cell.cell_type == "markdown":
            before = cell.source
            continue
        marked = "raises-exception" in tags(cell)
        raised = any(output.output_type == "error" for output in cell.outputs)
        if raised and not marked:
            yield f"an error that is not marked: {cell.source[:60]}"
        if marked and not raised:
            yield f"marked as raising, and does not: {cell.source[:60]}"
        if marked and "meant" not in before:
            yield f"nobody says that the error is meant: {cell.source[:60]}"


def no_complaints_in_outputs(lesson):
    for cell in lesson.code:
        if any(output.get("name") == "stderr" for output in cell.outputs):
            yield f"something on standard error: {cell.source[:60]}"


def stable_outputs(lesson):
    seeded = any("seed=" in cell.source for cell in lesson.code)
    patterns = NOT_IN_OUTPUTS | ({} if seeded else {"a socket id": SOCKET_ID})
    for cell in lesson.code:
        for what, pattern in patterns.items():
            for output in cell.outputs:
                if found := re.search(pattern, output_text(output)):
                    yield f"{what} in an output: {found[0]}"


def pictures_have_words(lesson):
    for cell in lesson.code:
        for output in cell.outputs:
            data = output.get("data", {})
            if data and not data.get("text/plain"):
                yield f"an output without a text form: {cell.source[:60]}"
            if data.keys() - {"text/plain", "text/html", "text/markdown"}:
                yield f"an output that is not for every page, {list(data)}: {cell.source[:60]}"
            for image in re.findall(r"<img[^>]*>|<svg", data.get("text/html", "")):
                if not re.match(r'<img alt="[^"]+" style="max-width: 100%"', image):
                    yield f"a picture without words, or as wide as it likes: {cell.source[:60]}"


def shape(lesson):
    title = re.match(rf"# {lesson.number} · \S.*\n\n[^#*`\n]", lesson.text)
    if not title:
        yield f'it does not begin with "# {lesson.number} · A title" and a paragraph'
    wanted = {
        "After this lesson you can": r"\*\*After this lesson you can\*\*\n\n- ",
        "Recap": r"^## Recap$",
    }
    if "01" <= lesson.number <= "05":
        wanted |= {"The chat so far": rf"^{CHAT}$"}
    found = [re.search(pattern, lesson.text, re.MULTILINE) for pattern in wanted.values()]
    for part, place in zip(wanted, found, strict=True):
        if not place:
            yield f"there is no {part}"


def javascript_beside_the_python(lesson):
    with_fence = [text for text in lesson.texts if re.search(r"^```js\n", text, re.MULTILINE)]
    fewest = 2 if lesson.number == "00" else 3
    if len(with_fence) < fewest:
        yield f"{len(with_fence)} texts with JavaScript, not {fewest} or more"
    if lesson.texts[0] in with_fence:
        yield "there is JavaScript before the reader knows a word of it"


def leads_to_the_next(lesson):
    following = NAMES[NAMES.index(lesson.name) + 1 :]
    if not following:
        if "**Next:** this is the last lesson so far." not in lesson.texts[-1]:
            yield "the last cell does not say that it is the last lesson"
        return
    number, title = following[0][:2], r"[^\]\n]+"
    pattern = rf"\*\*Next:\*\* \[{number} · {title}\]\({re.escape(following[0])}\)"
    if not re.search(pattern, lesson.texts[-1]):
        yield f"the last cell has no **Next:** with a link to {following[0]}"


def links_lead_somewhere(lesson):
    for text, target in re.findall(r"\[([^\]]+)\]\(([^)\s]+)\)", lesson.prose):
        if re.match(r"https?://|#", target):
            continue
        if target not in NAMES:
            yield f"a link to {target}"
        elif (number := re.match(r"lesson (\d\d)|(\d\d) · ", text)) and not target.startswith(
            number[1] or number[2]
        ):
            yield f'"{text}" is a link to {target}'


def exercises_are_all_there(lesson):
    own = {one.number: one for one in exercises() if one.number.startswith(lesson.number)}
    checks = [cell for cell in lesson.code if is_exercise(cell)]
    if not 3 <= len(own) <= 6:
        yield f"{len(own)} exercises, not three to six"
    if sorted(cell.source for cell in checks) != sorted(map(cell_of, own.values())):
        yield f"its cells of exercises are not the starters of {[*own]}, each with its check"
    for cell in checks:
        if not any("Not yet" in output_text(output) for output in cell.outputs):
            yield f"a starter that is not a calm not yet: {cell.source[:60]}"


def exercises_stand_where_their_idea_is(lesson):
    places = [place for place, cell in enumerate(lesson.code) if is_exercise(cell)]
    if places and places[-1] - places[0] < len(lesson.code) / 3:
        yield f"the exercises are the code cells {places} of {len(lesson.code)}"


def tasks_come_before_their_exercises(lesson):
    for cell, before in zip(lesson.code, lesson.texts_before, strict=True):
        if not is_exercise(cell):
            continue
        number = re.search(r"exercise\(\"(.*?)\"\)", cell.source)[1]
        if f"**{number}**" not in before:
            yield f"the text before it does not begin the task: {cell.source[:60]}"
        one = next((one for one in exercises() if one.number == number), None)
        server = f"```python\n{one.server_source.strip()}\n```" if is_prediction(one) else ""
        if server not in lesson.text:
            yield f"the server of the prediction {number} is not in the lesson"


def is_prediction(one):
    return isinstance(one, Prediction) and bool(one.server_source.strip())


def cell_of(one):
    """Return the source of the cell that an exercise is done in."""
    show = f'await exercise("{one.number}").show(answer)\n' * isinstance(one, Repair)
    return f'{one.starter.strip()}\n\n\n{show}await exercise("{one.number}").check(answer)'


def closes_its_lab(lesson):
    sources = [cell.source for cell in lesson.code]
    if any("Lab.open(" in source for source in sources) and "lab.close()" not in sources[-1]:
        yield "the last code cell does not close the lab"


RULES = [
    executed_in_order,
    one_sitting,
    twenty_five_minutes,
    small_cells,
    enough_prose,
    plain_metadata,
    questions_and_folds_go_together,
    folds_do_not_give_answers,
    half_is_asked_about,
    everything_compared,
    no_sleep,
    errors_are_meant,
    no_complaints_in_outputs,
    stable_outputs,
    pictures_have_words,
    shape,
    javascript_beside_the_python,
    leads_to_the_next,
    links_lead_somewhere,
    exercises_are_all_there,
    exercises_stand_where_their_idea_is,
    tasks_come_before_their_exercises,
    closes_its_lab,
]


# -- the lessons -----------------------------------------------------------------------------------


def test_there_are_lessons_numbered_from_00_and_nothing_else():
    assert [name[:3] for name in NAMES] == [f"{n:02}_" for n in range(len(NAMES))]
    assert NAMES
    assert {path.name for path in NOTEBOOKS.iterdir() if path.suffix} == set(NAMES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_keeps_the_rules(path, rule):
    assert list(rule(Lesson.read(path))) == []


@pytest.mark.slow
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_has_the_same_outputs_each_time(path):
    """In a new kernel it leaves what is committed, and a second time in the same kernel too."""
    committed = path.read_text(encoding="utf-8")
    first, second = executed(path, passes=2)
    assert first == committed, "run tests/execute_notebooks.py, and look at what has changed"
    assert second == first, "run twice in one kernel, the outputs differ"


# -- the rules themselves --------------------------------------------------------------------------

WORDS = " word" * 60
PICTURE = {
    "text/html": '<img alt="Who said what." style="max-width: 100%" src=\'data:,\'>',
    "text/plain": "alice  → server  say\nserver → bob     said",
}
EXERCISES = {one.number: one for one in exercises()}


def code(source="first = 1\nsecond = 2", *outputs, tags=None):
    return new_code_cell(source, outputs=list(outputs), metadata={"tags": tags} if tags else {})


def prints(text, name="stdout"):
    return new_output("stream", text=text, name=name)


def displays(data):
    return new_output("display_data", data)


def an_error(*traceback):
    return new_output("error", ename="KeyError", evalue="'x'", traceback=list(traceback))


def exercise_cells(one):
    server = f"```python\n{one.server_source.strip()}\n```\n\n" if is_prediction(one) else ""
    return [
        new_markdown_cell(f"{server}**{one.number}** Do this.{WORDS}"),
        code(cell_of(one), prints("… Not yet.")),
    ]


def a_good_lesson():
    """Return a made-up lesson 03 that breaks no rule."""
    return copy.deepcopy(_the_good_lesson())


@functools.cache  # nbformat validates each cell that is made
def _the_good_lesson():
    first, *others = [one for one in EXERCISES.values() if one.number.startswith("03")]
    cells = [
        new_markdown_cell(
            "# 03 · A title\n\nWhat it is about.\n\n**After this lesson you can**\n\n- do it.\n\n"
            "You need [lesson 02](02_emit_and_on.ipynb)."
        ),
        code("lab = await Lab.open(io)\npass"),
        *exercise_cells(first),
    ]
    for number in range(10):
        fence = "\n\n```js\nio.emit();\n```" * (number < 4)
        cells += [new_markdown_cell(f"Now{WORDS}.{fence}"), code()]
    cells += [
        new_markdown_cell(f"This error is meant.{WORDS}"),
        code("raise KeyError('x')\npass", an_error("KeyError: 'x'"), tags=["raises-exception"]),
        new_markdown_cell(f"{CHAT}\n\nA picture.{WORDS} Who hears it?"),
        code("print('Look:')\nshow()", prints("Look:\n"), displays(PICTURE)),
        *[cell for one in others for cell in exercise_cells(one)],
        code("await lab.close()"),
        new_markdown_cell("## Recap\n\n- It.\n\n**Next:** [04 · Rooms](04_rooms.ipynb)."),
    ]
    notebook = numbered(new_notebook(cells=cells, metadata=METADATA))
    fold(picture_cell(notebook))
    return notebook


def fold(cell):
    cell.metadata["jupyter"] = dict(FOLDED)


def picture_cell(notebook):
    return next(cell for cell in codes(notebook) if cell.source.endswith("show()"))


def numbered(notebook):
    for count, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count = count
    return notebook


def codes(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def in_output(text):
    """Return a change that makes the second code cell print a text."""
    return lambda notebook: codes(notebook)[1].outputs.append(prints(text))


def in_code(source, index=1):
    return lambda notebook: codes(notebook)[index].update(source=source)


def in_prose(old, new):
    def change(notebook):
        assert any(old in cell.source for cell in notebook.cells)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = cell.source.replace(old, new)

    return change


def tagged(*marks, index=1, source=None):
    def change(notebook):
        codes(notebook)[index].metadata["tags"] = list(marks)
        if source:
            codes(notebook)[index].source = source

    return change


def without_cells(*kinds):
    def change(notebook):
        notebook.cells = [cell for cell in notebook.cells if cell.cell_type not in kinds]
        numbered(notebook)

    return change


def with_cells(number):
    def change(notebook):
        notebook.cells[2:2] = [code() for _ in range(number)]
        numbered(notebook)

    return change


def fewer_cells(notebook):
    del notebook.cells[4:20]
    numbered(notebook)


def all_cells(source):
    def change(notebook):
        for cell in codes(notebook):
            cell.source = source

    return change


def null_count(notebook):
    codes(notebook)[3].execution_count = None


def swapped_counts(notebook):
    first, second, *_ = codes(notebook)
    first.execution_count, second.execution_count = second.execution_count, first.execution_count


def metadata(**changed):
    return lambda notebook: notebook.update(metadata=METADATA | changed)


def cell_metadata(notebook):
    codes(notebook)[2].metadata["collapsed"] = True


def error_cell(notebook):
    return next(cell for cell in codes(notebook) if tags(cell))


def unmarked_error(notebook):
    error_cell(notebook).metadata.clear()


def no_error(notebook):
    error_cell(notebook).outputs.clear()


def error_with_path(notebook):
    error_cell(notebook).outputs = [an_error("\x1b[32mFile ~/code/lab/wire.py:10\x1b[39m")]


def on_stderr(notebook):
    codes(notebook)[1].outputs.append(prints("Task was destroyed", name="stderr"))


def shows(data):
    return lambda notebook: codes(notebook)[1].outputs.append(displays(data))


def without_exercise(notebook):
    notebook.cells = [cell for cell in notebook.cells if 'exercise("03.2")' not in cell.source]
    numbered(notebook)


def in_exercise(old, new):
    def change(notebook):
        cell = next(cell for cell in codes(notebook) if 'exercise("03.1")' in cell.source)
        assert old in cell.source
        cell.source = cell.source.replace(old, new)

    return change


def change_picture(change):
    return lambda notebook: change(picture_cell(notebook))


def unfolded(cell):
    del cell.metadata["jupyter"]


def answers_at_once(cell):
    cell.outputs.insert(0, prints("bob heard hi\n"))


def folded_otherwise(cell):
    cell.metadata["jupyter"] = {"source_hidden": True}


def at_the_end(notebook):
    tasks = [cell for cell in notebook.cells if re.search(r"03\.\d", cell.source)]
    notebook.cells = [cell for cell in notebook.cells if cell not in tasks] + tasks
    numbered(notebook)


def fewer_fences(notebook):
    for cell in notebook.cells[6:]:
        cell.source = cell.source.replace("```js", "```python")


def early_fence(notebook):
    notebook.cells[0].source += "\n\n```js\nio.emit();\n```"


def more_pictures(notebook):
    for cell in codes(notebook)[3:6]:
        cell.outputs.append(displays(PICTURE))


def another_task(notebook):
    for cell in notebook.cells:
        cell.source = cell.source.replace("**03.1**", "**03.9**")


def another_server(notebook):
    for cell in notebook.cells:
        cell.source = cell.source.replace("```python\n", "```python\n# other\n")


def solved_exercise(notebook):
    cell = next(cell for cell in codes(notebook) if 'exercise("03.1")' in cell.source)
    cell.outputs = [prints("✓ Right.")]


BROKEN = [
    (executed_in_order, "a null count", null_count),
    (twenty_five_minutes, "too many words", in_prose(WORDS, WORDS * 5)),
    (twenty_five_minutes, "too few words", in_prose(WORDS, "")),
    (executed_in_order, "another order", swapped_counts),
    (one_sitting, "too few cells", fewer_cells),
    (one_sitting, "too many cells", with_cells(20)),
    (small_cells, "a long cell", in_code("pass\n" * 16)),
    (small_cells, "an empty cell", in_code("\n")),
    (small_cells, "only long cells", all_cells("pass\n" * 7)),
    (small_cells, "only short cells", all_cells("pass")),
    (enough_prose, "too little", in_prose(WORDS, " word")),
    (enough_prose, "too much", in_prose(WORDS, WORDS * 3)),
    (enough_prose, "only in a fence", in_prose(WORDS, f"\n```js\n{WORDS}\n```\n")),
    (plain_metadata, "no kernelspec", metadata(kernelspec={})),
    (plain_metadata, "another kernel", metadata(kernelspec={"name": "conda"})),
    (plain_metadata, "a version", metadata(language_info={"name": "python", "version": "3.12"})),
    (plain_metadata, "something more", metadata(widgets={})),
    (plain_metadata, "a cell's", cell_metadata),
    (plain_metadata, "folded in another way", change_picture(folded_otherwise)),
    (questions_and_folds_go_together, "not folded", change_picture(unfolded)),
    (questions_and_folds_go_together, "not asked", in_prose("Who hears it?", "Bob hears it.")),
    (questions_and_folds_go_together, "asked earlier", in_prose("hears it?", "hears it?\n\nGo.")),
    (questions_and_folds_go_together, "only in code", in_prose(" Who hears it?", " Use `?`.")),
    (folds_do_not_give_answers, "printed", change_picture(answers_at_once)),
    (folds_do_not_give_answers, "a picture", change_picture(lambda cell: cell.outputs.pop(0))),
    (half_is_asked_about, "too few", more_pictures),
    (everything_compared, "ignored", in_code("# NBVAL_IGNORE_OUTPUT\nfirst = 1")),
    (everything_compared, "skipped", in_code("first = 1  # NBVAL_SKIP")),
    (everything_compared, "the older name", in_code("# PYTEST_VALIDATE_IGNORE_OUTPUT")),
    (everything_compared, "by a tag", tagged("nbval-ignore-output")),
    (no_sleep, "asyncio", in_code("await asyncio.sleep(1)")),
    (no_sleep, "time", in_code("import time\ntime.sleep (1)")),
    (no_sleep, "python-socketio's", in_code("await io.sleep(0)")),
    (errors_are_meant, "not marked", unmarked_error),
    (errors_are_meant, "no error", no_error),
    (errors_are_meant, "not announced", in_prose("This error is meant.", "Look.")),
    (no_complaints_in_outputs, "stderr", on_stderr),
    (stable_outputs, "a port", in_output("http://127.0.0.1:8123")),
    (stable_outputs, "localhost", in_output("at localhost:8123.")),
    (stable_outputs, "IPv6", in_output("[::1]:8123")),
    (stable_outputs, "a path", in_output("File /home/alice/chat.py")),
    (stable_outputs, "a path in quotes", in_output("'/usr/lib/python3.11'")),
    (stable_outputs, "a path of Windows", in_output("in C:\\Users")),
    (stable_outputs, "a path in an error", error_with_path),
    (stable_outputs, "an address", in_output("<function f at 0x7f12ab34cd56>")),
    (stable_outputs, "an id", in_output("the id is YO0UqIpNR4_aQk_hAAAB.")),
    (stable_outputs, "a chat server's id", in_output("~QbT0OcWdFOtZxGVuYdm5jA")),
    (stable_outputs, "an id in a picture", shows(
        PICTURE | {"text/html": "%3Ctext%3EYO0UqIpNR4_aQk_hAAAB%3C/text%3E"}
    )),
    (pictures_have_words, "only HTML", shows({"text/html": "hi"})),
    (pictures_have_words, "an empty text", shows(PICTURE | {"text/plain": ""})),
    (pictures_have_words, "PNG", shows({"image/png": "aGk=", "text/plain": "x"})),
    (pictures_have_words, "SVG alone", shows({"image/svg+xml": "<svg/>", "text/plain": "x"})),
    (pictures_have_words, "no alt", shows(PICTURE | {"text/html": "<img src='data:,'>"})),
    (pictures_have_words, "an empty alt", shows(
        PICTURE | {"text/html": '<img alt="" style="max-width: 100%">'}
    )),
    (pictures_have_words, "too wide", shows(PICTURE | {"text/html": '<img alt="A picture.">'})),
    (pictures_have_words, "SVG in HTML", shows(PICTURE | {"text/html": "<svg/>"})),
    (shape, "the title of another number", in_prose("# 03 ·", "# 04 ·")),
    (shape, "no title", in_prose("# 03 · A title", "A title")),
    (shape, "no paragraph", in_prose("What it is about.\n\n", "")),
    (shape, "no aim", in_prose("After this lesson", "Now")),
    (shape, "no list of aims", in_prose("- do it.", "do it.")),
    (shape, "no chat", in_prose(CHAT, "## Chat")),
    (javascript_beside_the_python, "none", in_prose("```js", "```python")),
    (javascript_beside_the_python, "too little", fewer_fences),
    (javascript_beside_the_python, "at the start", early_fence),
    (shape, "no recap", in_prose("## Recap", "Recap")),
    (leads_to_the_next, "none", in_prose("**Next:** ", "")),
    (leads_to_the_next, "another", in_prose("(04_rooms.ipynb)", "(05_direct_messages.ipynb)")),
    (leads_to_the_next, "another number", in_prose("[04 · Rooms]", "[05 · Rooms]")),
    (links_lead_somewhere, "nowhere", in_prose("02_emit_and_on.ipynb", "02_emit.ipynb")),
    (links_lead_somewhere, "to a folder", in_prose("(04_rooms", "(notebooks/04_rooms")),
    (links_lead_somewhere, "another number", in_prose("[lesson 02]", "[lesson 01]")),
    (exercises_are_all_there, "one missing", without_exercise),
    (exercises_are_all_there, "another starter", in_exercise("sid, text", "sid, words")),
    (exercises_are_all_there, "an answer in it", in_exercise("...", "pass")),
    (exercises_are_all_there, "another's check", in_exercise('"03.1"', '"03.2"')),
    (exercises_are_all_there, "more after it", in_exercise("(answer)", "(answer)\nprint()")),
    (exercises_are_all_there, "solved", solved_exercise),
    (exercises_stand_where_their_idea_is, "all at the end", at_the_end),
    (tasks_come_before_their_exercises, "another's task", another_task),
    (tasks_come_before_their_exercises, "another server", another_server),
    (closes_its_lab, "left open", in_code("pass", index=-1)),
]  # fmt: skip


def broken(rule, change):
    notebook = a_good_lesson()
    change(notebook)
    return list(rule(Lesson("03_broadcast.ipynb", notebook)))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_good_lesson_breaks_no_rule(rule):
    assert broken(rule, lambda notebook: None) == []


@pytest.mark.parametrize(
    ("rule", "change"),
    [pytest.param(rule, change, id=f"{rule.__name__}, {name}") for rule, name, change in BROKEN],
)
def test_a_rule_finds_what_breaks_it(rule, change):
    assert broken(rule, change)


def test_no_rule_is_without_a_test():
    assert {rule for rule, *_ in BROKEN} == set(RULES)


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        (one_sitting, with_cells(8)),
        (everything_compared, in_code("# NBVAL_IGNORE_OUTPUT, because it is random\nfirst()")),
        (everything_compared, tagged("nbval-skip", source="# Skipped, because it is slow.")),
        (no_sleep, in_code("sleepy = asleep(1)")),
        (stable_outputs, in_output("rooms and/or people, 3/4, /red, http://example.org/a/b")),
        (stable_outputs, in_output("recieve-message everybody_who_listens")),
        (links_lead_somewhere, in_prose("A picture.", "See [it](https://socket.io/docs/v4).")),
    ],
)
def test_a_rule_does_not_find_what_is_allowed(rule, change):
    assert broken(rule, change) == []


def test_ids_are_allowed_where_they_are_seeded():
    def change(notebook):
        in_output("~QbT0OcWdFOtZxGVuYdm5jA")(notebook)
        in_code("lab = await Lab.open(io, seed=1)\npass", index=0)(notebook)

    assert broken(stable_outputs, change) == []


def test_lesson_00_is_shorter():
    notebook = a_good_lesson()
    fewer_cells(notebook)
    assert list(one_sitting(Lesson("00_start_here.ipynb", notebook))) == []
    in_prose(CHAT, "## A chat")(notebook)
    in_prose("# 03 ·", "# 00 ·")(notebook)
    assert list(shape(Lesson("00_start_here.ipynb", notebook))) == []


# -- executing them --------------------------------------------------------------------------------


def written(folder, *sources):
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    path = folder / "made_up.ipynb"
    nbformat.write(notebook, path)
    return path


def test_executing_does_not_write_what_differs(tmp_path):
    path = written(
        tmp_path, "x = globals().get('x', 0) + 1", "3", "try:\n    1 / 0\nfinally:\n    pass"
    )
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].metadata["tags"] = ["raises-exception"]
    nbformat.write(notebook, path)
    first, second = executed(path, passes=2)
    assert second == first
    read = nbformat.reads(first, as_version=4)
    assert read.metadata == METADATA
    assert [cell.execution_count for cell in read.cells] == [1, 2, 3]
    assert [cell.metadata.keys() for cell in read.cells[:2]] == [set(), set()]  # no times
    assert read.cells[1].outputs[0].execution_count == 2
    traceback = re.sub(r"\x1b\[[\d;]*m", "", "".join(read.cells[2].outputs[0].traceback))
    assert "ZeroDivisionError" in traceback
    assert IPython.version_info < (8, 5) or "In[3]" in traceback  # before, it numbers no cells


@pytest.mark.slow
def test_executing_twice_shows_what_the_first_pass_left(tmp_path):
    first, second = executed(written(tmp_path, "x = globals().get('x', 0) + 1\nx"), passes=2)
    assert second != first


def test_solutions_are_not_next_to_the_lessons():
    assert [path for path in NOTEBOOKS.rglob("*.ipynb") if path.parent != Path(NOTEBOOKS)] == []
