"""The 数电票 of the Chinese company, as the tax portal gives them out."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from xml.sax.saxutils import escape

import cn2an

from making.ledger import Item, Line, money
from making.people import SELLER_CN


def fapiao(item: Item, seller_tax: str, *, rate: Decimal | None = None) -> str:
    """A special VAT invoice; a credit note becomes a red-letter one with negative amounts.

    rate: what the lines say instead of the true rate, where that is the planted defect.
    """
    sign = -1 if item.is_credit else 1
    net, tax = sign * item.net, sign * sum(line.tax for line in item.lines)
    kind, label = ("N", "红字发票") if item.is_credit else ("Y", "蓝字发票")
    made = f"{dt.datetime.combine(item.date, dt.time(10, 21, 33)):%Y-%m-%d %H:%M:%S}"
    remark = f"合同号：{item.contract}"
    if item.corrects:
        remark = f"被红冲蓝字数电发票号码：{item.corrects.reference} 红字发票信息确认单编号：3302{item.reference[-8:]}"
    words = ("负" if sign < 0 else "") + cn2an.an2cn(money(item.total), "rmb")
    lines = "\n".join(_line(line, sign, rate) for line in item.lines)
    customer = item.customer
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<EInvoice>
<Header><EIid>{item.reference}</EIid><EInvoiceTag>SWEI3300</EInvoiceTag><Version>0.33</Version>
<InherentLabel><InIssuType><LabelCode>{kind}</LabelCode><LabelName>{label}</LabelName></InIssuType>
<EInvoiceType><LabelCode>01</LabelCode><LabelName>电子发票</LabelName></EInvoiceType>
<GeneralOrSpecialVAT><LabelCode>01</LabelCode><LabelName>增值税专用发票</LabelName></GeneralOrSpecialVAT>
</InherentLabel></Header>
<EInvoiceData>
<SellerInformation><SellerIdNum>{seller_tax}</SellerIdNum><SellerName>{SELLER_CN}</SellerName></SellerInformation>
<BuyerInformation><BuyerIdNum>{customer.tax_id}</BuyerIdNum><BuyerName>{escape(customer.name)}</BuyerName></BuyerInformation>
<BasicInformation><TotalAmWithoutTax>{money(net)}</TotalAmWithoutTax><TotalTaxAm>{money(tax)}</TotalTaxAm>\
<TotalTax-includedAmount>{money(net + tax)}</TotalTax-includedAmount>\
<TotalTax-includedAmountInChinese>{words}</TotalTax-includedAmountInChinese><Drawer>陈晓岚</Drawer>\
<RequestTime>{made}</RequestTime></BasicInformation>
{lines}
<SpecificInformation/>
<AdditionalInformation><Remark>{remark}</Remark></AdditionalInformation>
</EInvoiceData>
<TaxSupervisionInfo><InvoiceNumber>{item.reference}</InvoiceNumber><IssueTime>{made}</IssueTime>\
<TaxBureauCode>13302000000</TaxBureauCode><TaxBureauName>国家税务总局宁波市税务局</TaxBureauName></TaxSupervisionInfo>
</EInvoice>
"""


def _line(line: Line, sign: int, rate: Decimal | None) -> str:
    written = (rate or line.rate) / 100
    return (
        f"<IssuItemInformation><ItemName>{line.name}</ItemName><MeaUnits>{line.unit}</MeaUnits>"
        f"<Quantity>{sign * line.quantity}</Quantity><UnPrice>{line.price}</UnPrice>"
        f"<Amount>{money(sign * line.net)}</Amount><TaxRate>{written}</TaxRate>"
        f"<ComTaxAm>{money(sign * line.tax)}</ComTaxAm>"
        f"<TotaltaxIncludedAmount>{money(sign * (line.net + line.tax))}</TotaltaxIncludedAmount>"
        f"<TaxClassificationCode>{line.tax_code}</TaxClassificationCode></IssuItemInformation>"
    )
