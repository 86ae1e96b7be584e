"""Attacks by the file that is handed in, and by what lies beside it."""

from __future__ import annotations

import json
import os

from tests.hostile.registry import FAILED, NOTEBOOK, submission


@submission("a file that is not JSON", said="not valid JSON", **FAILED)
def not_json(desk):
    desk.write(b"{not json")


@submission("bytes that are not UTF-8", said="not UTF-8", **FAILED)
def not_utf8(desk):
    desk.write(b'{"cells": ["\xff\xfe"]}')


@submission("200,000 nested brackets", said="not valid JSON", **FAILED)
def brackets(desk):
    desk.write(b"[" * 200_000 + b"]" * 200_000)


@submission("brackets inside a cell's metadata", said="not valid JSON", **FAILED)
def brackets_in_metadata(desk):
    text = json.dumps(desk.solved)
    deep = '{"a":' * 100_000 + "1" + "}" * 100_000
    desk.write(text.replace('"metadata": {}', '"metadata": ' + deep, 1))


@submission("an empty file", said="not valid JSON", **FAILED)
def empty_file(desk):
    desk.write(b"")


@submission("no notebook at all", said="there is no tiny.ipynb", **FAILED)
def nothing(desk):
    pass


@submission("a notebook under another name", said="there is no tiny.ipynb", **FAILED)
def other_name(desk):
    desk.write(desk.solved, "Tiny.ipynb.txt")


@submission("a folder in the notebook's place", said="not a regular file", **FAILED)
def folder_instead(desk):
    (desk.folder / NOTEBOOK).mkdir()


@submission("a named pipe that nobody writes to", said="not a regular file", **FAILED)
def named_pipe(desk):
    os.mkfifo(desk.folder / NOTEBOOK)


@submission("a link to a classmate's notebook", said="is a link", **FAILED)
def link_to_classmate(desk):
    (desk.folder / NOTEBOOK).symlink_to(f"../../honest-00/00_tiny/{NOTEBOOK}")


@submission("a link to the solved chapter", said="is a link", **FAILED)
def link_to_solution(desk):
    (desk.folder / NOTEBOOK).symlink_to(desk.filled_in(f"@COURSE@/solutions/00_tiny/{NOTEBOOK}"))


@submission("a link to the list of users", said="is a link", **FAILED)
def link_to_passwd(desk):
    (desk.folder / NOTEBOOK).symlink_to("/etc/passwd")


@submission("a link to endless zeros", said="is a link", **FAILED)
def link_to_zeros(desk):
    (desk.folder / NOTEBOOK).symlink_to("/dev/zero")


@submission("a link that leads to itself", said="is a link", **FAILED)
def link_to_itself(desk):
    (desk.folder / NOTEBOOK).symlink_to(NOTEBOOK)


@submission("a file of 21 MiB", said="larger than", **FAILED)
def large_file(desk):
    desk.write(b" " * (21 * 2**20))


@submission("a sparse file of 1 TiB", said="larger than", **FAILED)
def sparse_file(desk):
    with open(desk.folder / NOTEBOOK, "wb") as file:
        file.truncate(2**40)


@submission("an integer of 4 million digits", said="not valid JSON", **FAILED)
def long_integer(desk):
    desk.write(b'{"cells": [], "nbformat": ' + b"9" * 4_000_000 + b"}")


@submission("cells that are no cells", said="not a notebook", **FAILED)
def cells_of_numbers(desk):
    desk.write({"cells": [1, None, "x", {"source": 3}], "metadata": 7, "nbformat": 4})


@submission("a list in the notebook's place", said="format 4", **FAILED)
def a_list(desk):
    desk.write(json.dumps([desk.solved]))


@submission("200,000 cells", said="more than 1000 cells", **FAILED)
def many_cells(desk):
    notebook = desk.solved
    notebook["cells"] += [{"cell_type": "code", "source": "1", "metadata": {}}] * 200_000
    desk.write(notebook)


@submission("a cell of 300 kB", said="longer than", **FAILED)
def long_cell(desk):
    notebook = desk.solved
    notebook["cells"][-1]["source"] = "#" * 300_000
    desk.write(notebook)


@submission("half surrogates in texts, ids and names")
def surrogates(desk):
    notebook = desk.starter
    for cell in notebook["cells"]:
        cell["id"] = "\ud800"
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            cell["source"] = "x = '\ud800'\n"
    desk.write(json.dumps(notebook))


BESIDE = """
import os, pathlib
pathlib.Path("@HOME@/written-by-a-file").write_text("canary")
def double(x): return 2 * x
"""


@submission("modules beside the notebook that the kernel would import", flag="ignored")
def modules_beside(desk):
    desk.write(desk.starter)
    names = "ipykernel_launcher sitecustomize usercustomize torch gradus json random conftest"
    for name in names.split():
        desk.write(desk.filled_in(BESIDE), f"{name}.py")


@submission("configuration, keys and start-up files beside the notebook", flag="ignored")
def configuration_beside(desk):
    desk.write(desk.starter)
    for name in ("nbgrader_config.py", "jupyter_config.py", "ipython_config.py", ".env"):
        desk.write(desk.filled_in(BESIDE), name)
    startup = desk.folder / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text(desk.filled_in(BESIDE))


@submission("links, pipes and sparse files beside the notebook", 6, flag="ignored")
def odd_files_beside(desk):
    desk.write(desk.solved)
    (desk.folder / "passwd").symlink_to("/etc/passwd")
    (desk.folder / "zeros").symlink_to("/dev/zero")
    os.mkfifo(desk.folder / "pipe")
    with open(desk.folder / "sparse", "wb") as file:
        file.truncate(2**40)
    desk.write(b"", "-rf *; $(touch hostile) <script>\n")


@submission("two thousand files beside the notebook", 6, flag="ignored")
def many_files_beside(desk):
    desk.write(desk.solved)
    for number in range(2000):
        desk.write(b"x", f"file-{number}")


@submission("a time stamp of the year 2001", 6)
def old_timestamp(desk):
    desk.write(desk.solved)
    desk.write("2001-01-01 00:00:00.000000 UTC", "timestamp.txt")
    os.utime(desk.folder / NOTEBOOK, (10**9, 10**9))


@submission("a time stamp that is none, and a file from the future", 6)
def odd_timestamp(desk):
    desk.write(desk.solved)
    desk.write(b"\xff" * 100 + b"9" * 10_000, "timestamp.txt")
    os.utime(desk.folder / NOTEBOOK, (2**33, 2**33))


@submission("a time stamp that is a link to the list of users", 6)
def linked_timestamp(desk):
    desk.write(desk.solved)
    (desk.folder / "timestamp.txt").symlink_to("/etc/passwd")
