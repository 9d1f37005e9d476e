"""Names whose values are nobody's business: secrets, and what tells who a person is."""

from __future__ import annotations

import re
from functools import lru_cache

# A name is taken apart into words (`userEmail`, `user_email`, `user[email]`); its last words, written as one, decide.
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
# Secret in an address; in a document they are everyday words (a coupon's code, a key that was pressed).
SECRET_PARAMETERS = SECRET_NAMES | {
    *("auth", "bearer", "key", "code", "pin", "session", "sessionid", "sessid", "jsessionid", "phpsessid", "sid"),
    *("sig", "signature", "assertion", "samlrequest", "samlresponse", "username", "card"),
}
# What campaigns are measured by is kept, whatever the words say.
CAMPAIGN_PREFIX = "utm_"
# Written as one word, too: `accesstoken`, `useremail`.
_ENDINGS = ("password", "passwd", "token", "secret", "email", "apikey")
_MAX_WORDS = 3
_MAX_NAME = 200

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a document's value of this name is secret or personal."""
    return _ends_in(name, SECRET_NAMES)


@lru_cache(maxsize=4096)
def is_secret_parameter(name: str) -> bool:
    """Whether an address's parameter of this name is secret or personal."""
    return not name.lower().startswith(CAMPAIGN_PREFIX) and _ends_in(name, SECRET_PARAMETERS)


@lru_cache(maxsize=4096)
def is_version(name: str) -> bool:
    """Whether the value may look like an IPv4 address without being one."""
    return _words(name)[-1:] in (["version"], ["build"])


@lru_cache(maxsize=4096)
def is_agent(name: str) -> bool:
    """Whether the value is a User-Agent."""
    words = _words(name)
    return words[-2:] == ["user", "agent"] or words in (["useragent"], ["ua"])


@lru_cache(maxsize=256)
def folded(names: frozenset[str]) -> frozenset[str]:
    """The names, to be looked up in lower case."""
    return frozenset(name.lower() for name in names)


def _ends_in(name: str, names: frozenset[str]) -> bool:
    words = _words(name)
    if not words:
        return False
    return words[-1].endswith(_ENDINGS) or any(
        "".join(words[-count:]) in names for count in range(1, min(len(words), _MAX_WORDS) + 1)
    )


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name[-_MAX_NAME:])]
