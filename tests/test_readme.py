import re
import tomllib
from pathlib import Path

from support.lessons import README_PICTURE, lessons, readme_picture

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_picture_is_what_the_lesson_draws():
    assert README_PICTURE.read_text(encoding="utf-8") == readme_picture()


def test_every_lesson_is_listed_in_order():
    listed = re.findall(r"^\| \[.*?\]\(notebooks/(.*?)\)", README, re.MULTILINE)
    assert listed == [lesson.name for lesson in lessons()]


def test_the_lesson_to_add_is_the_next():
    section = README.partition("## Add a lesson")[2]
    number = f"{len(lessons()):02}"
    assert f"the next is {number}:" in section
    assert {*re.findall(r"lesson_(\d\d)|(\d\d)_your", section)} == {(number, ""), ("", number)}


def test_every_link_within_the_repository_leads_somewhere():
    text = re.sub(r"`[^`\n]+`", "", README)
    links = [link for link in re.findall(r"\]\((.*?)\)", text) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_ci_finds_the_commands():
    for name, begins in {
        "lessons": "python3 -m venv .venv && ",
        "test": "python3 -m venv --upgrade-deps .venv && ",
        "everything": ".venv/bin/pip install ",
    }.items():
        [command] = re.findall(rf"<!-- the {name} command -->\n```bash\n(.*?)\n```", README)
        assert command.startswith(begins)


def test_conda_and_pip_agree_on_every_bound():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    wanted = {
        re.match(r"[\w.-]+", needed)[0]: re.sub(r"^[\w.-]+", "", needed).strip()
        for group in (project["dependencies"], *extras)
        for needed in group
        if not needed.startswith("chatlib")
    }
    conda = (ROOT / "environment.yml").read_text(encoding="utf-8")
    conda_names = {"redis": "redis-py", "msgpack": "msgpack-python"}
    found = dict(re.findall(r'- "?([\w.-]+) ?([<>=][\d.,<>=]+)"?', conda))
    assert found.pop("python") == project["requires-python"]
    assert found == {conda_names.get(name, name): bounds for name, bounds in wanted.items()}


def test_every_conda_dependency_says_what_uses_it():
    conda = (ROOT / "environment.yml").read_text(encoding="utf-8")
    dependencies = conda.partition("dependencies:\n")[2].splitlines()
    named = [line for line in dependencies if re.match(r"\s+- (?!pip:)", line)]
    assert len(named) > 10
    assert [line for line in named if "  # " not in line] == []
