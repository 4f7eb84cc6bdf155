"""Certificates and keys in PEM: what they are for, when they end, and why one cannot be used.

Most sites name no file, so what is slow to import is imported where it is used."""

from datetime import datetime
from pathlib import Path


def ends(certificate: bytes) -> datetime:
    """When the first certificate of the PEM ends; raises ValueError where it holds none."""
    from cryptography import x509

    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc


def ssh_key_fault(key: bytes) -> str:
    """Why this private key cannot be used without a prompt; empty if it can."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    of_openssh = b"OPENSSH PRIVATE KEY" in key
    try:
        (serialization.load_ssh_private_key if of_openssh else serialization.load_pem_private_key)(key, password=None)
    except TypeError:
        return "this key has a passphrase, and the worker cannot type it; name a key without one"
    except (ValueError, UnsupportedAlgorithm):
        return "this is not a private key in PEM or OpenSSH format, such as ssh-keygen writes beside the .pub file"
    return ""


def names_of(certificate: bytes) -> list[str]:
    """The host names and addresses that the first certificate of the PEM is for; raises ValueError for no PEM."""
    from cryptography import x509

    extensions = x509.load_pem_x509_certificate(certificate).extensions
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]


def certificate_fault(path: str) -> str:
    import ssl

    if Path(path).exists() and not Path(path).is_file():
        return "this is not a file"
    try:
        ssl.create_default_context(cafile=path)
    except FileNotFoundError:
        return "there is no such file"
    except (OSError, ssl.SSLError):
        return "this file holds no certificates in PEM format, or cannot be read"
    return ""
