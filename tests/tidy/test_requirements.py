"""Every numbered requirement has a test that carries its number in its name: `test_S10_...`, `test_P8_P9_...`.

Rule: the list stands here, section by section, so that a requirement cannot lose its last test unseen. That a test of
that name holds what it promises is for whoever reads it; that there is one is held here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.tidy.source import sources

REQUIREMENTS = {
    "monitors": "M1 M2 M3 M6 M7 M8 M9 M10 M11 M12 M13 M14 M18 M19 M20",
    "engines": "C1 C3 C4 C5 C6 C7 C8 C9 C10 C11 C12 C15",
    "ownership": "O1 O2 O3 O4 O5 O6 O9 O10 O11",
    "states": "S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S11 S12 S13 S14 S15",
    "views": "V1 V2 V3 V4 V5 V6 V7 V8 V9 V10 V12",
    "paths": "P1 P2 P3 P4 P5 P6 P7 P8 P9 P10 P11 P12 P13",
    "processing sets": "PS1 PS2",
    "domains": "D1 D2 D3 D4",
    "groups": "G1 G2",
    "response times": "L1 L2 L3 L4 L5",
    "custom load": "CL1 CL2 CL3 CL4 CL5",
    "dynamic response times": "DR1 DR2 DR3 DR4",
    "asymmetry": "A1 A3",
    "what none has": "U1 U2 U3 U4 U5 U6 U7 U8 U9",
}
NAME = re.compile(r"def test((?:_[A-Z]+[0-9]+)+)_")


def named() -> Iterator[str]:
    for source in sources():
        if source.top == "tests":
            for numbers in NAME.findall(source.text):
                yield from numbers.split("_")[1:]


def test_every_requirement_has_a_test_of_its_number() -> None:
    found = set(named())
    missing = [f"{number} ({part})" for part, all_of in REQUIREMENTS.items() for number in all_of.split()]
    missing = [each for each in missing if each.split()[0] not in found]
    assert not missing, f"no test is called after {', '.join(missing)}: write `test_<number>_...`"
