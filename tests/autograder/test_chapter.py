"""Reading a chapter's source: what the build fills in."""

from autograder.chapter import assemble, tags

SOURCE = """\
# %% tags=["setup"]
x = 1

# %% nbgrader={"grade_id": "ex-1-1"}
def double(n):
    ### BEGIN SOLUTION
    return 2 * n
    ### END SOLUTION

# %%
y = double(x)

# %% tags=["demo"]
print(y)

# %%
y = 3

# %%
print(y)
"""


def test_a_shown_cell_that_needs_an_answer_lets_run_all_go_on(tmp_path):
    source = tmp_path / "topic.py"
    source.write_text(SOURCE)
    cells = assemble(source).cells
    lets = [cell.source for cell in cells if "raises-exception" in tags(cell)]
    assert lets == [cells[1].source, "y = double(x)", "print(y)"]
    assert tags(cells[3]) == ["demo", "raises-exception"]
    assert tags(cells[5]) == []
