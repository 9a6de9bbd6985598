"""Plans of runs, and what is said of the mistakes in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from plotbot.batch.plan import Plan, read_plan
from plotbot.cli.batch import checks, commands
from plotbot.units import InputError

CAT = '[[sheets]]\nclass = "cat"\n'
TOSS = '[[sheets]]\npattern = "toss"\nclasses = ["cat", "ice cream"]\n'


def plan_of(text: str, folder: Path) -> Plan:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return read_plan(path, commands(), checks())


def test_a_sheet_is_a_command_line_and_counts_on_from_the_seed(tmp_path: Path) -> None:
    plan = plan_of(
        f'paper = "a5"\nseed = 7\n{CAT}copies = 2\ncount = 12\nlandscape = true\n{TOSS}spacing = 0.3', tmp_path
    )
    assert [one.command for one in plan.sheets] == [
        "plotbot draw cat --paper a5 --count 12 --landscape --machine virtual --seed 7",
        "plotbot draw cat --paper a5 --count 12 --landscape --machine virtual --seed 8",
        "plotbot pattern cat 'ice cream' --repeat toss --paper a5 --spacing 0.3 --machine virtual --seed 9",
    ]
    assert [one.number for one in plan.sheets] == [1, 2, 3]
    assert [one.leads for one in plan.sheets] == [True, False, True]


def test_a_table_is_stronger_than_the_top_and_its_own_seed_counts_on_by_itself(tmp_path: Path) -> None:
    plan = plan_of(f"landscape = true\nseed = 1\n{CAT}{CAT}seed = 50\ncopies = 2\nlandscape = false\n{CAT}", tmp_path)
    assert [int(one.words[-1]) for one in plan.sheets] == [1, 50, 51, 4]
    assert ["--landscape" in one.words for one in plan.sheets] == [True, False, False, True]


def test_what_only_one_kind_of_sheet_knows_may_stand_at_the_top(tmp_path: Path) -> None:
    cat, toss = plan_of(f'pen_temperature = 0.8\npens = "red,navy"\n{CAT}{TOSS}', tmp_path).sheets
    assert "--pen-temperature" in cat.words
    assert "--pens" not in cat.words
    assert "--pens" in toss.words
    assert "--pen-temperature" not in toss.words
    assert toss.label == "toss of cat, ice cream, seed 1, pens red,navy"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", 'has no sheets: begin each kind with [[sheets]] and class = "cat" below it.'),
        ("sheets = 3", "has no sheets"),
        ("paper = ", "is not TOML: "),
        (f'papier = "a4"\n{CAT}', "the top has no key 'papier': did you mean paper?"),
        (f'[[sheet]]\nclass = "cat"\n{CAT}', "the top has no key 'sheet': did you mean sheets?"),
        (f'pens = "red,navy"\n{CAT}', "the top has no key 'pens': "),
        (f"{CAT}cuont = 3", "[[sheets]] 1 has no key 'cuont': did you mean count?"),
        (f"{CAT}spacing = 0.1", "[[sheets]] 1 has no key 'spacing': "),
        (
            f'{CAT}{TOSS}cloth = "1x1m"',
            "[[sheets]] 2: a cloth is several pages at once: make it by plotbot pattern --cloth.",
        ),
        (f"{CAT}count = 0", "[[sheets]] 1: count: "),
        (f'{CAT}count = "many"', "[[sheets]] 1: count: "),
        (f"{CAT}count = [3]", "[[sheets]] 1: count must be a text or a number, not [3]."),
        (f"{CAT}landscape = 1", "[[sheets]] 1: landscape must be true or false, not 1."),
        (f"{CAT}margin = 10", "[[sheets]] 1: margin: '10' has no unit: write 10mm, or another of"),
        (f'paper = "b4"\n{CAT}', "[[sheets]] 1: paper: 'b4' is not a paper"),
        (f'{CAT}effort = "hard"', "[[sheets]] 1: effort: 'hard' is no effort"),
        (f"{CAT}copies = 0", "[[sheets]] 1: copies must be a whole number of at least 1, not 0."),
        (f"{CAT}copies = 1_000_000_000", "[[sheets]] 1: copies make more than 10,000 sheets"),
        (f"seed = 1.5\n{CAT}", "[[sheets]] 1: seed must be a whole number of at least 0, not 1.5."),
        (f"machine = 3\n{CAT}", "machine must be a text in quotes, not 3."),
        ("[[sheets]]\ncount = 3", '[[sheets]] 1: needs class = "cat", or pattern = "half-drop" and classes'),
        ('[[sheets]]\npattern = "toss"', "[[sheets]] 1: a pattern needs classes"),
        (
            '[[sheets]]\nclasses = ["cat"]',
            '[[sheets]] 1: classes are for a pattern: a sheet of sketches has class = "cat".',
        ),
        (f'{TOSS}class = "cat"', "[[sheets]] 1: class is for a sheet of sketches"),
        ('[[sheets]]\nclass = "--help"', "[[sheets]] 1: '--help' is no name of a class"),
        ("[[sheets]]\nclass = 5", "[[sheets]] 1: 5 is no name of a class"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_file_and_key(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        plan_of(text, tmp_path)
    sentence = str(error.value)
    assert sentence.startswith(f"{tmp_path / 'run.toml'}: ")
    assert said in sentence
    assert sentence[-1] in ".?"
    assert "\n" not in sentence


def test_a_plan_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere.toml: cannot be read .*; check the name\."):
        read_plan(tmp_path / "nowhere.toml", {}, {})
