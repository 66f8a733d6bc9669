"""Whole files as operators have them: what comes out is accepted, no line is lost in silence, no secret is shown."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from connectors.config.imports import DIALECTS, NotThis
from connectors.outbound.haproxy_servers import read_mapping
from streams.cli.import_ import app
from tests.unit.imports.imported import FILES, SAMPLES, imported, sample

SECRETS = ("s3cr3t", "hunter2", "7bd3ab", "1f2e", "public", "77aa", "aabb", "letmein")
SPOILING = ('"', "\\", "-1", "99999999", "\udcff", "a b", "#", "''")
WITHOUT_EFFECT = {
    "haproxy": {
        "tcp-check connect",  # the first connection is made without it
        "mode http",  # as the defaults have it
        "check verify none",
        "timeout connect 1s",
    },
    "netscaler": {"add lb metricTable local", "save ns config"},
}
"""Lines that say what would be so without them."""


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_real_file_comes_out_as_it_did(dialect: str) -> None:
    """Read the difference when it changes: `watchbill import DIALECT FILE > FILE.yaml` makes it anew."""
    expected = (FILES / f"{SAMPLES[dialect]}.yaml").read_text(encoding="utf-8")
    body = "".join(line for line in expected.splitlines(keepends=True) if not line.startswith("#"))
    assert imported(dialect, sample(dialect)).text == body


@pytest.mark.parametrize("dialect", ["haproxy", "netscaler"])
def test_every_line_is_in_the_file_or_in_a_notice(dialect: str) -> None:
    """A line of which nothing is said must matter: without it something else comes out."""
    lines = sample(dialect).split("\n")
    whole = imported(dialect, sample(dialect))
    silent = [number for number in range(1, len(lines) + 1) if number not in whole.lines]
    mattering = [number for number in silent if (text := lines[number - 1].strip()) and not text.startswith("#")]
    assert len(mattering) > 30
    for number in mattering:
        line = lines[number - 1].strip()
        without = imported(dialect, "\n".join([*lines[: number - 1], "", *lines[number:]]))
        changed = (without.text, len(without.notices)) != (whole.text, len(whole.notices))
        assert changed or line in WITHOUT_EFFECT[dialect], f"{dialect}:{number}: {line!r} is neither used nor told"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_M18_no_secret_comes_out(dialect: str) -> None:
    found = imported(dialect, sample(dialect))
    for text in (found.text, *found.notices):
        assert not [secret for secret in SECRETS if secret in text], text
    assert "file:" in found.text


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("text", ["", "\n# nothing\n", "hello", "<xml/>", "\x00\x01", "{"])
def test_a_text_that_is_none_of_it_is_told(dialect: str, text: str) -> None:
    if dialect == "consul-esm" and not text.strip():
        assert imported(dialect, text).text == ""
        return
    with pytest.raises(NotThis):
        DIALECTS[dialect](text)


@pytest.mark.parametrize("dialect", ["haproxy", "netscaler"])
@settings(max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_lines_and_words_in_any_order_make_a_file_that_is_accepted(dialect: str, seed: int) -> None:
    chance = random.Random(seed)
    lines = sample(dialect).split("\n")
    for _ in range(chance.randrange(1, 30)):
        place = chance.randrange(len(lines))
        words = re.split(r"( +)", lines[place])
        act = chance.randrange(4)
        if act == 0:
            lines[place] = "".join(words[: chance.randrange(len(words) + 1)])
        elif act == 1:
            del words[chance.randrange(len(words))]
            lines[place] = "".join(words)
        elif act == 2:
            other = chance.randrange(len(lines))
            lines[place], lines[other] = lines[other], lines[place]
        else:
            words[chance.randrange(len(words))] = chance.choice(SPOILING)
            lines[place] = "".join(words)
    text = "\n".join(lines)
    if dialect == "haproxy" or re.search(r"^(add|set|bind)", text, re.MULTILINE):
        imported(dialect, text)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_registrations_with_anything_in_any_place_make_a_file_that_is_accepted(seed: int) -> None:
    chance = random.Random(seed)

    def spoilt(value: object) -> object:
        if chance.random() < 0.05:
            return chance.choice([None, 0, -1, 1e9, True, "", "\u0000", [], {}, "10s", ["x"], "http://[::1", "é"])
        if isinstance(value, dict):
            return {key: spoilt(one) for key, one in value.items()}
        return [spoilt(one) for one in value] if isinstance(value, list) else value

    text = json.dumps([one for one in map(spoilt, json.loads(sample("consul-esm"))) if isinstance(one, dict)])
    if all("Node" in one for one in json.loads(text)):
        imported("consul-esm", text)


def test_the_verb_gives_a_file_with_its_losses_as_comments(tmp_path: Path) -> None:
    out, config = tmp_path / "cluster.yaml", tmp_path / "haproxy.cfg"
    config.write_bytes(b"backend b\n  server s 10.0.0.1:80 check fastinter 1s\n  server u /run/\xff.sock check\n")
    ran = CliRunner().invoke(app, ["haproxy", str(config), "-o", str(out)])
    assert ran.exit_code == 0, ran.output
    assert ran.stdout == ""
    assert f"{config}:3: lost: server b/u" in ran.stderr
    assert "1 monitor, 1 service, 1 vserver; 1 lost, 1 changed" in ran.stderr
    written = out.read_text(encoding="utf-8")
    assert written.startswith("# From haproxy.cfg by `watchbill import haproxy`.\n# 3: lost: server b/u /run/?.sock")
    assert "  b.s: {address: 10.0.0.1, port: 80, monitors: [b]}\n" in written


def test_the_verb_ends_with_1_for_a_loss_only_where_it_is_strict(tmp_path: Path) -> None:
    exact, lossy = tmp_path / "exact.cfg", tmp_path / "lossy.cfg"
    exact.write_text("backend b\n  server s 10.0.0.1:80 check\n")
    lossy.write_text("backend b\n  server s /run/x.sock check\n")
    for file, options, code in ((exact, ["--strict"], 0), (lossy, [], 0), (lossy, ["--strict"], 1)):
        assert CliRunner().invoke(app, ["haproxy", str(file), *options]).exit_code == code


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["haproxy", "/nowhere/haproxy.cfg"], 1, "cannot be read: No such file"),
        (["haproxy", "-", "-o", "json"], 2, "call it cluster.yaml"),
        (["haproxy", "-"], 1, "no section was found"),
        (["consul-esm", "-"], 1, "this is no JSON: Expecting value: line 1"),
    ],
)
def test_the_verb_tells_the_mend(arguments: list[str], code: int, message: str) -> None:
    ran = CliRunner().invoke(app, arguments, input="hello\n")
    assert (ran.exit_code, message in ran.stderr) == (code, True), ran.stderr


def test_the_verb_writes_which_server_is_which_service(tmp_path: Path) -> None:
    config, mapping = tmp_path / "haproxy.cfg", tmp_path / "servers.map"
    servers = ("s 10.0.0.1:80 check", "t 10.0.0.2:80 track s", "u /run/x.sock check", "v 10.0.0.4:80")
    config.write_text("backend b\n" + "".join(f"  server {server}\n" for server in servers))
    ran = CliRunner().invoke(app, ["haproxy", str(config), "--map", str(mapping), "--quiet"])
    assert ran.exit_code == 0, ran.output
    mapped = read_mapping(mapping.read_text().splitlines())
    assert mapped.services == {("b", "s"): "b.s", ("b", "v"): "b.v"}
