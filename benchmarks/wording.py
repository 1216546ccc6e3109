"""What customers are called and what payers write.

Alternatives are separated by ``|``; ``{r}`` stands for the references, ``{d}`` for a date, ``{k}`` for the customer number.
"""

SYLLABLES = (
    "Kal|Ber|Mon|Tor|Sil|Var|Nor|Hel|Dan|Fer|Gal|Lum|Pol|Rav|Sten|Tam|Ulm|Vek|Wol|Zan|Bro|Cor|Dres|Elb|Fal|Gro|Hol|Ist|"
    "Jun|Kro|Lan|Mir|Nes|Ost|Pra|Qua|Ruh|Sal|Tri|Ur|Vin",
    "a|o|e|i|u|an|en|in|on|un|ar|er|or|ur|al|el|il|ol|am|em|im|om|as|es|is|os|at|et|it|ot|av|ev|iv|ov|ag|eg|og",
    "med|tec|lux|fix|pur|nova|berg|stein|dorf|haus|werk|form|line|soft|net|gas|bau|gen|chem|plast|druck|markt|port|cargo|"
    "food|farm|bio|vita|sol|aqua|terra|mare|cap|max|dex|rix|tron|via|zon|kor|lith",
)
TRADES = (
    "Maschinenbau|Logistik|Handel|Trading|Services|Technik|Elektro|Bau|Transport|Consulting|Pharma|Foods|Textil|"
    "Automation|Druck|Verlag|Energie|Holding|Solutions|Systems|Group|Import|Export|Metall|Papier|Möbel|Software|"
    "Werkzeuge|Medical|Immobilien"
)
FORMS = "GmbH|GmbH & Co. KG|AG|Ltd|S.A.|SARL|B.V.|s.r.o.|Sp. z o.o.|AB|Inc.|S.p.A."
CITIES = "北京|上海|广州|深圳|杭州|苏州|宁波|南京|天津|武汉|成都|西安|青岛|大连|厦门|无锡|佛山|东莞|合肥|长沙"
SIGNS = "|".join(
    "云杉海天华光明泰和信达诚恒瑞丰盛源通利安宁远宏伟嘉美佳欣荣昌兴旺祥福德仁义智博文思创新科锐精工力康健民众合"
)
TRADES_CN = "贸易|科技|电子|机械|文具|服装|食品|物流|建材|化工|医药|广告"

SINGLE = (
    "RE-NR {r} VOM {d}|INVOICE {r}|{r}|Rechnung {r} Kd-Nr {k}|SVWZ+RG {r} {d} TAN: 482913|PAYMENT INV NO. {r} THANK YOU|"
    "FACTURE N° {r} DU {d}|发票号{r}|fattura {r} del {d}|RECHNUNG{r}|our ref PO 7781/{k}, inv. {r}, tel. 0711 4455667|"
    "EREF+NOTPROVIDED SVWZ+{r}/{d}|Rg.{r} Lieferschein 55{k}|betaling faktuur {r}"
)
LIST = "RE {r}|INVOICES {r}|Rg. {r} abzgl. Gutschrift|{r}|Rechnungen {r} vom {d}|发票号{r}|PAYMENT OF {r} KDNR {k}"
SILENT = "Zahlung|Ueberweisung vom {d}|THANK YOU|Danke|payment as agreed|Sammelzahlung|货款|Ausgleich Konto|Kd-Nr {k}"
OTHER = (
    "Zinsen Q3|INTEREST EARNED {d}|USt-Erstattung 09/2026 StNr 99/815/08152|Lohn 10/2026|Schaden-Nr 4711-{k}|"
    "card settlement terminal 6612{k}|Darlehen 3300{k} Tilgung|利息|退税|cash pool sweep {d}|POS SETTLEMENT {d}"
)
STRANGE = "Bestellung {k} Shop|INV {k}/77|Miete {d}|membership fee|DANKE FUER ALLES|Order no {k}-22|PAYPAL {k}{k}"
