"""The Chinese prose of the notebooks is in step with them, and what is not is told by file and cell."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from book import in_step, translation

FILES = sorted(translation.FOLDER.glob("*.md"))
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)

ENGLISH = """## Rates

Three seeds, 25,000 steps, a tenth of G's rate: `game.play`, $x^2$, [why](../docs/pages.md).

- one
- two

<details><summary>Solution</summary>

```python
x = 1  # 7
```

</details>"""
CHINESE = """<!-- text -->
## 学习率

三个种子，25,000 步，学习率是 G 的十分之一：`game.play`，$x^2$，[原因](../../docs/pages.md)。

- 一
- 二

<details><summary>参考答案</summary>

<!-- code -->

</details>

<!-- figure -->
{1} 个里的 {0} 个

<!-- seen -->
> **观察。** 八个模式。

<!-- words -->
| English | 中文 |
|---|---|
| modes | 模式数 |
| not visible | 看不出 |
"""


def english(title="8 of 10", seen="> **Seen.** Eight modes.", table="| modes |\n|---|\n| 8 |"):
    data = ({"image/png": "AAAA", "text/plain": title}, {"text/markdown": seen})
    outputs = [new_output("display_data", each) for each in (*data, {"text/markdown": table})]
    outputs.append(new_output("display_data", {"text/markdown": "| not visible |"}))
    return new_notebook(cells=[new_markdown_cell(ENGLISH), new_code_cell("y", outputs=outputs)])


@pytest.fixture
def told(tmp_path):
    """What is out of step between a notebook and a Chinese text."""

    def problems(notebook, chinese=CHINESE):
        nbformat.write(notebook, tmp_path / "a.ipynb")
        (tmp_path / "zh").mkdir(exist_ok=True)
        path = tmp_path / "zh" / "a.md"
        path.write_text(chinese, encoding="utf-8")
        return list(in_step.problems(path))

    return problems


@each_file
def test_the_chinese_says_what_the_notebook_says(path):
    assert list(in_step.problems(path)) == []


def test_the_sections_that_the_chapter_rests_on_are_translated():
    sections = {path.stem.partition("_")[0] for path in FILES}
    assert {"2.1", "2.2.2", "2.2.3", "2.3.2"} <= sections


@each_file
def test_a_chinese_page_has_the_notebook_s_code_and_outputs(path):
    notebook = translation.read(translation.notebook_of(path))
    page = translation.page(path.read_text(encoding="utf-8"), path.stem)
    assert len(page.cells) == len(notebook.cells)
    for ours, theirs in zip(page.cells, notebook.cells, strict=True):
        if ours.cell_type == "code":
            assert ours.source == theirs.source
            pictures = [
                [each.data["image/png"] for each in cell.outputs if "image/png" in each.get("data", "")]
                for cell in (ours, theirs)
            ]  # fmt: skip
            assert pictures[0] == pictures[1]
        else:
            assert translation.FENCED.findall(ours.source) == translation.FENCED.findall(
                theirs.source
            )
            assert "<!--" not in ours.source


def test_the_page_is_the_notebook_with_other_words():
    page = translation.merged(english(), CHINESE)
    assert "```python\nx = 1  # 7\n```" in page.cells[0].source
    shown = [output.data.get("text/markdown") for output in page.cells[1].outputs]
    assert page.cells[1].outputs[0].data["text/plain"] == "10 个里的 8 个"
    assert shown == [
        None, "*图：10 个里的 8 个*", "> **观察。** 八个模式。", "| 模式数 |\n|---|\n| 8 |", "| 看不出 |"
    ]  # fmt: skip


def test_what_is_in_step_is_silent(told):
    assert told(english()) == []
    assert told(english(title="9 of 11")) == []  # the numbers of a figure's title are filled in


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("25,000", "30,000", "numbers: the Chinese has no 30000"),
        ("Three", "Four", "numbers: the Chinese has no 4"),
        ("Three seeds", "Seeds", "numbers: the English has no 3"),
        ("tenth", "fifth", "numbers: the Chinese has no 5"),
        ("game.play", "game.run", "code: the Chinese has no game.run"),
        ("x^2", "x^3", "formulas: the Chinese has no x^3"),
        ("pages.md", "other.md", "links: the Chinese has no docs/other.md"),
        ("- two\n", "", "form: part 4 is <details> in English, item - in Chinese"),
        ("## Rates", "# Rates", "form: part 1 is heading 1 in English, heading 2 in Chinese"),
        ("```python\nx = 1  # 7\n```", "", "code: the English has no <!-- code -->"),
    ],
)
def test_a_change_of_the_english_is_told_by_file_and_cell(told, before, after, said):
    notebook = english()
    assert before in notebook.cells[0].source
    notebook.cells[0].source = notebook.cells[0].source.replace(before, after)
    found = told(notebook)
    assert f"a.md, line 1; a.ipynb, cell 0: {said}" in found


def test_a_sentence_under_a_cell_and_a_title_are_compared_too(told):
    changed = english(seen="> **Seen.** Seven modes.")
    assert "a.md, line 18; a.ipynb, cell 1: numbers: the Chinese has no 7" in told(changed)
    assert "has fewer numbers now: '8 of them'" in told(english(title="8 of them"))[0]
    assert "has more numbers now: '8 of 10 in 3'" in told(english(title="8 of 10 in 3"))[0]


def test_a_cell_that_is_new_is_told_and_not_those_after_it(told):
    notebook = english()
    notebook.cells.insert(1, new_markdown_cell("New, with 12 numbers"))
    assert told(notebook) == ["a.ipynb, cell 1: not translated, text 'New, with 12 numbers'"]
    notebook = english()
    del notebook.cells[0]
    assert told(notebook) == ["a.md, line 1: not in the notebook, text '## 学习率'"]


def test_words_of_tables_are_all_translated_and_all_there(told):
    found = told(english(table="| modes | filled |\n|---|---|"))
    assert found == ["a.md, line 21: a table has 'filled', which is not translated"]
    found = told(english(table="| a |\n|---|"))
    assert found == ["a.md, line 21: no table has 'modes'"]


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("eight modes, ten seeds, a third more", "8 个模式，十个种子，多三分之一"),
        ("twelve of thirty, ten minutes", "三十个里的十二个，十分钟"),
        ("−2 and 2, 98.9%", "−2 和 2，98.9%"),
        ("half, as both see", "十分清楚的一半，两者都看到"),
        ("two hundred of `x1`, $3$, [5](6.md)", "`x1` 的两百个，$3$，[五](6.md)"),
    ],
)
def test_numbers_are_the_same_in_figures_and_in_words(english, chinese):
    if "[5]" in english:
        english = english.replace("[5]", "[five]")
    assert in_step.numbers(english) == in_step.numbers(chinese)


def test_a_page_out_of_step_is_not_built():
    with pytest.raises(ValueError, match="not in step with its notebook"):
        translation.merged(english(), CHINESE.replace("<!-- seen -->", "<!-- figure -->"))
