"""The invented companies: the seller with its accounts, and the customers with valid tax numbers and bank accounts.

No name here belongs to a real company as far as we know; every number is drawn and only its check digits are right.
"""

from __future__ import annotations

import random
import string
from dataclasses import dataclass

from stdnum import iban
from stdnum.be import vat as be_vat
from stdnum.cn import uscc
from stdnum.eu import vat as eu_vat
from stdnum.exceptions import ValidationError
from stdnum.gb import vat as gb_vat

SELLER = "Möwenhall Papierwaren GmbH"
SELLER_CN = "宁波鸥堂纸品有限公司"

_EUROPE = """
DE|Lübeck|Brückner & Söhne Schreibwaren GmbH
DE|Kiel|Papeterie Sandkrug KG
DE|Rostock|Bürohaus Eichenhain GmbH
DE|Potsdam|Bürohaus Eichenhain Süd GmbH
DE|Bremen|Kontorbedarf Wilkens e.K.
DE|Leipzig|Schulbedarf Lindenau GmbH & Co. KG
DE|Halle|Druckerei Morgenrot GmbH
DE|Grünau|Stadtwerke Grünau AöR
DE|Hamburg|Zahnarztpraxis Dr. Öztürk
DE|Berlin|Kanzlei Böhme Partnerschaft mbB
DE|Cuxhaven|Möbelhaus Übersee GmbH
DE|Büsum|Hotel Deichblick GmbH
DE|Schwerin|Kita-Verbund Regenbogenland gGmbH
DE|Köln|Großhandel Tönnes & Färber GmbH
DE|Flensburg|Werbeagentur Kiebitz GmbH
DE|Hamburg|Reederei Nordlicht Frachtkontor GmbH
DE|Jena|Buchhandlung Zwischenzeilen
DE|Harburg|Fahrradwerk Süderelbe GmbH
DE|Stralsund|Elektro Strömsund GmbH
DE|Husum|Feinkost Wattenmeer AG
DE|Weimar|Verlag Sieben Segel GmbH
DE|Itzehoe|Autohaus Ostermann & Kröger GmbH
DE|Erfurt|Architekturbüro Haselhorst
DE|Neumünster|Volkshochschule Mittelholstein e.V.
DE|Waren|Klinikum Seenplatte gGmbH
AT|Graz|Papierwelt Alpenrand GmbH
AT|Linz|Kontor Donauufer GmbH
AT|Neusiedl|Schreibstube Seewinkel KG
NL|Utrecht|Kantoorhuis De Vlinder B.V.
NL|Groningen|Papiergroep Noorderlicht B.V.
NL|Zwolle|Drukkerij Zilvermeer N.V.
NL|Breda|Boekhandel Vijf Molens B.V.
BE|Namur|Bureau Lumière SRL
BE|Liège|Papeterie des Ardennes Vertes SA
BE|Antwerpen|Kantoor Scheldezicht NV
BE|Eupen|Imprimerie Haute-Fagne SRL
BE|Gent|Drukkerij Leiebocht BV
FR|Nantes|Papeterie du Vieux Phare SARL
FR|Lyon|Bureau Clair SAS
FR|Lille|Librairie Trois Moulins SARL
FR|Strasbourg|Fournitures Belle-Rive SAS
IT|Venezia|Ufficio Laguna S.r.l.
IT|Firenze|Cartoleria Ponte Nuovo S.r.l.
ES|Vigo|Papelería Puerto Claro S.L.
ES|Zaragoza|Oficinas del Ebro S.A.
SE|Umeå|Kontorshuset Björkvik AB
SE|Västerås|Papper & Penna i Mälarviken AB
DK|Odense|Papirhuset Ærøfjord ApS
DK|Aalborg|Kontor Søby A/S
NO|Bergen|Papirlageret Fjordgløtt AS
PL|Poznań|Biuro Złota Łąka Sp. z o.o.
PL|Gdańsk|Hurtownia Papieru Żuraw S.A.
US|Portland|Harbor Pine Office Supply Inc.
US|Santa Fe|Blue Mesa Stationers LLC
US|Omaha|Prairie Lantern School Supply, Inc.
US|Duluth|Lakehead Print & Paper Co.
GB|Cambridge|Fenbridge Stationers Ltd
GB|Leeds|Moorland Paper Company Ltd
CH|Lausanne|Papeterie Lac Bleu SA
CH|Luzern|Bürobedarf Alpsteinblick AG
"""

_CHINA = """
杭州|杭州澄湖文化用品有限公司
宁波|宁波东屿贸易有限公司
上海|上海墨舟办公设备有限公司
苏州|苏州听雨轩文具有限公司
南京|南京紫岚图书有限责任公司
深圳|深圳鹏屿供应链管理有限公司
广州|广州云埔印刷有限公司
成都|成都锦里格教育科技有限公司
武汉|武汉江月包装材料有限公司
厦门|厦门鹭礁进出口有限公司
青岛|青岛海笺纸业有限公司
西安|西安秦砚文化传播有限公司
天津|天津津渡商贸有限公司
长沙|长沙橘舟信息技术有限公司
郑州|郑州中禾学校后勤服务有限公司
合肥|合肥徽墨园文创有限公司
福州|福州榕荫办公服务有限公司
温州|温州瓯帆礼品有限公司
嘉兴|嘉兴南湖里电子商务有限公司
绍兴|绍兴兰亭序纸艺有限公司
"""

# The account number's shape: d a digit, a a capital letter, after the country and its two check digits.
_BBAN = {
    "DE": "d" * 18,
    "AT": "d" * 16,
    "NL": "aaaa" + "d" * 10,
    "BE": "d" * 12,
    "FR": "d" * 23,
    "IT": "a" + "d" * 22,
    "ES": "d" * 20,
    "SE": "d" * 20,
    "DK": "d" * 14,
    "NO": "d" * 11,
    "PL": "d" * 24,
    "GB": "aaaa" + "d" * 14,
    "CH": "d" * 17,
}
_VAT = {
    "DE": "d" * 9,
    "AT": "U" + "d" * 8,
    "NL": "d" * 9 + "B" + "dd",
    "BE": "0" + "d" * 9,
    "FR": "d" * 11,
    "IT": "d" * 7 + "001" + "d",
    "ES": "B" + "d" * 8,
    "SE": "d" * 10 + "01",
    "DK": "d" * 8,
    "PL": "d" * 10,
    "GB": "d" * 9,
}


@dataclass(frozen=True)
class Customer:
    """One customer of the month."""

    number: str
    name: str
    country: str
    city: str
    currency: str
    tax_id: str
    account: str
    account_known: bool
    terms: str
    head_office: str = ""
    payer: str = ""


@dataclass(frozen=True)
class Account:
    """One bank account of ours: the key names its files."""

    key: str
    company: str
    number: str
    currency: str
    bank: str
    opening: int


def _draw(rng: random.Random, shape: str) -> str:
    return "".join(
        rng.choice(string.digits) if sign == "d" else rng.choice(string.ascii_uppercase) if sign == "a" else sign
        for sign in shape
    )


def account_number(rng: random.Random, country: str) -> str:
    """An IBAN with right check digits (and national ones where python-stdnum knows them); US and CN plain digits."""
    if country in {"US", "CN"}:
        return _draw(rng, "d" * (10 if country == "US" else 19))
    while True:
        body = _draw(rng, _BBAN[country])
        number = country + iban.calc_check_digits(f"{country}00{body}") + body
        if iban.is_valid(number):
            return number


def tax_number(rng: random.Random, country: str) -> str:
    """A VAT number (统一社会信用代码 in China) with right check digits; empty in the United States."""
    if country == "US":
        return ""
    if country == "CN":
        body = "91" + rng.choice(("330100", "330200", "310101", "320500", "440300")) + "MA" + _draw(rng, "d" * 7)
        return body + uscc.calc_check_digit(body)
    if country == "CH":
        return "CHE" + _swiss(rng) + "MWST"
    if country == "NO":
        return "NO" + _norwegian(rng) + "MVA"
    while True:
        number = country + _draw(rng, _VAT[country])
        try:
            if gb_vat.validate(number) if country == "GB" else _european(number):
                return number
        except ValidationError:
            continue


def _european(number: str) -> bool:
    return bool(eu_vat.validate(number)) and (not number.startswith("BE") or bool(be_vat.validate(number)))


def _swiss(rng: random.Random) -> str:
    while True:
        body = _draw(rng, "d" * 8)
        check = (11 - sum(int(d) * w for d, w in zip(body, (5, 4, 3, 2, 7, 6, 5, 4), strict=True)) % 11) % 11
        if check < 10:
            return body + str(check)


def _norwegian(rng: random.Random) -> str:
    while True:
        body = _draw(rng, "d" * 8)
        check = (11 - sum(int(d) * w for d, w in zip(body, (3, 2, 7, 6, 5, 4, 3, 2), strict=True)) % 11) % 11
        if check < 10:
            return body + str(check)


def accounts(rng: random.Random) -> dict[str, Account]:
    """Our own accounts by key, with the balance at the start of the month in cents."""
    rows = (
        ("M1", "1000", "DE", "EUR", "Hansekontor Bank AG", 18_452_077),
        ("M2", "1000", "BE", "EUR", "Banque de la Fagne SA", 4_310_550),
        ("M3", "1000", "DE", "EUR", "Travesparkasse", 9_127_418),
        ("M4", "1000", "NL", "EUR", "Waterbank N.V.", 2_766_903),
        ("M5", "1000", "DE", "EUR", "Ostseevolksbank eG", 6_041_266),
        ("M6", "1000", "DE", "USD", "Hansekontor Bank AG", 3_500_000),
        ("C1", "2000", "CN", "CNY", "甬江商业银行", 88_120_430),
    )
    return {
        key: Account(key, company, account_number(rng, country), currency, bank, opening)
        for key, company, country, currency, bank, opening in rows
    }


def customers(rng: random.Random) -> list[Customer]:
    """Every customer, European and American ones first; terms are drawn, a few are paid for by somebody else."""
    made: list[Customer] = []
    for position, line in enumerate(_EUROPE.strip().splitlines()):
        country, city, name = line.split("|")
        made.append(
            Customer(
                number=f"{200100 + 7 * position:010d}",
                name=name,
                country=country,
                city=city,
                currency="USD" if country == "US" else "EUR",
                tax_id=tax_number(rng, country),
                account=account_number(rng, country),
                account_known=rng.random() < 0.55,
                terms=rng.choice(("Z030", "Z030", "Z014", "Z060", "Z214", "Z214", "Z310")),
                head_office="0000200114" if name == "Bürohaus Eichenhain Süd GmbH" else "",
                payer="Abrechnungskontor Nord GmbH" if name.startswith("Klinikum Seenplatte") else "",
            )
        )
    for position, line in enumerate(_CHINA.strip().splitlines()):
        city, name = line.split("|")
        made.append(
            Customer(
                number=f"{300100 + 7 * position:010d}",
                name=name,
                country="CN",
                city=city,
                currency="CNY",
                tax_id=tax_number(rng, "CN"),
                account=account_number(rng, "CN"),
                account_known=rng.random() < 0.6,
                terms=rng.choice(("Z030", "Z060")),
            )
        )
    return made
