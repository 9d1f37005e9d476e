"""Names that trackers use for orders, amounts and currencies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum

ITEMS = ("items", "products", "contents", "line_items", "lineItems")
# Objects that contain the order, as in a data layer, or one within the other as in Shopify's pixels.
CONTAINERS = ("ecommerce", "commerce", "checkout", "order", "purchase", "transaction", "actionField")


class Deed(Enum):
    """What a visitor did, by the name of the event."""

    SALE = "sale"
    REFUND = "refund"
    CART = "cart"
    OTHER = "other"


def _each(names: str, forms: str) -> Iterator[str]:
    """Each name in each form, both separated by spaces, `*` in a form is the name."""
    return (form.replace("*", name) for name in names.split() for form in forms.split())


# By the letters of an event's name, in lower case: without `PREFIX`.
DEEDS: Mapping[str, Deed] = {
    **dict.fromkeys(
        (
            *_each(
                "order purchase transaction", "* *completed *complete completed* *placed *paid *confirmed *succeeded"
            ),
            *_each("order purchase", "*submitted *created *success *successful placed*"),
            *("purchased", "inapppurchase", "appstoresubscriptionconvert", "appstoresubscriptionrenew"),
            *_each("checkout", "*completed completed* *complete"),
            *("completepayment", "placeanorder"),  # TikTok's
        ),
        Deed.SALE,
    ),
    **dict.fromkeys(
        (
            *_each("order purchase payment transaction charge invoice", "*refunded refunded* *refund"),
            *_each("refund", "* *ed *issued *created *completed *processed *succeeded partial* full*"),
            *_each("order", "*cancelled *canceled cancelled* canceled* *partiallyrefunded"),
            *("appstorerefund", "chargeback"),
        ),
        Deed.REFUND,
    ),
    **dict.fromkeys(
        (
            *("cartviewed", "viewedcart", "viewcart", "cartupdate", "cartupdated", "cartshared", "cartabandoned"),
            *("abandonedcart", "checkoutabandoned", "abandonedcheckout"),
            *("productadded", "addedproduct", "addtocart", "addedtocart", "productaddedtocart", "producttocart"),
            *("productremoved", "removedproduct", "removefromcart", "removedfromcart", "productremovedfromcart"),
            *("checkoutstarted", "startedcheckout", "begincheckout", "initiatecheckout", "startedorder"),
            *("checkoutstep", "checkoutstepviewed", "checkoutstepcompleted", "viewedcheckoutstep"),
            *("completedcheckoutstep", "addshippinginfo", "addpaymentinfo", "paymentinfoentered"),
            *("productviewed", "viewedproduct", "productclicked", "clickedproduct", "productlistviewed"),
            *("viewedproductcategory", "viewitem", "viewitemlist", "selectitem", "viewcontent"),
            *("addtowishlist", "productaddedtowishlist", "wishlistproductaddedtocart"),
        ),
        Deed.CART,
    ),
}
# Before the names of Braze's and others' specifications, as in `ecommerce.order_placed`.
PREFIX = "ecommerce"
LONGEST_TEXT = 60
# Only symbols of exactly one currency: `$` and `¥` belong to several.
SYMBOLS: Mapping[str, str] = {
    "€": "EUR",
    "£": "GBP",
    "₹": "INR",
    "₩": "KRW",
    "₽": "RUB",
    "₺": "TRY",
    "₪": "ILS",
    "฿": "THB",
    "₫": "VND",
    "₴": "UAH",
    "₦": "NGN",
    "₱": "PHP",
    "₸": "KZT",
    "₾": "GEL",
    "zł": "PLN",
    "kč": "CZK",
    "r$": "BRL",
    "us$": "USD",
}
CURRENCY_NAMES = ("currency", "currencyCode", "currency_code", "priceCurrency")
