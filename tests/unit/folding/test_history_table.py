"""M-18: what a binding's outcomes make of it, as a table to read from left to right.

A row gives retries, failure retries, success retries, the outcomes (F failed, S succeeded) and, below each outcome, the
judgement after it (. unknown, U up, D down).
"""

from __future__ import annotations

import pytest

from schemas.limits import OUTCOMES
from schemas.states import BindingVerdict
from streams.folding.history import History, Rule, failures, newest_successes, push

LETTERS = {BindingVerdict.UNKNOWN: ".", BindingVerdict.UP: "U", BindingVerdict.DOWN: "D"}

TABLE = """
retries failure success  outcomes      judgements      why
3       0       1        S             U               one success is enough by default
3       0       1        FFF           ..D             never up: still three failures to be DOWN
3       0       1        FF            ..              fewer outcomes than needed decide nothing
3       0       1        SFFSFFF       UUUUUUD         a success between starts the count again
3       0       1        SFFFS         UUUDU           one success brings it back
3       0       1        SFFFSFFF      UUUDUUUD        and it takes three new failures to fall again
3       0       3        SSS           ..U             three successes before UP
3       0       3        FFFSSFSSS     ..DDDDDDU       a failure between starts the successes again
3       0       3        SSFSSS        .....U          also before the first judgement
1       0       1        SFSF          UDUD            no retries: every outcome decides
10      6       1        SFFSFFSFF     UUUUUUUUD       6 of 10, the second S among them
10      6       1        FFFFFF        .....D          6 of 10 needs six outcomes, not ten
10      2       1        FSFSF         .UUUD           a failure before it became UP does not count
10      2       1        SFFSF         UUDUU           forgotten on becoming UP: one failure is not two
10      2       1        SFFSFF        UUDUUD          two new ones are
3       2       1        SFSSFSF       UUUUUUD         2 of the last 3
3       2       2        SSFFSFSS      .UUDDDDU        back only by two in a row
3       32      1        SFFF          UUUD            more failures than retries cannot be asked: all of them
"""


def rows() -> list[list[str]]:
    return [line.split(maxsplit=5) for line in TABLE.strip().splitlines()[1:]]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[5])
def test_M18_history_table(row: list[str]) -> None:
    rule = Rule(int(row[0]), int(row[1]), int(row[2]))
    history, judgements = History(), ""
    for outcome in row[3]:
        history = history.push(rule, outcome == "F")
        judgements += LETTERS[history.state]
    assert judgements == row[4]


def test_M18_127_retries_are_remembered() -> None:
    rule = Rule(retries=OUTCOMES)
    history = History().push(rule, False).push(rule, True, OUTCOMES - 1)
    assert history.state is BindingVerdict.UP
    assert history.push(rule, True).state is BindingVerdict.DOWN


def test_a_window_never_holds_more_than_its_limit() -> None:
    outcomes, held = push(0b1, 1, False, 10**12)
    assert (outcomes, held) == (0, OUTCOMES)
    outcomes, held = push(outcomes, held, True, 3)
    assert (outcomes, held) == (0b111, OUTCOMES)


def test_no_further_outcome_changes_nothing() -> None:
    history = History().push(Rule(), True, 2)
    assert history.push(Rule(), True, 0) == history
    assert history.push(Rule(), True, -5) == history


def test_what_a_person_is_told_of_the_window() -> None:
    assert failures(Rule(retries=3), 0b1011, 4) == (2, 3)
    assert failures(Rule(retries=3), 0b1, 1) == (1, 1)
    assert newest_successes(0b1000, 6) == 3
    assert newest_successes(0, 6) == 6
