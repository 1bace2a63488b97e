"""The sentences of the page that are the same whatever the numbers say; {names} are filled in."""

from benchmarks.which_trick.words import Text

HEAD = Text(
    """# Which trick when

Find the symptom, read what each trick did to it **here**. Every number comes from the files of
[results]({results}) by `make which-trick`; none is typed, so what is not measured is not praised.

- `modes: 0.8 → 7.5 (+5.7 to +7.7), worst 5`: the mean without and with the trick, the 95% confidence interval
  of the difference between runs of the same seed, the worst seed with the trick. FIDs and test errors, of
  which lower is better, are compared as ratios: `(×0.68; 0.59 to 0.78)`.
- **helped**, **did harm**: the p-value is at most 0.05 after a correction for all {tests} comparisons of this
  page (Benjamini and Hochberg). **Not visible**: these seeds do not show it, which is not "no effect".
- A healthy patient stands beside the sick ones on purpose: a cure may cost it something.
- `ring` and `grid`: 8 and 25 modes in the plane, D ten times slower than G, so that the plain GAN collapses.
  `digits`: a DCGAN on mnist5k, in which nothing is ill. What else was trained: [results]({results}).
- The rates of the plain ring, of SGD for D, and of the long, falling and cured trainings were chosen on one
  to three of the seeds that are shown; the page itself chooses nothing.

![the change by each trick in the modes of the ring and the grid, and in the FID of digits]({figure})""",
    """# 什么时候用哪个技巧

先找症状，再看每个技巧在**这里**对它起了什么作用。所有数字都由 `make which-trick` 从 [results]({results})
的文件生成，没有一个是手写的；没有测过的，就不称赞。

- `模式数：0.8 → 7.5 (+5.7 至 +7.7)，最差 5`：不用与用该技巧时的均值，同一种子两次训练之差的 95% 置信区间，
  用该技巧时最差的种子。FID 和测试误差越低越好，按比值比较：`(×0.68; 0.59 至 0.78)`。
- **有益**、**有害**：对本页全部 {tests} 个比较做校正（Benjamini–Hochberg）之后，p 值不超过 0.05。
  **看不出**：这些种子没有显示出来，不等于“没有作用”。
- 健康的对象是有意放在一起的：疗法可能让它付出代价。
- `环` 和 `网格`：平面上的 8 个与 25 个模式，D 比 G 慢十倍，因此普通 GAN 会坍塌。
  `数字`：mnist5k 上的 DCGAN，没有任何毛病。还训练过什么：[results]({results})。
- 普通的环、D 用 SGD、长训练、递减学习率和全套疗法的学习率，
  是在这里显示的种子中选的（一到三个）；本页本身不做任何选择。

![每个技巧对环与网格的模式数、对数字的 FID 的改变]({figure})""",
)
CLEAN = Text(" Helped here, with no harm visible: {names}.", "这里有益，且看不出害处：{names}。")
NOT_MEASURED = Text("not measured yet", "尚未测量")

LIST = Text("The 17 entries of the list of tricks", "技巧清单的 17 条")
LIST_TOLD = Text(
    "[github.com/soumith/ganhacks](https://github.com/soumith/ganhacks), which the chapter's appendix "
    "takes up; the intervals are above.",
    "[github.com/soumith/ganhacks](https://github.com/soumith/ganhacks)，"
    "本章附录采用的清单；区间见上文。",
)
SECTIONS = Text("Every trick, by section", "按章节列出的全部技巧")
SECTIONS_TOLD = Text(
    "Numbered are the {count} of section 2.4 and the appendix; the others are the remedies of section 2.3. "
    "`--tricks help` of each command lists those that it takes.",
    "编号的是 2.4 节和附录的 {count} 个；其余是 2.3 节的疗法。"
    "每条命令的 `--tricks help` 列出它支持的技巧。",
)
APPENDIX = Text("appendix", "附录")
AFTER = Text("What came after the chapter", "本章之后")
AFTER_TOLD = Text(
    "All of it is in [gan_common/modern.py]({modern}); the preset `modern` of `keras_dcgan` and of "
    "`gan_common.modes` puts the first two together.",
    "都在 [gan_common/modern.py]({modern})；"
    "`keras_dcgan` 和 `gan_common.modes` 的预设 `modern` 合用前两项。",
)
SOURCES = Text("Where the numbers are from", "数字的来源")
BACK = Text("Back to the [README](../README.md).", "回到 [README](../../README.zh-CN.md)。")

OLD_ABLATION = Text(
    "**old**: {steps:,} training steps on digits, where the command now trains {now:,}, so that the plain "
    "GAN has not converged; {seeds} seeds of digits; by which code: [results]({results})",
    "**旧**：数字上只训练了 {steps:,} 步，现在的命令训练 {now:,} 步，普通 GAN 尚未收敛；"
    "数字只有 {seeds} 个种子；用的是哪版代码见 [results]({results})",
)
OLD_MODES = Text(
    "**old**: {old} of {runs} runs do not tell how many modes are filled, the measure that does not flatter",
    "**旧**：{runs} 次训练中有 {old} 次没有记录填满的模式数，即不讨好的那个量",
)
SHAPES = Text(
    "one training of each unless a number of seeds is told: proves little",
    "未注明种子数的各只训练一次：说明不了多少",
)

# Columns of the tables.
TRICK, NUMBER, ENTRY, HERE = (
    Text("trick", "技巧"), Text("#", "#"), Text("entry", "条目"), Text("here", "本项目"),
)  # fmt: skip
SECTION, WHAT, IDEA, PUBLISHED = (
    Text("section", "章节"), Text("what", "内容"), Text("idea", "想法"), Text("published", "已发表"),
)  # fmt: skip
FILE, COMMAND, IN_MIND = (
    Text("file", "文件"),
    Text("command", "命令"),
    Text("to keep in mind", "须知"),
)

# Parts of a line.
COMMA, SEMICOLON = Text(", ", "、"), Text("; ", "；")
BRACKETS = Text(" ({inside})", "（{inside}）")
WHERE = Text("{where}, {measure}: ", "{where}，{measure}：")
ONE_TRAINING = Text(", one training", "，只训练一次")
ALIKE = Text(", alike in {seeds} seeds", "，{seeds} 个种子差别相同")
WORST = Text(", worst {worst}, {seeds} seeds", "，最差 {worst}，{seeds} 个种子")
TO, POINTS = Text("to", "至"), Text(" points", " 个百分点")
COMPARISONS = Text("{count} comparisons: {names}", "{count} 个比较：{names}")
SLOWER = Text("; a step takes {times:.1f} times as long", "；每步用时 {times:.1f} 倍")
