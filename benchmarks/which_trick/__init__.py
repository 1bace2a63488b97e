"""The page "Which trick when": every trick, and what it did in the experiments of `results/`.

evidence   pairs of trainings that differ in one trick alone, from the JSON files
words      the names of things in English and in Chinese
story      the symptoms and their tricks, the list of tricks, what came later
prose      the page's other sentences; no number of ours stands in any of these three
page       puts all of it together
__main__   the command: python -m benchmarks.which_trick
"""
