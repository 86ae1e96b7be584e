"""``python -m gradus lab | check CHAPTER | submit CHAPTER --me NAME``"""

from __future__ import annotations

import argparse
import sys

from gradus import student


def parser() -> argparse.ArgumentParser:
    main = argparse.ArgumentParser(prog="python -m gradus", description="A student's commands.")
    commands = main.add_subparsers(dest="command", required=True)
    lab = commands.add_parser("lab", help="copy new chapters to work/ and open JupyterLab there")
    lab.add_argument("--copy-only", action="store_true", help="copy, and open nothing")
    check = commands.add_parser("check", help="see which visible checks of a chapter pass")
    check.add_argument("chapter", help="01_tensors, or just 01")
    submit = commands.add_parser("submit", help="hand in a chapter")
    submit.add_argument("chapter")
    submit.add_argument("--me", required=True, help="your id: letters, digits, dot, _ and -")
    submit.add_argument("--zip", action="store_true", help="write a zip file to hand in")
    return main


def main(arguments: list[str] | None = None) -> int:
    options, rest = parser().parse_known_args(arguments)
    if rest and options.command != "lab":  # what lab does not know goes to JupyterLab
        parser().error(f"unknown: {' '.join(rest)}")
    try:
        root = student.find_root()
        if options.command == "lab":
            print("\n".join(student.copy_chapters(root)) or "your chapters are in work/")
            if options.copy_only:
                return 0
            return student.open_lab(root, rest)
        if options.command == "check":
            name, *_ = student.find_chapter(root, options.chapter)
            print(f"{name}: running your answers and their visible checks ...", flush=True)
            print(student.report(student.progress(root, name)))
        else:
            print(student.submit(root, options.chapter, options.me, options.zip))
    except student.StudentError as error:
        print(f"gradus: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # Windows: ✓ and █ in any console
    sys.exit(main())
