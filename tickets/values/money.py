"""Currencies of prices, and how many decimals each is written with; pure."""

import re
from decimal import Decimal

import iso4217

MOST_DECIMALS = 3
PLAIN = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)\s*", re.ASCII)
"""Decimal also reads 1e3, 1_000 and the digits of other scripts, which nobody writes as a price but by mistake."""
# ISO 4217 lists them with decimals, but nobody pays with them.
UNITS_OF_ACCOUNT = {"XAD", "UYW"}
# Funds, such as CHE or MXV. The library reads the table, but leaves out this mark.
FUNDS = {
    entry.findtext("Ccy", "").strip()
    for entry in iso4217.raw_xml.iter("CcyNtry")
    if (name := entry.find("CcyNm")) is not None and name.get("IsFund") == "true"
}
# Metals, codes for tests and for no currency have no decimals.
DECIMALS = {
    currency.code: currency.exponent
    for currency in iso4217.Currency
    if currency.exponent is not None and currency.code not in FUNDS | UNITS_OF_ACCOUNT
}


def is_plain(price: str) -> bool:
    return bool(PLAIN.fullmatch(price))


def as_written(price: Decimal, currency: str) -> Decimal:
    """Return the price with its currency's decimals, or with those that it needs if these are more."""
    exact = price.normalize() + 0  # + 0 turns -0 into 0, as the database does.
    needed = -int(exact.as_tuple().exponent)
    return exact.quantize(Decimal(1).scaleb(-max(needed, DECIMALS.get(currency, 2))))
