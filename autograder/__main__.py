"""The instructor's and the maintainer's command line: ``python -m autograder --help``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path

from autograder import STOPPED

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # The imports below take seconds: Ctrl-C must not show where they are.
    signal.signal(signal.SIGINT, lambda *_: os.write(2, f"{STOPPED}\n".encode()) and os._exit(130))

# Before NumPy or torch: every process computes with one thread, as the workers do.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from autograder.chapter import CourseError, chapters
from autograder.progress import progress
from autograder.sandbox import BUBBLEWRAP, NONE, why_not

COURSE = Path(__file__).resolve().parents[1]


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit code. A mistake in the course or the input is one clear line."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.run(arguments) or 0
    except CourseError as error:
        print(f"autograder: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        return 130
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
    _sandbox(grade)
    grade.add_argument("--force", action="store_true", help="grade again what is recorded")
    grade.add_argument("--scheduler", default="", metavar="tcp://HOST:PORT", help="a Dask cluster")
    _common(grade, _grade)

    check = commands.add_parser("check", help="prove the tests with the named answers")
    check.add_argument("wanted", nargs="*", metavar="CHAPTER|EXERCISE", help="all when empty")
    check.add_argument("--answers", type=Path, metavar="DIR", help="DIR/<chapter>/answers.py")
    _common(check, _check)

    demo = commands.add_parser("demo", help="make a class of twelve, grade it, print the marks")
    demo.add_argument("chapters", nargs="*", metavar="CHAPTER")
    demo.add_argument("--root", type=Path, help="folder to fill (default: demo/ in the course)")
    _sandbox(demo)
    _common(demo, _demo)

    report = commands.add_parser("report", help="write report/: pages on the class, CSV files")
    report.add_argument("--root", type=Path, help="the graded class (default: the course)")
    report.add_argument("--db", default="", metavar="URL", help="gradebook (default: in the root)")
    report.add_argument("--out", type=Path, metavar="DIR", help="default: report/ in the root")
    report.set_defaults(run=_report)

    bench = commands.add_parser("bench", help="measure against plain nbgrader (ten minutes)")
    bench.add_argument("chapters", nargs="*", metavar="CHAPTER", help="default: 01 and 02")
    bench.add_argument("--rounds", type=_positive, default=2, metavar="N")
    _common(bench, _bench)

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


def _sandbox(parser: argparse.ArgumentParser) -> None:
    text = "none: run submissions with your rights (default: bubblewrap)"
    parser.add_argument("--sandbox", choices=[BUBBLEWRAP, NONE], default=BUBBLEWRAP, help=text)


def _checked_sandbox(wanted: str) -> str:
    """The sandbox that was asked for. Raises CourseError where this machine has none."""
    problem = "" if wanted == NONE else why_not()
    if problem:
        raise CourseError(f"{problem}. If you trust the submissions' authors: --sandbox none")
    return wanted


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes (1 or more)")
    return int(text)


def _grade(arguments: argparse.Namespace) -> int:
    from autograder.grade import Options, grade

    root = (arguments.root or arguments.course).resolve()
    if not (root / "submitted").is_dir():
        raise CourseError(f"{root / 'submitted'} does not exist: put submissions there")
    options = Options(
        names=arguments.chapters,
        students=arguments.student,
        jobs=arguments.jobs,
        db_url=arguments.db,
        # On a cluster each worker is asked for its sandbox (``cluster.py``), not this machine.
        sandbox=arguments.sandbox if arguments.scheduler else _checked_sandbox(arguments.sandbox),
        force=arguments.force,
        scheduler=arguments.scheduler,
    )
    with progress() as show:
        report = grade(root, arguments.course, options, show)
    left_out = [f"left out: {line}" for line in report.left_out]
    for line in left_out + report.alike + [f"not recorded: {u}" for u in report.unrecorded]:
        print(line, file=sys.stderr)
    counts = ", ".join(f"{count} {status}" for status, count in report.counts.items())
    again = f" ({report.skipped} recorded before)" if report.skipped else ""
    print(f"{len(report.verdicts)} submissions: {counts}{again}. Marks: the gradebook of {root}")
    _write_json(arguments.json, report.summary())
    return report.exit_code


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
    from autograder.grade import Options, grade

    root = (arguments.root or arguments.course / "demo").resolve()
    names = arguments.chapters or list(chapters(arguments.course))
    make_class(arguments.course, root, names)
    sandbox = _checked_sandbox(arguments.sandbox)
    options = Options(names, jobs=arguments.jobs, sandbox=sandbox, force=True)
    with progress() as show:
        report = grade(root, arguments.course, options, show)
    print(mark_table(report))
    print(f"Feedback pages: {root / 'feedback'}; gradebook: {root / 'gradebook.db'}")
    _write_json(arguments.json, report.summary())
    return report.exit_code


def _report(arguments: argparse.Namespace) -> int:
    from autograder.report import write_report

    root = (arguments.root or arguments.course).resolve()
    out = arguments.out.resolve() if arguments.out else None
    index = write_report(arguments.course, root, arguments.db, out)
    print(f"{index}: open it in a browser; beside it canvas.csv, moodle.csv and nbgrader.csv")
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    from autograder.bench import bench

    bench(arguments.course, arguments.chapters, arguments.rounds, arguments.jobs)
    return 0


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
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
