"""From what is to what a file wants: the steps, their order, and that doing them leaves no difference."""

from __future__ import annotations

from connectors.config.difference import Difference, difference
from connectors.config.document import read_document
from schemas.config import ConfigCommand
from streams.folding.config.fold import ConfigFold
from tests.unit.config.config_words import folded, take

FILE = """\
node_groups: [east]
monitors:
  tcp: {type: TCP, interval: 9s}
services:
  web1: {address: 10.0.0.1, port: 80, monitors: {tcp: {weight: 10}}, node_groups: [east]}
service_groups:
  g: {members: [{address: 10.0.0.3, port: 80, monitors: [tcp]}], monitors: [tcp]}
vservers:
  shop: {services: [web1], service_groups: [g]}
"""


def steps(found: Difference) -> list[str]:
    return [f"{step.sign} {step.text}" for step in found.steps]


def compared(text: str, fold: ConfigFold, prune: bool = False) -> Difference:
    document = read_document(text)
    assert document.faults == []
    return difference(document, fold.entities, prune)


def do(found: Difference, fold: ConfigFold) -> None:
    offset = fold.offset + 1
    result, _ = fold.take(ConfigCommand(f"apply-{offset}", 0, "test", found.operations), offset)
    assert result.accepted, result.rejections


def test_everything_new_in_an_order_that_the_fold_takes() -> None:
    fold = folded()
    found = compared(FILE, fold)
    assert steps(found) == [
        "+ node group east",
        "+ monitor tcp type=TCP interval=9s",
        "+ service web1 address=10.0.0.1 port=80",
        "+ service group g",
        "+ member g/10.0.0.3:80",
        "+ vserver shop",
        "+ service web1 with monitor tcp weight=10",
        "+ service web1 with node group east",
        "+ service group g with monitor tcp",
        "+ member g/10.0.0.3:80 with monitor tcp",
        "+ vserver shop with service web1",
        "+ vserver shop with service group g",
    ]
    do(found, fold)
    assert steps(compared(FILE, fold, prune=True)) == []


def test_changes_are_shown_as_from_and_to_and_back_to_defaults() -> None:
    fold = folded()
    do(compared(FILE, fold), fold)
    changed = FILE.replace("interval: 9s", "retries: 5").replace("weight: 10", "weight: 20, state: DISABLED")
    found = compared(changed, fold)
    assert steps(found) == [
        "~ monitor tcp retries: default -> 5, interval: 9s -> default",
        "~ service web1 with monitor tcp weight=20 state=DISABLED",
    ]
    do(found, fold)
    assert steps(compared(changed, fold)) == []


def test_a_binding_that_the_file_leaves_out_is_undone() -> None:
    fold = folded()
    do(compared(FILE, fold), fold)
    found = compared(FILE.replace(", service_groups: [g]", ""), fold)
    assert steps(found) == ["- vserver shop without service group g"]


def test_what_the_file_does_not_name_stays_unless_pruned() -> None:
    fold = folded()
    do(compared(FILE, fold), fold)
    only = "services:\n  web1: {address: 10.0.0.1, port: 80}\n"
    assert compared(only, fold).left_alone == 5
    found = compared(only, fold, prune=True)
    assert steps(found) == [
        "- service web1 without monitor tcp",
        "- service web1 without node group east",
        "- vserver shop",
        "- service group g",
        "- monitor tcp",
        "- node group east",
    ]
    do(found, fold)
    assert [entity.name for entity in fold.entities.by_id.values()] == ["web1"]


def test_a_member_that_the_file_leaves_out_is_only_removed_by_prune() -> None:
    fold = folded()
    do(compared(FILE, fold), fold)
    without = FILE.replace("{address: 10.0.0.3, port: 80, monitors: [tcp]}", "")
    assert steps(compared(without, fold)) == []
    assert steps(compared(without, fold, prune=True)) == ["- member g/10.0.0.3:80"]


def test_what_an_operator_disabled_stays_so_unless_the_file_says_state() -> None:
    fold = folded()
    do(compared(FILE, fold), fold)
    take(fold, "disable service web1")
    assert steps(compared(FILE, fold)) == []
    says = FILE.replace("web1: {", "web1: {state: ENABLED, ")
    assert steps(compared(says, fold)) == ["~ service web1 enable"]


def test_each_operation_knows_its_line() -> None:
    found = compared(FILE, folded())
    assert [step.operation.line for step in found.steps][:4] == [1, 3, 5, 7]


def test_M20_how_an_operator_disabled_is_no_difference() -> None:
    fold = folded()
    do(compared(FILE, fold), fold)
    take(fold, "disable service web1 delay=60s graceful=yes")
    assert steps(compared(FILE, fold)) == []


def test_U7_a_shadow_is_said_and_taken_back() -> None:
    fold = folded()
    shadowed = FILE.replace("{weight: 10}", "{weight: 10, shadow: yes}")
    found = compared(shadowed, fold)
    assert "+ service web1 with monitor tcp weight=10 shadow=yes" in steps(found)
    do(found, fold)
    assert steps(compared(shadowed, fold)) == []
    assert steps(compared(FILE, fold)) == ["~ service web1 with monitor tcp shadow=no"]
