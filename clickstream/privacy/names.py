"""Names of fields and parameters whose values are secret or personal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

# A name is split into words (`userEmail`, `user_email`, `user[email]`). Its last words, joined to one, are looked up.
SECRET_NAMES = frozenset(
    {
        *("password", "passwd", "passphrase", "passcode", "pwd", "secret", "token", "jwt", "otp", "csrf", "xsrf"),
        *("apikey", "accesskey", "privatekey", "secretkey", "authorization", "credential", "credentials"),
        *("email", "emailaddress", "mail", "phone", "phonenumber", "telephone", "tel", "mobilenumber", "msisdn"),
        *("firstname", "lastname", "fullname", "surname", "birthdate", "dateofbirth", "dob", "streetaddress"),
        *("ssn", "socialsecuritynumber", "iban", "taxid", "nationalid", "passportnumber"),
        *("cardnumber", "creditcard", "cvv", "cvc"),
    }
)
# Secret in a URL; in a document they are everyday words (a coupon's code, a key that was pressed).
SECRET_PARAMETERS = SECRET_NAMES | {
    *("auth", "bearer", "key", "code", "pin", "session", "sessionid", "sessid", "jsessionid", "phpsessid", "sid"),
    *("sig", "signature", "assertion", "samlrequest", "samlresponse", "username", "card"),
}
# Campaign parameters are stored, even if their last words are in the lists above.
CAMPAIGN_PREFIX = "utm_"
# Also found at the end of one word: `accesstoken`, `useremail`.
_ENDINGS = ("password", "passwd", "token", "secret", "email", "apikey")
_MAX_WORDS = 3
MAX_NAME = 200

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name implies about its value."""

    is_secret_name: bool
    is_secret_parameter: bool
    is_version: bool
    is_agent: bool


def meaning(name: str) -> Meaning:
    """What a name implies about its value. Only its last 200 characters are read, and the result is cached."""
    return _meaning(name[-MAX_NAME:])


def is_secret_name(name: str) -> bool:
    """Whether a document's value under this name is secret or personal."""
    return meaning(name).is_secret_name


def is_secret_parameter(name: str) -> bool:
    """Whether a URL's parameter of this name is secret or personal."""
    return meaning(name).is_secret_parameter and name[: len(CAMPAIGN_PREFIX)].lower() != CAMPAIGN_PREFIX


def is_version(name: str) -> bool:
    """Whether the value is a version, which may look like an IPv4 address without being one."""
    return meaning(name).is_version


def is_agent(name: str) -> bool:
    """Whether the value is a User-Agent."""
    return meaning(name).is_agent


@lru_cache(maxsize=256)
def folded(names: frozenset[str]) -> frozenset[str]:
    """The names in lower case."""
    return frozenset(name.lower() for name in names)


@lru_cache(maxsize=4096)
def _meaning(name: str) -> Meaning:
    words = [word.lower() for word in _WORD.findall(name)]
    last = words[-1] if words else ""
    ends = ["".join(words[-count:]) for count in range(1, min(len(words), _MAX_WORDS) + 1)]
    secret = last.endswith(_ENDINGS)
    return Meaning(
        is_secret_name=secret or not SECRET_NAMES.isdisjoint(ends),
        is_secret_parameter=secret or not SECRET_PARAMETERS.isdisjoint(ends),
        is_version=last in ("version", "build"),
        is_agent=words[-2:] == ["user", "agent"] or words in (["useragent"], ["ua"]),
    )
