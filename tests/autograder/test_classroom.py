"""class.toml, roster.csv and received.csv: what they may say, and the one line for what not."""

from datetime import UTC, datetime

import pytest

from autograder.chapter import CourseError
from autograder.classroom import Classroom, Late, read_classroom

CHAPTERS = ("00_start", "01_tensors")
WHOLE = """
roster = "roster.csv"
inbound = "exchange/inbound"

[students.ada]
first_name = "Ada"
email = "ada@example.org"

[chapters.01_tensors]
due = 2026-10-01T23:59:00+02:00
[chapters.01_tensors.extensions]
emmy = 2026-10-08T23:59:00+02:00

[late]
share_per_day = 0.1
maximum = 0.5
grace_minutes = 10
"""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_all_that_it_can_say(tmp_path):
    (tmp_path / "class.toml").write_text(WHOLE)
    (tmp_path / "roster.csv").write_text("id,last_name\nada,Lovelace\nemmy,Noether\n")
    (tmp_path / "received.csv").write_text(
        "student,chapter,time\nada,01_tensors,2026-10-02T01:00:00.7+02:00\n"
    )
    room = read_classroom(tmp_path, CHAPTERS)
    assert room.stated
    assert room.students == {
        "ada": {"first_name": "Ada", "email": "ada@example.org"},  # class.toml goes first
        "emmy": {"last_name": "Noether"},
    }
    assert room.due == {"01_tensors": at("2026-10-01T21:59:00Z")}
    assert room.extended == {("emmy", "01_tensors"): at("2026-10-08T21:59:00Z")}
    assert room.late == Late(0.1, 0.5, 10)
    assert room.received == {("ada", "01_tensors"): at("2026-10-01T23:00:00Z")}
    assert room.received["ada", "01_tensors"].tzinfo is UTC
    assert room.inbound == tmp_path / "exchange" / "inbound"


def test_a_class_without_files_states_nothing(tmp_path):
    assert read_classroom(tmp_path, CHAPTERS) == Classroom()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("roster = ", "class.toml: Invalid value"),
        ("rooster = 'a.csv'", "class.toml: rooster is unknown; one of chapters"),
        ("students = 'ada'", "students is not a table"),
        ("[students.ada]\nname = 'Ada'", "students.ada.name is unknown; one of email"),
        ("[students.ada]\nemail = 5", "students.ada.email is 5; write text in quotes"),
        ("[students.'../ada']", "'../ada' is not a student id"),
        ("[chapters.77_none]\ndue = 2026-10-01T00:00:00Z", "no chapter '77_none'; one of 00_start"),
        ("[chapters.00_start]", "chapters.00_start.due is missing"),
        ("[chapters.00_start]\ndue = 2026-10-01T23:59:00", "not a time with its offset"),
        ("[chapters.00_start]\ndue = 2026-10-01", "chapters.00_start.due: '2026-10-01' is not"),
        ("[chapters.00_start]\ndue = '2026-10-01T00:00:00Z'", "not a time with its offset"),
        ("[late]\nshare_per_day = 10", "late.share_per_day is 10; write a number, from 0 to 1"),
        ("[late]\nshare_per_day = true", "late.share_per_day is True; write a number"),
        ("[late]\nmaximum = nan", "late.maximum is nan"),
        ("[late]\ngrace_minutes = -1", "late.grace_minutes is -1; write a number, 0 or more"),
        ("[late]\nper_day = 1", "late.per_day is unknown; one of grace_minutes"),
        ("roster = 'none.csv'", "none.csv cannot be read"),
    ],
)
def test_a_mistake_in_class_toml_is_named(tmp_path, text, said):
    (tmp_path / "class.toml").write_text(text)
    with pytest.raises(CourseError) as caught:
        read_classroom(tmp_path, CHAPTERS)
    assert said in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("student,chapter\nada,00_start\n", "has no column 'time'"),
        ("student,chapter,time,mark\n", "has a column 'mark'"),
        ("student,chapter,time\nada,00_start\n", "line 2: not 3 fields"),
        ("student,chapter,time\nada,00_start,2026-10-01T00:00:00Z,1\n", "line 2: not 3 fields"),
        ("student,chapter,time\nada,07_none,2026-10-01T00:00:00Z\n", "line 2: there is no chapter"),
        ("student,chapter,time\na/b,00_start,2026-10-01T00:00:00Z\n", "'a/b' is not a student id"),
        ("student,chapter,time\nada,00_start,yesterday\n", "line 2: 'yesterday' is not a time"),
        ("student,chapter,time\nada,00_start,2026-10-01T00:00:00\n", "is not a time with its"),
        ("student,chapter,time\n" + 2 * "ada,00_start,2026-10-01T00:00:00Z\n", "line 3: ada and"),
    ],
)
def test_a_mistake_in_received_csv_is_named(tmp_path, text, said):
    (tmp_path / "received.csv").write_text(text)
    with pytest.raises(CourseError) as caught:
        read_classroom(tmp_path, CHAPTERS)
    assert said in str(caught.value)
    assert "received.csv" in str(caught.value)


DAY = 86_400


@pytest.mark.parametrize(
    ("seconds", "penalty"),
    [
        (0, 0),
        (600, 0),  # the grace time
        (601, 2),  # the first day has started
        (600 + DAY, 2),
        (600 + DAY + 1, 4),
        (600 + 2 * DAY + 1, 5),  # the maximum: a quarter of 20 points
        (100 * DAY, 5),
    ],
)
def test_a_share_of_the_points_per_started_day(seconds, penalty):
    assert Late(share=0.1, maximum=0.25, grace_minutes=10).penalty(20, seconds) == penalty
