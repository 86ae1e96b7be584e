"""Every chapter has the shape that readers, grader and build rely on; found by reading it."""

import re
import statistics

from autograder.build import VARIES, label
from autograder.chapter import grade_id_of, tags
from autograder.lint import lint_chapter

TAGS = {"setup", "demo", "raises-exception", VARIES}
REACHES_OUT = re.compile(
    r"\bpip3? install|\bconda install|download=True|\burllib\b|\brequests\.|\burlopen\b"
    r"|\bload_state_dict_from_url\b|^\s*[!%]|torch\.hub",
    re.MULTILINE,
)
FOLDED = re.compile(r"<details>.*?</details>", re.DOTALL)
IMAGE = re.compile(r"!\[(.*?)\]\(|<img\b(?![^>]*\balt=\"[^\"]+\")")


def is_test(cell) -> bool:
    grade_id = grade_id_of(cell)
    return grade_id is not None and grade_id.role != "answer"


def is_folded(cell) -> bool:
    """Shown as a bar until the reader opens it: a field of JupyterLab's own."""
    return cell.metadata.get("jupyter", {}).get("source_hidden", False)


def code(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def percentile_90(numbers: list[int]) -> float:
    return statistics.quantiles(numbers, n=10, method="inclusive")[-1]


def pictures(cell) -> list:
    return [o for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]


def test_the_rules_of_exercises_and_test_cells_hold(chapter):
    assert lint_chapter(chapter) == []


def test_ids_belong_to_the_chapter_and_are_used_once(chapter):
    ids = [g.text for g in map(grade_id_of, chapter.notebook.cells) if g]
    number = int(chapter.name.split("_")[0])
    assert len(ids) == len(set(ids))
    assert [i for i in ids if int(i.split("-")[1]) != number] == []
    kinds = [e.key for e in chapter.exercises.values() if not e.is_predict]
    assert kinds == [f"ex-{number}-{k}" for k in range(1, len(kinds) + 1)]


def test_three_to_five_predict_questions(chapter):
    assert 3 <= sum(e.is_predict for e in chapter.exercises.values()) <= 5


def test_a_predict_question_is_worth_one_point_and_conceptual(chapter):
    for exercise in chapter.exercises.values():
        if exercise.is_predict:
            assert (exercise.points, exercise.category) == (1, "conceptual"), exercise.label


def test_points_are_about_twice_the_stars(chapter):
    for exercise in chapter.exercises.values():
        if not exercise.is_predict:
            assert exercise.stars <= exercise.points <= 3 * exercise.stars, exercise.label


def test_a_chapter_begins_and_ends_as_every_chapter_does(chapter):
    cells = chapter.notebook.cells
    number = int(chapter.name.split("_")[0])
    assert cells[0].source.startswith(f"# {number} · ")
    headings = re.findall(r"^## (.+)$", "\n".join(c.source for c in text(chapter.notebook)), re.M)
    assert headings[-3:] == ["What to remember", "References", "Hidden tests"]
    last = next(i for i, c in enumerate(cells) if c.source.startswith("## Hidden tests"))
    roles = [g.role if (g := grade_id_of(c)) else "no test" for c in cells]
    assert set(roles[last + 1 :]) <= {"reference", "hidden"}
    assert not {"reference", "hidden"} & set(roles[:last])


def test_at_most_75_cells_to_read(chapter):
    unread = [is_test(cell) or is_folded(cell) for cell in chapter.notebook.cells]
    assert unread.count(False) <= 75


def test_text_cells_are_short(chapter):
    words = [len(FOLDED.sub("", cell.source).split()) for cell in text(chapter.notebook)]
    assert percentile_90(words) <= 130


def test_helpers_of_more_than_a_screen_are_folded(chapter):
    for cell in chapter.setup:
        assert is_folded(cell) or len(cell.source.splitlines()) <= 40


def test_code_cells_are_short(student_notebook):
    cells = [c for c in code(student_notebook) if not is_test(c) and not is_folded(c)]
    lines = [len(cell.source.splitlines()) for cell in cells]
    assert percentile_90(lines) <= 15


def test_tags_are_known(chapter):
    assert {tag for cell in chapter.notebook.cells for tag in tags(cell)} <= TAGS


def test_the_first_code_cell_is_setup(chapter):
    assert "setup" in tags(code(chapter.notebook)[0])


def test_no_cell_installs_or_downloads(chapter):
    bad = [label(cell) for cell in code(chapter.notebook) if REACHES_OUT.search(cell.source)]
    assert bad == []


def test_every_picture_has_alt_text(chapter, solution):
    bare = [label(c) for c in solution.cells if pictures(c) and not c.metadata.get("alt")]
    unneeded = [label(c) for c in code(solution) if c.metadata.get("alt") and not pictures(c)]
    in_text = [label(c) for c in text(solution) if "" in IMAGE.findall(c.source)]
    assert (bare, unneeded, in_text) == ([], [], [])


def test_at_least_three_plots(chapter, solution):
    assert sum(len(pictures(cell)) for cell in solution.cells) >= 3


def test_a_cell_shows_a_picture_once(chapter, solution):
    for cell in solution.cells:
        images = [o.data["image/png"] for o in pictures(cell)]
        assert len(images) == len(set(images)), label(cell)


def test_no_executed_solution_holds_an_error(chapter, solution):
    errors = [
        label(cell)
        for cell in code(solution)
        if any(o.output_type == "error" or o.get("name") == "stderr" for o in cell.outputs)
    ]
    assert errors == []


def test_graded_cells_print_only_the_marks_of_their_checks(chapter, solution):
    for cell in filter(is_test, solution.cells):
        lines = "".join(o.get("text", "") for o in cell.outputs).splitlines()
        assert all(line.startswith("✓ ") for line in lines), label(cell)


def test_no_test_cell_shows_a_value(chapter, solution):
    bad = [
        label(cell)
        for cell in filter(is_test, solution.cells)
        if any(o.output_type == "execute_result" for o in cell.outputs)
    ]
    assert bad == []
