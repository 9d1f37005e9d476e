"""Names that trackers use for orders, amounts and currencies."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

ITEMS = ("items", "products", "contents", "line_items", "lineItems")


class Deed(Enum):
    """What a visitor did, by the name of the event."""

    SALE = "sale"
    REFUND = "refund"
    CART = "cart"
    OTHER = "other"


# Keys are the letters of an event's name, in lower case.
DEEDS: Mapping[str, Deed] = {
    **dict.fromkeys(
        (
            *("ordercompleted", "completedorder", "ordercomplete", "orderplaced", "placedorder", "orderpaid", "order"),
            *("purchase", "purchased", "purchasecompleted", "ecommercepurchase", "inapppurchase", "transaction"),
            *("checkoutcompleted", "completedcheckout", "checkoutcomplete"),
        ),
        Deed.SALE,
    ),
    **dict.fromkeys(
        (
            *("refund", "refunded", "orderrefunded", "refundedorder", "purchaserefunded", "appstorerefund"),
            *("ordercancelled", "ordercanceled", "cancelledorder", "canceledorder"),
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
