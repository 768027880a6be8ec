"""Proofs that can be checked: the certificate of a bound and its verifier; they see nothing of a solver."""

from .certificate import Certificate, load_certificate
from .verify import CertificateError, Verdict, verify

__all__ = ["Certificate", "CertificateError", "Verdict", "load_certificate", "verify"]
