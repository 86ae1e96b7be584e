"""The instructor's report: the right numbers, hostile text kept harmless, and a page that works."""

import base64
import hashlib
import itertools
import re
import shutil
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
from bs4 import BeautifulSoup

from autograder import analysis
from autograder.__main__ import main
from autograder.chapter import CourseError, chapters
from autograder.marks import read_marks
from autograder.record import Book
from autograder.report import TEMPLATES, index_page, page_name, write_report
from autograder.verdict import FAILED, NEEDS_PERSON, Answer, Mark, Verdict
from tests.autograder.conftest import CHAPTER, COURSE, record, verdict_of
from tests.browser import Browser, find_chromium

ROOT = Path(__file__).parents[2]
ATTACKS = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    '" onmouseover="window.hacked = 1" x=\'',
    "</style></title><svg onload=window.hacked=1>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:window.hacked=1",
)
NOT_WRITTEN = "not written yet: replace the line that raises NotImplementedError"
ALL_TESTS = (
    "ex-0-1-check", "ex-0-1-hidden-1", "ex-0-2-check", "ex-0-2-hidden-1",
    "predict-0-1-check", "predict-0-1-hidden-1",
)  # fmt: skip


def honest_class(chapter):
    """Ada has all 6 points, Blaise 3, Carl 5, Lise wrote nothing; Abel's file is no notebook."""
    square = {"ex-0-1-check": "that is the square", "ex-0-1-hidden-1": "that is the square"}
    used = {"sandbox": "bubblewrap", "seconds": 2.0, "cpu_seconds": 1.5, "peak_bytes": 300 * 2**20}
    ada = verdict_of(chapter, "ada", {}, **used)
    ada.answers = {"ex-0-1": Answer(written="x", tries=1)}
    blaise = verdict_of(chapter, "blaise", square, **used)
    blaise.answers = {"ex-0-1": Answer(written="y", tries=4)}
    blaise.flags = ["ex-0-1: the same text as carl"]
    carl = verdict_of(chapter, "carl", {"ex-0-2-hidden-1": "no error (off by 0.25)"}, **used)
    lise = verdict_of(chapter, "lise", dict.fromkeys(ALL_TESTS, NOT_WRITTEN), **used)
    abel = Verdict("abel", CHAPTER, FAILED, "not a notebook: the file is not valid JSON")
    return [ada, blaise, carl, lise, abel]


def hostile_class(chapter):
    """Every text that a submission or a roster can bring, as an attack."""
    verdicts = []
    for number, attack in enumerate(ATTACKS):
        verdict = verdict_of(chapter, f"m{number}", dict.fromkeys(ALL_TESTS, attack))
        verdict.flags, verdict.cause, verdict.status = [attack], attack, NEEDS_PERSON
        verdict.sandbox = attack
        for mark in verdict.marks:
            mark.title, mark.values = attack, attack
        verdicts += [verdict, Verdict(attack, CHAPTER, FAILED, attack)]
    verdicts.append(Verdict("../../outside", CHAPTER, FAILED, "\ud800 and \x00 and \u202e"))
    return verdicts


@pytest.fixture(scope="module")
def honest(tmp_path_factory, chapter):
    root = tmp_path_factory.mktemp("honest")
    record(root, chapter, honest_class(chapter))
    return root


@pytest.fixture(scope="module")
def hostile(tmp_path_factory, chapter):
    root = tmp_path_factory.mktemp("hostile")
    record(root, chapter, hostile_class(chapter))
    with Book(root) as book:
        for number, attack in enumerate(ATTACKS):
            names = {"first_name": attack, "last_name": attack, "email": attack}
            book.gradebook.update_or_create_student(f"m{number}", lms_user_id=attack, **names)
    write_report(COURSE, root)
    return root


@pytest.fixture
def root(honest, tmp_path):
    """A copy of the honest class, to change."""
    return shutil.copytree(honest, tmp_path / "class")


def room_of(root):
    return read_marks(root, chapters(COURSE))


def page(path):
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


def table(soup, section):
    """The rows of a section's first table, as texts."""
    rows = soup.find(id=section).find("table").find_all("tr")
    texts = [
        [cell.get_text(" ", strip=True) for cell in row.find_all(["th", "td"])] for row in rows
    ]
    return [[text.replace("\u00a0", " ") for text in row] for row in texts]


def test_the_marks_are_those_of_the_gradebook(honest):
    soup = page(write_report(COURSE, honest))
    marks = {row[0]: row[1] for row in table(soup, "marks")}
    assert marks["ada"] == "6" and marks["blaise"] == "3" and marks["lise"] == "0"
    assert marks["abel"] == "– failed"  # nobody gave points: not the same as 0
    assert marks["Class mean"] == "3.5"


def test_a_mark_by_hand_and_a_late_penalty_count(root):
    with Book(root) as book:
        blaise = book.gradebook.find_submission(CHAPTER, "blaise").notebooks[0]
        (hidden,) = [g for g in blaise.grades if g.cell.name == "ex-0-1-hidden-1"]
        hidden.manual_score, hidden.extra_credit = 1.5, 0.25
        blaise.late_submission_penalty = 0.5
        book.gradebook.db.commit()
    write_report(COURSE, root)
    marks = {row[0]: row[1] for row in table(page(root / "report" / "index.html"), "marks")}
    assert marks["blaise"] == "4.25"
    student = page(root / "report" / "students" / "blaise.html").get_text(" ", strip=True)
    assert "after 0.5 taken off for lateness" in student and "1.75 by hand" in student
    assert "that is the square" in student  # the message stays: it is what the test said
    assert ',"","blaise","",4.25' in (root / "report" / "canvas.csv").read_text("utf-8")


def test_counts_causes_and_flags(honest):
    soup = page(write_report(COURSE, honest))
    tiles = [li.get_text(" ", strip=True) for li in soup.find(class_="tiles").find_all("li")]
    assert tiles == ["4 graded", "1 failed", "0 need a person", "1 with flags"]
    waiting = soup.find(id="waiting").get_text(" ", strip=True)
    assert "abel 00_tiny failed not a notebook: the file is not valid JSON" in waiting
    assert "blaise 00_tiny ex-0-1: the same text as carl" in waiting


def test_exercises(honest, chapter):
    first, second, predict = analysis.exercise_figures(room_of(honest))
    assert (first.exercise.key, first.results) == ("ex-0-1", 4)
    assert first.solved == 0.5 and first.mean == 0.5
    assert first.tries == 2.5 and second.tries is None
    assert second.solved == 0.5 and second.mean == pytest.approx(5 / 8)
    assert first.unwritten == second.unwritten == predict.unwritten == 1
    expected = np.corrcoef([3, 0, 3, 0], [3, 3, 2, 0])[0, 1]
    assert first.discrimination == pytest.approx(expected)
    shown = {row[0]: row for row in table(page(write_report(COURSE, honest)), "exercises")}
    assert shown["Exercise 0.1 · Doubling"][1:6] == ["3", "50 %", "50 %", f"{expected:.2f}", "2.5"]


@pytest.mark.parametrize(
    "points, rest",
    [([], []), ([1, 0], [2, 1]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [0.3, 0.1 + 0.2, 0.3])],
)
def test_a_discrimination_that_is_not_defined_is_none(points, rest):
    assert analysis.discrimination(points, rest) is None


def test_messages_are_grouped_whatever_the_size_of_the_error(chapter):
    key, wrong = "ex-0-1-check", "values are wrong (largest error"
    said = {
        "ada": [Mark(key, "", 1, message="not the right value (off by 0.57). Mind the axis")] * 2,
        "blaise": [Mark(key, "", 1, message="not the right value (off by 1e-05). Mind the axis")],
        "carl": [Mark(key, "", 1, message=f"4 of 9 {wrong} inf, shape (3,))")],
        "lise": [Mark(key, "", 1, message=NOT_WRITTEN), Mark(key, "", 1, points=1)],
        "dorothy": [Mark(key, "", 1, message="the course's own mistake", fault=True)],
    }
    first, second = analysis.messages(said)
    assert first.text == "not the right value (off by …). Mind the axis"
    assert (first.count, first.students) == (3, 2)
    assert second.text == f"… of 9 {wrong} …, shape (3,))"


def test_what_the_class_misunderstood(honest):
    rows = table(page(write_report(COURSE, honest)), "misunderstood")[1:]
    assert rows == [
        ["Exercise 0.1", "1", "2", "that is the square"],
        ["Exercise 0.2", "1", "1", "no error (off by …)"],
    ]


def test_a_submission_cannot_flood_the_page_with_flags(tmp_path, chapter):
    loud = verdict_of(chapter, "loud", {}, flags=[f"flag number {n}" for n in range(1000)])
    record(tmp_path, chapter, [loud, verdict_of(chapter, "ada", {}, flags=["only one"])])
    rows = table(page(write_report(COURSE, tmp_path)), "waiting")
    assert len(rows) < 30 and rows[1] == ["ada", CHAPTER, "only one"]
    assert rows[-1][-1] == "and 980 more: see the student's page"
    assert "flag number 999" in (tmp_path / "report/students/loud.html").read_text("utf-8")


def test_a_distribution_has_its_edges_in_the_right_bins():
    found = analysis.distribution("x", [0, 3, 2.9, 10, 12, -1, 7], 10)
    assert found.counts == [2, 0, 1, 1, 0, 0, 0, 1, 0, 2]
    assert analysis.distribution("x", [], 10).mean is None
    assert analysis.distribution("x", [0], 0).results == 0


def test_categories_and_resources(honest):
    room = room_of(honest)
    shares = {c.name: (c.points, c.share) for c in analysis.categories(room)}
    assert shares == {"conceptual": (1, 0.75), "implementation": (3, 0.5), "production": (2, 0.625)}
    (used,) = analysis.resources(room)
    assert (used.submissions, used.seconds.median, used.cpu_seconds.most) == (5, 2.0, 1.5)
    assert table(page(write_report(COURSE, honest)), "resources")[1][-2:] == ["300", "300"]


@pytest.mark.parametrize(
    "sandboxes, said",
    [
        (["none"], "Graded without a sandbox."),
        (["bubblewrap"], "Graded in the sandbox bubblewrap."),
        (["none", "bubblewrap"], "1 of 2 graded without a sandbox"),
    ],
)
def test_every_page_says_how_it_was_graded(tmp_path, chapter, sandboxes, said):
    verdicts = [verdict_of(chapter, f"s{i}", {}, sandbox=s) for i, s in enumerate(sandboxes)]
    record(tmp_path, chapter, verdicts)
    assert said in page(write_report(COURSE, tmp_path)).get_text(" ", strip=True)
    for number, sandbox in enumerate(sandboxes):
        text = page(tmp_path / "report" / "students" / f"s{number}.html").get_text(" ", strip=True)
        assert ("without a sandbox" in text) == (sandbox == "none")


def test_a_students_page_shows_values_of_visible_checks_only(honest):
    write_report(COURSE, honest)
    text = (honest / "report" / "students" / "blaise.html").read_text("utf-8")
    assert "values of ex-0-1-check" in text
    assert "values of ex-0-1-hidden-1" not in text and "the input stays" in text
    assert "Not written." in (honest / "report" / "students" / "lise.html").read_text("utf-8")


@pytest.mark.parametrize("out", [None, "elsewhere/deep"])
def test_links_lead_to_files_that_are_there(honest, tmp_path, out):
    index = write_report(COURSE, honest, out=out and tmp_path / out)
    links = [a["href"] for a in page(index).find_all("a") if not a["href"].startswith("#")]
    assert {"canvas.csv", "moodle.csv", "nbgrader.csv", "students/ada.html"} <= set(links)
    student = index.parent / "students" / "ada.html"
    back, feedback = (a["href"] for a in page(student).find_all("a"))
    addresses = [index.parent / link for link in links]
    assert all(path.is_file() for path in [*addresses, student.parent / back])
    there = (student.parent / feedback).resolve()
    assert there == (honest / "feedback" / "ada" / CHAPTER / "tiny.html").resolve()


def pages(root):
    found = sorted((root / "report").rglob("*.html"))
    assert len(found) > 5
    return [(path, page(path)) for path in found]


def test_hostile_text_is_shown_and_is_nothing_but_text(hostile):
    for path, soup in pages(hostile):
        assert len(soup.find_all("script")) == len(soup.find_all("style")) == 1, path
        assert not soup.find_all(["img", "iframe", "object", "embed", "link", "base", "form"])
        for tag in soup.find_all(True):
            assert not [name for name in tag.attrs if name.startswith("on")], path
            address = tag.get("href", tag.get("src", "#"))
            assert not re.match(r"\s*(\w+:|//)", address), path
    text = page(hostile / "report" / "index.html").get_text()
    for attack in ATTACKS:
        assert attack in text


def test_the_policy_allows_the_one_script_and_style_and_nothing_else(hostile):
    for path, soup in pages(hostile):
        (policy,) = soup.find_all("meta", attrs={"http-equiv": "Content-Security-Policy"})
        allowed = dict(rule.split(" ", 1) for rule in re.split(r";\s*", policy["content"]))
        assert allowed.pop("default-src") == "'none'", path
        for name in ("script", "style"):
            digest = hashlib.sha256(soup.find(name).string.encode()).digest()
            assert allowed.pop(f"{name}-src") == f"'sha256-{base64.b64encode(digest).decode()}'"
        assert set(allowed.values()) == {"'none'"}
        assert not soup.find_all(style=True)  # the policy would drop them


def test_no_page_leaves_its_folder(hostile):
    names = {path.name for path, _ in pages(hostile) if path.parent.name == "students"}
    assert len(names) == 2 * len(ATTACKS) + 1
    assert all(re.fullmatch(r"\w+\.html", name) for name in names)
    assert page_name("../../outside") in names
    assert not list(hostile.parent.glob("outside*"))


def test_plots_have_words_and_tables_have_heads(honest):
    soup = page(write_report(COURSE, honest))
    plots = [svg for svg in soup.find_all("svg") if svg.get("aria-hidden") != "true"]
    assert plots and all(svg["role"] == "img" and svg["aria-label"] for svg in plots)
    assert "50 to 60 percent: 1" in plots[0]["aria-label"]
    assert "50 to 60 % 1" in soup.find("details").get_text(" ", strip=True)
    for head in soup.select("thead th"):
        assert head["scope"] == "col" and head.get_text(strip=True)


def test_a_student_who_has_left_has_no_page_any_more(root):
    write_report(COURSE, root)
    kept = root / "report" / "students" / "mine.html"
    kept.write_text("not the report's")
    with Book(root) as book:
        book.gradebook.remove_student("blaise")
    text = write_report(COURSE, root).read_text("utf-8")
    assert "blaise" not in text and not kept.with_name("blaise.html").exists()
    assert kept.exists()


def test_a_student_of_the_roster_without_a_submission_has_dashes(root):
    with Book(root) as book:
        book.gradebook.add_student("grace", first_name="Grace", last_name="Hopper")
    soup = page(write_report(COURSE, root))
    assert ["grace", "Grace Hopper", "–", "–", ""] in table(soup, "marks")
    assert "Nothing was handed in" in (root / "report/students/grace.html").read_text("utf-8")


def test_the_same_class_gives_the_same_page(honest):
    room = room_of(honest)
    assert index_page(room, "today") == index_page(room_of(honest), "today")


def test_the_command(honest, tmp_path, capsys):
    words = ["--course", str(COURSE), "report", "--root", str(honest), "--out", str(tmp_path)]
    assert main(words) == 0
    assert str(tmp_path / "index.html") in capsys.readouterr().out
    assert (tmp_path / "students" / "ada.html").is_file()


@pytest.mark.parametrize(
    "prepare, said",
    [
        (lambda root: None, "has no gradebook.db: grade first"),
        (lambda root: (root / "gradebook.db").write_text("no database" * 99), "cannot be used"),
        (lambda root: Book(root).gradebook.close(), "no submission yet: grade first"),
    ],
)
def test_without_a_graded_class_there_is_one_clear_line(tmp_path, capsys, prepare, said):
    prepare(tmp_path)
    assert main(["--course", str(COURSE), "report", "--root", str(tmp_path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and said in lines[0]


def test_a_folder_that_cannot_be_written_is_named(honest, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CourseError, match="file cannot be written"):
        write_report(COURSE, honest, out=tmp_path / "file")


def test_templates_are_packaged():
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    patterns = patterns["tool"]["setuptools"]["package-data"]["*"]
    files = [path.name for path in TEMPLATES.iterdir()]
    assert len(files) >= 5
    assert all(any(fnmatch(name, pattern) for pattern in patterns) for name in files)


@pytest.fixture
def browser(tmp_path):
    if not find_chromium():
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with Browser(tmp_path / "profile") as browser:
        yield browser


def column(browser, number):
    """The texts of a column of the table of marks, from top to bottom."""
    cell = f"#marks tbody tr > :nth-child({number})"
    return browser.ask(f"[...document.querySelectorAll('{cell}')].map(c => c.innerText.trim())")


@pytest.mark.browser
def test_a_reader_sorts_the_table_and_opens_a_student(honest, browser):
    index = write_report(COURSE, honest)
    browser.open(index.as_uri())
    assert column(browser, 1) == ["abel", "ada", "blaise", "carl", "lise"]
    button = "#marks thead th:nth-child(2) button"
    sorts = "document.querySelector('#marks thead th:nth-child(2)').getAttribute('aria-sort')"
    assert browser.ask(sorts) is None
    browser.click(button)
    assert column(browser, 2) == ["0", "3", "5", "6", "– failed"]
    assert browser.ask(sorts) == "ascending"
    browser.press("Enter")  # the button has the focus: the same from the keyboard
    assert column(browser, 2) == ["6", "5", "3", "0", "– failed"]
    assert browser.ask(sorts) == "descending"
    browser.press("Tab")
    assert browser.ask("document.activeElement.innerText") == "Share"
    browser.click("#marks a[href='students/blaise.html']")
    browser.wait_loaded()
    assert browser.ask("document.querySelector('h1').innerText") == "blaise"
    assert "that is the square" in browser.ask("document.body.innerText")
    assert browser.complaints == []
    asked = {address.removeprefix(index.parent.as_uri()) for address in browser.requests}
    assert asked == {"/index.html", "/students/blaise.html"}


@pytest.mark.browser
def test_the_page_fits_a_phone_and_follows_the_readers_colours(honest, browser):
    index = write_report(COURSE, honest)
    colours = {True: set(), False: set()}
    for path, dark in itertools.product((index, index.parent / "students/ada.html"), (False, True)):
        browser.show(360, 700, dark)
        browser.open(path.as_uri())
        assert browser.ask("document.documentElement.scrollWidth") <= 360
        colours[dark].add(browser.ask("getComputedStyle(document.body).backgroundColor"))
    assert colours == {False: {"rgb(255, 255, 255)"}, True: {"rgb(20, 24, 28)"}}


@pytest.mark.browser
def test_nothing_hostile_runs_in_a_browser(hostile, browser):
    for path, _ in pages(hostile):
        browser.open(path.as_uri())
        assert browser.ask("window.hacked") is None, path
        # The page's own script did run, so its policy is no reason why nothing else did.
        heads, buttons = (browser.ask(f"document.querySelectorAll('{what}').length")
                          for what in ("table.sortable thead th", "thead th button"))  # fmt: skip
        assert heads == buttons
    assert browser.complaints == []
    assert all(address.startswith("file://") for address in browser.requests)
