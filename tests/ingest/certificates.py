"""Certificates for tests, made by openssl: each its own authority, for 127.0.0.1."""

import subprocess
from pathlib import Path


def make_certificate(folder: Path, name: str = "tls", common_name: str = "receiver") -> list[Path]:
    """Return the chain and the key."""
    chain, key = folder / f"{name}.pem", folder / f"{name}.key"
    argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    argv += ["-nodes", "-days", "2", "-subj", f"/CN={common_name}"]
    argv += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(chain)]
    subprocess.run(argv, check=True, capture_output=True)
    return [chain, key]
