"""The instructor's and the maintainer's command line: ``python -m autograder --help``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

# Before NumPy or torch: every process computes with one thread, as the workers do.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from autograder.chapter import CourseError, chapters

COURSE = Path(__file__).resolve().parents[1]


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit code. A mistake in the course or the input is one clear line."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.run(arguments) or 0
    except CourseError as error:
        print(f"autograder: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("autograder: stopped; what was recorded stays", file=sys.stderr)
    except BrokenPipeError:
        sys.stderr.close()
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m autograder", description=__doc__)
    parser.add_argument("--course", type=Path, default=COURSE, help="folder with solutions/")
    commands = parser.add_subparsers(required=True, metavar="command")

    grade = commands.add_parser("grade", help="grade submitted/<student>/<chapter>/<name>.ipynb")
    grade.add_argument("chapters", nargs="*", metavar="CHAPTER", help="all when none is named")
    grade.add_argument("--student", action="append", default=[], metavar="ID", help="repeatable")
    grade.add_argument("--root", type=Path, help="where submitted/ lies (default: the course)")
    grade.add_argument("--db", default="", metavar="URL", help="gradebook (default: in the root)")
    grade.add_argument("--sandbox", choices=["none"], help="none: run submissions unprotected")
    _common(grade, _grade)

    check = commands.add_parser("check", help="prove the tests with the named answers")
    check.add_argument("wanted", nargs="*", metavar="CHAPTER|EXERCISE", help="all when empty")
    check.add_argument("--answers", type=Path, metavar="DIR", help="DIR/<chapter>/answers.py")
    _common(check, _check)

    demo = commands.add_parser("demo", help="make a class of twelve, grade it, print the marks")
    demo.add_argument("chapters", nargs="*", metavar="CHAPTER")
    demo.add_argument("--root", type=Path, help="folder to fill (default: demo/ in the course)")
    _common(demo, _demo)

    lint = commands.add_parser("lint", help="rules of chapters and test cells, by reading only")
    lint.add_argument("chapters", nargs="*", metavar="CHAPTER")
    lint.set_defaults(run=_lint)

    notebooks = commands.add_parser("notebooks", help="build solutions/ and notebooks/")
    notebooks.add_argument("chapters", nargs="*", metavar="CHAPTER")
    notebooks.add_argument("--check", action="store_true", help="only say what has drifted")
    notebooks.set_defaults(run=_notebooks)

    commands.add_parser("kit", help="build dist/gradus-student.zip").set_defaults(run=_kit)
    readme = commands.add_parser("readme", help="write the course map into README.md")
    readme.add_argument("--check", action="store_true", help="only say whether it has drifted")
    readme.set_defaults(run=_readme)
    formgrader = commands.add_parser("formgrader", help="open nbgrader's formgrader on a class")
    formgrader.add_argument("--root", type=Path, help="where the class lies (default: the course)")
    formgrader.add_argument("--db", default="", metavar="URL", help="gradebook (default: in root)")
    formgrader.add_argument("options", nargs="*", metavar="-- OPTION", help="for JupyterLab")
    formgrader.set_defaults(run=_formgrader)
    return parser


def _common(parser: argparse.ArgumentParser, run) -> None:
    jobs = os.cpu_count() or 1
    parser.add_argument("--jobs", type=_positive, default=jobs, metavar="N", help="processes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the whole result here")
    parser.set_defaults(run=run)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes (1 or more)")
    return int(text)


def _grade(arguments: argparse.Namespace) -> int:
    from autograder.grade import grade

    if arguments.sandbox != "none":
        raise CourseError(
            "this version has no sandbox: submissions would run with your rights on this machine."
            " If you trust their authors, say so with --sandbox none"
        )
    root = (arguments.root or arguments.course).resolve()
    if not (root / "submitted").is_dir():
        raise CourseError(f"{root / 'submitted'} does not exist: put submissions there")
    report = grade(
        root, arguments.course, arguments.chapters, arguments.student, arguments.jobs,
        db_url=arguments.db, progress=_show_progress,
    )  # fmt: skip
    for line in report.left_out:
        print(f"left out: {line}", file=sys.stderr)
    counts = ", ".join(f"{count} {status}" for status, count in report.counts.items())
    print(f"{len(report.verdicts)} submissions: {counts}. Marks are in the gradebook of {root}")
    _write_json(arguments.json, report.summary())
    return report.exit_code


def _show_progress(verdict, done: int, total: int) -> None:
    cause = f" ({verdict.cause})" if verdict.cause else ""
    points = f"{verdict.points:g}/{verdict.max_points:g}"
    name = f"{verdict.chapter} {verdict.student}"
    print(f"[{done}/{total}] {name}: {verdict.status}{cause} {points}", flush=True)


def _check(arguments: argparse.Namespace) -> int:
    from autograder.proof import prove, summary, title

    results = prove(arguments.course, arguments.wanted, arguments.answers, arguments.jobs)
    known = chapters(arguments.course)
    for result in results:
        if result.problem:
            exercise = known[result.chapter].exercises.get(result.exercise)
            print(f"{title(result, exercise)}: {result.problem}")
    print(summary(results))
    _write_json(
        arguments.json, {"summary": summary(results), "answers": [vars(r) for r in results]}
    )
    return int(any(result.problem for result in results))


def _demo(arguments: argparse.Namespace) -> int:
    from autograder.demo import make_class, mark_table
    from autograder.grade import grade

    root = (arguments.root or arguments.course / "demo").resolve()
    names = arguments.chapters or list(chapters(arguments.course))
    make_class(arguments.course, root, names)
    report = grade(root, arguments.course, names, jobs=arguments.jobs, progress=_show_progress)
    print(mark_table(report))
    print(f"Feedback pages: {root / 'feedback'}; gradebook: {root / 'gradebook.db'}")
    _write_json(arguments.json, report.summary())
    return report.exit_code


def _lint(arguments: argparse.Namespace) -> int:
    from autograder.build import select
    from autograder.lint import lint_chapter

    problems = [p for c in select(arguments.course, arguments.chapters) for p in lint_chapter(c)]
    print("\n".join(problems) or "clean")
    return int(bool(problems))


def _notebooks(arguments: argparse.Namespace) -> int:
    from autograder.build import run

    return int(run(arguments.course, arguments.chapters, check=arguments.check))


def _kit(arguments: argparse.Namespace) -> int:
    from autograder.kit import build_kit

    print(build_kit(arguments.course))
    return 0


def _readme(arguments: argparse.Namespace) -> int:
    from autograder.coursemap import run

    return run(arguments.course, check=arguments.check)


def _formgrader(arguments: argparse.Namespace) -> int:
    from autograder.formgrader import open_formgrader

    root = arguments.root or arguments.course
    return open_formgrader(arguments.course, root, arguments.db, arguments.options)


def _write_json(path: Path | None, data: object) -> None:
    if path is not None:
        try:
            path.write_text(json.dumps(data, indent=1), encoding="utf-8")
        except OSError as error:
            raise CourseError(f"{path} cannot be written ({error.strerror})") from None


if __name__ == "__main__":
    sys.exit(main())
