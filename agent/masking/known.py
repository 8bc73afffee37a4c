"""Presidio's recognisers, named one by one. The home of `presidio_analyzer`.

They are asked directly, without its engine: that would load a language model, or find fewer. Their scores only say how they
were checked, so whatever is left by a check counts: threshold 0. Importing this takes 1.5 s of a processor: presidio imports
spaCy. Left out by name: what matches ids of Slack or any number at all (US driver's licences and bank accounts, passports of
two letters, postcodes, number plates), and recognisers for which there is a better one in `numbers`.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any

from presidio_analyzer import LocalRecognizer, predefined_recognizers
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    CryptoRecognizer,
    IbanRecognizer,
    IpRecognizer,
    MacAddressRecognizer,
    PhoneRecognizer,
)

from agent.masking.numbers import SEVEN_DIGITS
from agent.masking.recogniser import Places, Recogniser

logging.getLogger("presidio-analyzer").setLevel(logging.CRITICAL)  # it logs the texts that it cannot check

# Country -> the kind of an id, and its recogniser's name.
IDS: Mapping[str, Mapping[str, str]] = {
    "au": {
        "AU_ABN": "AuAbnRecognizer",
        "AU_ACN": "AuAcnRecognizer",
        "AU_MEDICARE": "AuMedicareRecognizer",
        "AU_TFN": "AuTfnRecognizer",
    },
    "ca": {"CA_SIN": "CaSinRecognizer"},
    "de": {
        "DE_TAX_ID": "DeTaxIdRecognizer",
        "DE_SOCIAL_SECURITY": "DeSocialSecurityRecognizer",
        "DE_HEALTH_INSURANCE": "DeHealthInsuranceRecognizer",
        "DE_ID_CARD": "DeIdCardRecognizer",
        "DE_PASSPORT": "DePassportRecognizer",
        "DE_VAT_ID": "DeVatIdRecognizer",
    },
    "es": {"ES_NIF": "EsNifRecognizer", "ES_NIE": "EsNieRecognizer"},
    "fi": {"FI_HETU": "FiPersonalIdentityCodeRecognizer"},
    "in": {"IN_AADHAAR": "InAadhaarRecognizer", "IN_GSTIN": "InGstinRecognizer"},
    "it": {"IT_FISCAL_CODE": "ItFiscalCodeRecognizer", "IT_VAT": "ItVatCodeRecognizer"},
    "kr": {"KR_RRN": "KrRrnRecognizer", "KR_FRN": "KrFrnRecognizer", "KR_BRN": "KrBrnRecognizer"},
    "ng": {"NG_NIN": "NgNinRecognizer"},
    "ph": {"PH_UMID": "PhUmidRecognizer", "PH_TIN": "PhTinRecognizer"},
    "pl": {"PL_PESEL": "PlPeselRecognizer"},
    "se": {"SE_PERSONNUMMER": "SePersonnummerRecognizer"},
    "sg": {"SG_FIN": "SgFinRecognizer"},
    "th": {"TH_TNIN": "ThTninRecognizer"},
    "tr": {"TR_NATIONAL_ID": "TrNationalIdRecognizer"},
    "uk": {"UK_NINO": "UkNinoRecognizer", "UK_NHS": "NhsRecognizer"},
    "us": {"US_SSN": "UsSsnRecognizer", "US_ITIN": "UsItinRecognizer", "US_MBI": "UsMbiRecognizer"},
    "za": {"ZA_ID": "ZaIdNumberRecognizer"},
}
_REGION = {"uk": "GB"}  # phonenumbers has ISO's codes

_DIGITS = re.compile(SEVEN_DIGITS)
_SOME_DIGITS = re.compile(r"\d(?:[^\d\n]{0,3}\d){5}")  # an id may have letters among them
_LONG = re.compile(r"[A-Za-z0-9](?:[ -]?[A-Za-z0-9]){14}")
_POINTS = re.compile(r"\d\.\d{1,3}\.|[0-9A-Fa-f]:[0-9A-Fa-f]{0,4}:|::[0-9A-Fa-f]|[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-")
_OF_NOBODY = re.compile(r"(?:127\.[\d.]+|0\.0\.0\.0|::1?)(?:/\d+)?")  # every machine's own


def _wrapped(kind: str, hint: re.Pattern[str], recogniser: LocalRecognizer) -> Recogniser:
    """Return one of Presidio's as one of ours."""
    asked: Any = recogniser  # it takes what an engine found beside it, or None

    def find(text: str) -> Places:
        for found in asked.analyze(text, recogniser.supported_entities, None):
            if kind != "IP" or not _OF_NOBODY.fullmatch(text, found.start, found.end):
                yield found.start, found.end

    return Recogniser(kind, hint, find)


def known(countries: Iterable[str]) -> Iterable[Recogniser]:
    """Yield Presidio's recognisers for what has no country, and for these countries."""
    yield _wrapped("CARD", _DIGITS, CreditCardRecognizer())
    yield _wrapped("IBAN", _LONG, IbanRecognizer())
    yield _wrapped("IP", _POINTS, IpRecognizer())
    yield _wrapped("MAC", _POINTS, MacAddressRecognizer())
    yield _wrapped("CRYPTO", _LONG, CryptoRecognizer())
    for country in countries:
        for kind, name in IDS[country].items():
            yield _wrapped(kind, _SOME_DIGITS, getattr(predefined_recognizers, name)())


def phones(countries: Iterable[str]) -> Iterable[Recogniser]:
    """Yield one for numbers as they are written within these countries. It takes 1 ms a line and country."""
    if regions := [_REGION.get(country, country.upper()) for country in countries]:
        yield _wrapped("PHONE", _DIGITS, PhoneRecognizer(supported_regions=regions))
