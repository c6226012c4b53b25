"""A private authority and one certificate per process, made with the openssl command and used again while they are valid.

Every certificate serves both sides (the bus is mutual TLS) and carries the process's name as URI,
spiffe://meridian/<region>/<service>/<instance>, beside 127.0.0.1 and localhost for the API. Keys are EC P-256, readable by
their owner only. Nothing here is for production: there, the platform issues certificates.
"""
import hashlib
import os
import subprocess

_CA_DAYS, _LEAF_DAYS, _RENEW_S = 3650, 397, 7 * 86400


def _valid(clock, ca, certificates):
    """Signed by this authority and good for another week, all of them."""
    soon = str(int(clock.now()) + _RENEW_S)
    return subprocess.run(["openssl", "verify", "-attime", soon, "-CAfile", str(ca), *map(str, certificates)],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def ensure(layout, stage):
    """Makes what is missing or runs out. The stamp tells certificates of another set of names or folders apart."""
    pki, ca, key = layout.pki, layout.pki / "ca.crt", layout.pki / "ca.key"
    names = [(f"{s}-{r}-{n}", f"spiffe://meridian/{r}/{s}/{s}-{r}-{n}") for s, r, n in layout.services()]
    stamp, mark = pki / "stamp", hashlib.sha256(repr(names).encode()).hexdigest()
    files = [pki / f"{name}.crt" for name, _ in names]
    if stamp.exists() and stamp.read_text() == mark and all(f.exists() for f in files) and _valid(layout.clock, ca, files):
        stage.note = "valid, used again"
        return
    os.umask(0o077)
    pki.mkdir(parents=True, exist_ok=True)

    def openssl(*argv):
        stage.command(["openssl", *argv], env={**os.environ, **layout.clock.environment()})
    if not (ca.exists() and key.exists() and _valid(layout.clock, ca, [ca])):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256",
                 "-days", _CA_DAYS, "-subj", "/CN=Meridian local authority", "-keyout", key, "-out", ca,
                 "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    for name, uri in names:
        openssl("req", "-x509", "-CA", ca, "-CAkey", key, "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-sha256", "-days", _LEAF_DAYS, "-subj", f"/CN={name}",
                 "-keyout", pki / f"{name}.key", "-out", pki / f"{name}.crt",
                 "-addext", f"subjectAltName=URI:{uri},DNS:localhost,IP:127.0.0.1,IP:::1",
                 "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature",
                 "-addext", "extendedKeyUsage=serverAuth,clientAuth")
    stamp.write_text(mark)
    stage.note = f"authority and {len(names)} certificates"
