# SPDX-License-Identifier: Apache-2.0
"""`dyad certificate` with what authorities and Windows give, made by OpenSSL's own program; a service shows the result."""

import os
import socket
import ssl
import stat
import subprocess
import types

import pytest
from lab import Lab, Node, conf
from lab.server import RealServer
from lab.wait import until

WEB, SECURE = "10.77.0.100", 443


def openssl(directory, *arguments, **options):
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)


class Authority:
    """A root, and one below it that signs."""

    def __init__(self, directory):
        self.directory = directory
        for name, issuer in (("root", None), ("middle", "root")):
            openssl(directory, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                    "-keyout", f"{name}.key", "-out", f"{name}.csr")
            self.sign(f"{name}.csr", f"{name}.pem", issuer or name, "basicConstraints=critical,CA:TRUE", own=issuer is None)

    def sign(self, csr, out, issuer, extension, own=False):
        (self.directory / "extensions").write_text(extension + "\n")
        signer = ["-key", f"{issuer}.key"] if own else ["-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-CAcreateserial"]
        openssl(self.directory, "x509", "-req", "-in", csr, "-days", "90", "-extfile", "extensions", "-out", out, *signer)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Lab(heartbeat_links=0, nodes=1, real_servers=1, clients=1, observers=0) as lab:
        RealServer(lab.real_servers[0])
        node = Node(lab.nodes[0], "primary")
        node.write("node.toml", conf.alone(lab.nodes[0]))
        node.write("cluster.toml", conf.cluster())
        node.start()
        yield types.SimpleNamespace(lab=lab, node=node, authority=Authority(tmp_path_factory.mktemp("authority")))


def serve(lab, node, name):
    node.apply(conf.cluster(conf.service("web", WEB, 80, {"rs1": lab.real_servers[0].address()}, mode="http",
                                         tls=f'{{ ports = [{SECURE}], certificate = "{name}" }}')))
    until(lambda: node.server("web", "rs1")["health"] == "up", 5, "the server is up", describe=node.describe)


def shown(lab, authority, host):
    """Connects as a client that trusts the root alone; the names that it is shown, empty when it goes away."""
    context = ssl.create_default_context(cafile=authority.directory / "root.pem")
    with lab.clients[0].socket(socket.AF_INET, socket.SOCK_STREAM) as raw:
        raw.settimeout(5)
        raw.connect((WEB, SECURE))
        try:
            with context.wrap_socket(raw, server_hostname=host) as secure:
                return [value for _, value in secure.getpeercert()["subjectAltName"]]
        except ssl.SSLCertVerificationError:
            return []


def comes_to_show(lab, node, authority, names):
    """It is another process that takes what was applied over."""
    until(lambda: shown(lab, authority, names[0]) == names, 5, f"{names} are shown", every=0.05, describe=node.describe)


def test_a_request_is_signed_and_its_answer_imported(site):
    lab, node, authority = site.lab, site.node, site.authority
    csr = node.dyad("certificate", "csr", "signed", "--for", "pacs.example", "--for", "192.0.2.1").stdout
    (authority.directory / "signed.csr").write_text(csr)
    authority.sign("signed.csr", "signed.crt", "middle", "subjectAltName=DNS:pacs.example,IP:192.0.2.1")
    answer, chain = str(authority.directory / "signed.crt"), str(authority.directory / "middle.pem")
    lonely = node.dyad("certificate", "import", "signed", answer)
    assert "the chain ends before" in lonely.stderr
    refused = node.dyad("certificate", "import", "signed", answer, check=False)
    assert refused.returncode == 1 and "--replace" in refused.stderr
    node.dyad("certificate", "import", "signed", answer, chain, "--replace")
    file = os.path.join(node.config_dir, "certificates", "signed.pem")
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    serve(lab, node, "signed")
    comes_to_show(lab, node, authority, ["pacs.example", "192.0.2.1"])
    assert "signed  pacs.example, 192.0.2.1" in node.dyad("certificate", "list").stdout


def shown_response(lab):
    """What openssl says of the response that it was shown."""
    return lab.clients[0].run(["openssl", "s_client", "-connect", f"{WEB}:{SECURE}", "-servername", "pacs.example", "-status"], input="",
                              check=False, timeout=10).stdout


def test_a_response_of_the_authority_is_stapled(site):
    lab, node, authority = site.lab, site.node, site.authority
    here = authority.directory
    asked = ["-issuer", "middle.pem", "-cert", "signed.crt"]
    serial = subprocess.run(["openssl", "x509", "-in", "signed.crt", "-noout", "-serial"], cwd=here, check=True, text=True,
                            capture_output=True).stdout.strip().removeprefix("serial=")
    (here / "index.txt").write_text(f"V\t401231235959Z\t\t{serial}\tunknown\t/CN=pacs.example\n")
    openssl(here, "ocsp", "-index", "index.txt", "-rsigner", "middle.pem", "-rkey", "middle.key", "-CA", "middle.pem", *asked, "-ndays", "1",
            "-respout", "response.der")
    serve(lab, node, "signed")
    until(lambda: "no response sent" in shown_response(lab), 5, "there is none at first", every=0.1, describe=node.describe)
    node.dyad("certificate", "staple", "signed", str(here / "response.der"))
    serve(lab, node, "signed")
    until(lambda: "Cert Status: good" in shown_response(lab), 5, "it is shown", every=0.1, describe=node.describe)
    wrong = node.dyad("certificate", "staple", "signed", str(here / "root.pem"), check=False)
    assert wrong.returncode == 1 and "says nothing of any certificate" in wrong.stderr


@pytest.mark.parametrize("old", [False, True])
def test_a_file_of_windows_is_imported(site, old):
    """`old`: with the ciphers of Windows Server 2016 and before."""
    lab, node, authority = site.lab, site.node, site.authority
    name = "old" if old else "pfx"
    here = authority.directory
    openssl(here, "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
    authority.sign(f"{name}.csr", f"{name}.crt", "middle", f"subjectAltName=DNS:{name}.example")
    openssl(here, "pkcs12", "-export", *(["-legacy"] if old else []), "-inkey", f"{name}.key", "-in", f"{name}.crt", "-certfile", "middle.pem",
            "-passout", "pass:geheim", "-out", f"{name}.pfx")
    (here / "password").write_text("geheim\n")
    wrong = node.dyad("certificate", "import", name, str(here / f"{name}.pfx"), "--password-file", str(here / "root.pem"), check=False)
    assert wrong.returncode == 1 and "the password is wrong" in wrong.stderr
    node.dyad("certificate", "import", name, str(here / f"{name}.pfx"), "--password-file", str(here / "password"))
    serve(lab, node, name)
    comes_to_show(lab, node, authority, [f"{name}.example"])


def test_an_encrypted_key_is_imported(site):
    node, authority = site.node, site.authority
    here = authority.directory
    openssl(here, "req", "-new", "-newkey", "rsa:2048", "-passout", "pass:geheim", "-subj", "/CN=c", "-keyout", "locked.key", "-out", "locked.csr")
    authority.sign("locked.csr", "locked.crt", "middle", "subjectAltName=DNS:c.example")
    (here / "password").write_text("geheim\n")
    (here / "wrong").write_text("nonsense\n")
    files = [here / "locked.key", here / "middle.pem", here / "locked.crt"]
    wrong = node.dyad("certificate", "import", "locked", *map(str, files), "--password-file", str(here / "wrong"), check=False)
    assert wrong.returncode == 1 and "cannot be decrypted" in wrong.stderr
    node.dyad("certificate", "import", "locked", *map(str, files), "--password-file", str(here / "password"))
    assert "c.example" in node.dyad("certificate", "list").stdout


def test_an_own_certificate_serves_too(site):
    lab, node, authority = site.lab, site.node, site.authority
    node.dyad("certificate", "self-signed", "own", "--for", "own.example")
    serve(lab, node, "own")
    context = ssl.create_default_context(cadata=open(os.path.join(node.config_dir, "certificates", "own.pem")).read())

    def trusted():
        with lab.clients[0].socket(socket.AF_INET, socket.SOCK_STREAM) as raw:
            raw.settimeout(5)
            raw.connect((WEB, SECURE))
            try:
                with context.wrap_socket(raw, server_hostname="own.example"):
                    return True
            except ssl.SSLCertVerificationError:
                return False

    until(trusted, 5, "who was told to trust it does", every=0.05, describe=node.describe)
    assert shown(lab, authority, "own.example") == []
