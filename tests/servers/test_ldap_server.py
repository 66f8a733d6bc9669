"""LDAP against OpenLDAP's slapd: bind as nobody and by name, an entry that is there or not, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.probes import Reason, Verdict
from tests.servers.certified import certified
from tests.servers.running import Server, free_port, needed, prepare, probe, running

BOUND = {"bind_dn": "cn=watch,dc=example,dc=org", "password_ref": "env:WATCHBILL_SECRET_LDAP"}
PEOPLE = "ou=people,dc=example,dc=org"
CONFIGURATION = """
include /etc/ldap/schema/core.schema
pidfile {folder}/slapd.pid
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
database ldif
directory {folder}/data
suffix "dc=example,dc=org"
rootdn "cn=watch,dc=example,dc=org"
rootpw "open sesame"
access to dn.exact="ou=hidden,dc=example,dc=org" by * none
access to * by * read
"""
ENTRIES = """
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people
l: Harbour

dn: ou=hidden,dc=example,dc=org
objectClass: organizationalUnit
ou: hidden
"""


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    slapd, configuration, entries = needed("slapd"), folder / "slapd.conf", folder / "entries.ldif"
    configuration.write_text(CONFIGURATION.format(folder=folder))
    entries.write_text(ENTRIES)
    (folder / "data").mkdir()
    certified(folder)
    prepare([needed("slapadd", "slapd"), "-f", str(configuration), "-l", str(entries)], folder)
    port, secure_port = free_port(), free_port()
    (folder / "secure_port").write_text(str(secure_port))
    urls = f"ldap://127.0.0.1:{port}/ ldaps://127.0.0.1:{secure_port}/"
    with running([slapd, "-f", str(configuration), "-h", urls, "-d", "256"], port, folder) as up:
        yield up


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_LDAP", "open sesame")
    monkeypatch.setenv("WATCHBILL_SECRET_WRONG", "open barley")


@pytest.mark.parametrize("login", [{}, BOUND])
def test_M6_up(server: Server, login: dict[str, str]) -> None:
    report = probe("LDAP", server.port, login)
    assert (report.verdict, report.reason, report.detail) == (Verdict.UP, Reason.OK, "")
    assert report.response_avg_us > 0


@pytest.mark.parametrize("login", [{}, BOUND])
@pytest.mark.parametrize("condition", ["(objectClass=*)", "(l=Harbour)", "(objectClass=organizationalUnit)"])
def test_M8_an_entry_is_there(server: Server, login: dict[str, str], condition: str) -> None:
    report = probe("LDAP", server.port, {**login, "base_dn": PEOPLE, "filter": condition})
    assert (report.verdict, report.detail) == (Verdict.UP, "")


def test_M8_an_entry_is_not_there(server: Server) -> None:
    report = probe("LDAP", server.port, {"base_dn": "ou=ships,dc=example,dc=org"})
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.BAD_STATUS)
    assert report.detail == "LDAP search of ou=ships,dc=example,dc=org: noSuchObject (32)"
    report = probe("LDAP", server.port, {"base_dn": PEOPLE, "filter": "(l=Hills)"})
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.MISMATCH)
    assert report.detail == f"no entry {PEOPLE} that matches the filter"
    report = probe("LDAP", server.port, {"base_dn": "ou=hidden,dc=example,dc=org"})
    assert report.verdict is Verdict.DOWN


def test_a_wrong_password_is_refused(server: Server) -> None:
    report = probe("LDAP", server.port, {**BOUND, "password_ref": "env:WATCHBILL_SECRET_WRONG"})
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.BAD_STATUS)
    assert report.detail == "LDAP bind: invalidCredentials (49)"


def test_a_name_that_is_none_is_told_in_the_servers_words(server: Server) -> None:
    report = probe("LDAP", server.port, {"base_dn": "not a name"})
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.BAD_STATUS)
    assert report.detail == "LDAP search of not a name: invalidDNSyntax (34): invalid DN"


def test_M18_secure(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_CA", (folder / "server.pem").read_text())
    tls = {"secure": True, "tls_verify": True, "ca_ref": "env:WATCHBILL_SECRET_CA"}
    port = int((folder / "secure_port").read_text())
    report = probe("LDAP", port, {**tls, **BOUND, "base_dn": PEOPLE})
    assert (report.verdict, report.detail) == (Verdict.UP, "")
    assert probe("LDAP", server.port, tls).verdict is Verdict.DOWN


def test_a_probe_ends_its_connection_as_a_client_does(server: Server) -> None:
    before = server.log.read_text().count("(connection lost)")
    assert probe("LDAP", server.port, BOUND).verdict is Verdict.UP
    log = server.log.read_text()
    assert "UNBIND" in log
    assert log.count("(connection lost)") == before


def test_a_stopped_server_is_down(server: Server) -> None:
    server.stop()
    report = probe("LDAP", server.port)
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.REFUSED)
