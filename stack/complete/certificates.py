"""A certificate authority and what it signs: PEM in, PEM out, without reading or writing files.

Keys are on P-256, which every TLS 1.3 implementation supports (RFC 8446, 9.1); making one takes a millisecond.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stack.components.component import CLIENT_USAGE, SERVER_USAGE
from stack.load import pem

# Apple's systems accept 825 days at most, of a private CA too (support.apple.com/103769); others set no limit.
DAYS = 820
# A new CA must be installed on every engine, so it lasts longer than many certificates.
CA_DAYS = 3650
# A render this close to the end makes a new one. Long, because some sites are rendered rarely.
RENEW_DAYS = 90
# The clock of another machine may be behind this one.
BACKDATED = timedelta(hours=1)
MAX_COMMON_NAME = 64  # RFC 5280, ub-common-name

_USAGES = {SERVER_USAGE: ExtendedKeyUsageOID.SERVER_AUTH, CLIENT_USAGE: ExtendedKeyUsageOID.CLIENT_AUTH}


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, in PEM. `reason` is why it was made now; empty if it was kept."""

    certificate: bytes
    key: bytes
    reason: str = ""


def authority(name: str, kept: Pair | None, now: datetime | None = None) -> Pair:
    """The kept CA, or a new one if the kept one cannot be used."""
    now = now or datetime.now(UTC)
    reason = _own_fault(kept, now)
    if kept and not reason:
        return kept
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    builder = _builder(subject, subject, key.public_key(), (now, now + timedelta(days=CA_DAYS)))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(signs_certificates=True), critical=True)
    return _pair(builder.sign(key, hashes.SHA256()), key, reason)


def issue(ca: Pair, names: Sequence[str], usage: str, kept: Pair | None, now: datetime | None = None) -> Pair:
    """The kept certificate, or a new one if that is not for these names, not signed by this CA or about to end.

    `names` are host names and IP addresses, `usage` is SERVER_USAGE or CLIENT_USAGE.
    """
    now = now or datetime.now(UTC)
    issuer = x509.load_pem_x509_certificate(ca.certificate)
    reason = _own_fault(kept, now) or (_fault_of_issue(kept, issuer, names, usage) if kept else "")
    if kept and not reason:
        return kept
    key = ec.generate_private_key(ec.SECP256R1())
    end = min(now + timedelta(days=DAYS), issuer.not_valid_after_utc)
    builder = _builder(_name(names[0]), issuer.subject, key.public_key(), (now, end))
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([_USAGES[usage]]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
    builder = builder.add_extension(_authority_key(issuer), critical=False)
    signer = cast(CertificateIssuerPrivateKeyTypes, serialization.load_pem_private_key(ca.key, None))
    return _pair(builder.sign(signer, hashes.SHA256()), key, reason)


def _own_fault(kept: Pair | None, now: datetime) -> str:
    """Why a new pair must be made, independent of who signed this one; empty if this one can be used."""
    if kept is None:
        return "made"
    try:
        certificate = x509.load_pem_x509_certificate(kept.certificate)
        key = serialization.load_pem_private_key(kept.key, None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return "the old one could not be read"
    if certificate.public_key() != key.public_key():
        return "the old one did not fit its key"
    if certificate.not_valid_after_utc - now < timedelta(days=RENEW_DAYS):
        return f"the old one ends on {certificate.not_valid_after_utc:%Y-%m-%d}"
    return ""


def _fault_of_issue(kept: Pair, issuer: x509.Certificate, names: Sequence[str], usage: str) -> str:
    certificate = x509.load_pem_x509_certificate(kept.certificate)
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return "the old one was signed by another CA"
    if sorted(pem.names_of(kept.certificate)) != sorted(names):
        return f"the old one was for {', '.join(pem.names_of(kept.certificate))}"
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return f"the old one was not for a {usage}"
    return "" if _USAGES[usage] in purposes else f"the old one was not for a {usage}"


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, span: tuple[datetime, datetime]
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(issuer_name=issuer, subject_name=subject, public_key=key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(span[0] - BACKDATED).not_valid_after(span[1])
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _authority_key(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _key_usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:MAX_COMMON_NAME])])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, reason: str) -> Pair:
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    return Pair(certificate.public_bytes(pem), key.private_bytes(pem, *form), reason)
