"""Execute the lessons anew, in place: ``python tests/execute_notebooks.py [NOTEBOOK ...]``.

Run twice, it changes nothing: what differs from run to run, or from one machine to the next, is not
written.
"""

import sys
from pathlib import Path

from support.lessons import README_PICTURE, executed, lessons, readme_picture


def main(arguments: list[str]) -> None:
    for path in [Path(argument) for argument in arguments] or lessons():
        [text] = executed(path)
        print("unchanged" if path.read_text(encoding="utf-8") == text else "changed", path.name)
        path.write_text(text, encoding="utf-8")
    README_PICTURE.write_text(readme_picture(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
