"""The page that a student gets back: no markup of a submission survives on it."""

import nbformat

from autograder.feedback import page
from autograder.limits import LIMITS
from autograder.outputs import kept_output
from autograder.verdict import FAILED, Mark, Verdict

EVIL = "<script>alert('canary-script')</script><img src=x onerror=alert(1)>"


def kept(outputs) -> list:
    """What the grader keeps of a kernel's messages."""
    found = [kept_output(output.get("output_type"), output, LIMITS) for output in outputs]
    return [output for output in found if output is not None]


def verdict(**fields) -> Verdict:
    code = nbformat.v4.new_code_cell(f"print('''{EVIL}''')", id="a")
    code.outputs = [
        nbformat.v4.new_output("stream", name="stdout", text=EVIL),
        nbformat.v4.new_output("display_data", data={"text/html": EVIL, "text/plain": EVIL}),
        nbformat.v4.new_output("display_data", data={"image/svg+xml": f"<svg>{EVIL}</svg>"}),
        nbformat.v4.new_output("display_data", data={"application/javascript": "alert(1)"}),
        nbformat.v4.new_output("display_data", data={"image/png": f'">{EVIL}'}),
        nbformat.v4.new_output("stream", name=f'">{EVIL}', text="x"),
        nbformat.v4.new_output("error", ename=EVIL, evalue=EVIL, traceback=[EVIL]),
    ]
    code.outputs = kept(code.outputs)
    test = nbformat.v4.new_code_cell("# Hidden test", id="ex-0-1-hidden-1")
    test.metadata.nbgrader = {"grade_id": "ex-0-1-hidden-1"}
    test.outputs = [nbformat.v4.new_output("stream", name="stdout", text="canary-hidden-print")]
    notebook = nbformat.v4.new_notebook(cells=[code, test])
    mark = Mark(
        "ex-0-1-hidden-1", "0.1 · title", 2, message=EVIL, values="canary-values", visible=False
    )
    return Verdict("ada", "00_tiny", marks=[mark], notebook=notebook, **fields)


def test_no_script_survives():
    text = page(verdict())
    assert "canary-script" in text  # shown, as text
    for markup in ("<script", "<img", "<svg", "alert(1)</"):
        assert markup not in text.replace("&lt;", "(")


def test_hidden_values_and_prints_are_not_shown():
    text = page(verdict())
    assert "canary-values" not in text
    assert "canary-hidden-print" not in text


def test_the_page_needs_no_network():
    text = page(verdict())
    assert "default-src 'none'" in text
    assert "http://" not in text and "https://" not in text.replace("https://www.w3.org", "")


def test_a_failure_says_why_and_the_missing_sandbox_is_named():
    text = page(Verdict("ada", "00_tiny", status=FAILED, cause="the file is <not> JSON"))
    assert "could not be graded: the file is &lt;not&gt; JSON" in text
    assert "without a sandbox" in text


def test_outputs_of_any_shape_are_survived():
    strange = [
        {"output_type": "stream", "name": 3, "text": ["a"]},
        {"output_type": "error", "ename": None, "evalue": {}, "traceback": "text"},
        {"output_type": "display_data", "data": []},
        {"output_type": "execute_result", "data": {"text/plain": {}, "image/png": "no base64!"}},
        {"output_type": "unheard of"},
        {"output_type": "stream", "name": "stdout", "text": "x" * 10**6},
    ]
    outputs = kept(nbformat.from_dict(o) for o in strange)
    nbformat.validate(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=outputs)]))
    assert [o.output_type for o in outputs] == ["stream", "error", "stream"]
    assert len(outputs[-1].text) < 2 * LIMITS.output_characters
