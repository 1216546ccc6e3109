"""Why a document was not read, in Chinese: the sentences of ``formats`` and ``intake``, and of the parsers they quote.

English is what the errors say themselves. A sentence without a translation stands as it is behind a plain one.
"""

from __future__ import annotations

import re

__all__ = ["in_chinese"]

_SUPPORTED = "支持 UBL、CII 和数电票 XML、camt.052/053/054、MT940/942、OFX，以及配有映射的 CSV、XLSX、Parquet 和 JSON"

_SENTENCES = (
    # the whole file
    (r"the file is empty", "文件为空"),
    (r"the document has ([\d,]+) bytes, more than the limit of ([\d,]+)", r"文件有 \1 字节，超过上限 \2 字节"),
    (r"a DOCTYPE is not accepted.*", "不接受 DOCTYPE（可借以夹带实体和外部文件），请对方提供不含 DOCTYPE 的文件"),
    # XML
    (r"not well-formed XML: bytes that its encoding does not have.*", "XML 中有其编码不允许的字节；请另存为 UTF-8，或声明实际使用的编码"),
    (r"not well-formed XML: it ends before its last element is closed.*", "XML 不完整，最后一个元素未关闭即已结束；请索取完整文件"),
    (r"refused: an attribute is longer than 10 MB.*", "拒绝读取：某属性超过 10 MB"),
    (r"refused: elements are nested deeper than the limit.*", "拒绝读取：元素嵌套过深"),
    (r"refused: entities expand without end.*", "拒绝读取：实体无限展开"),
    (r"refused: a text is longer than 10 MB.*", "拒绝读取：某文本超过 10 MB"),
    (r"not well-formed XML: Opening and ending tag mismatch: (\S+) line (\d+) and (\S+)", r"XML 格式错误：第 \2 行的开始标签 \1 与结束标签 \3 不匹配"),
    (r"not well-formed XML: Premature end of data in tag (\S+) line (\d+)", r"XML 不完整：第 \2 行的元素 \1 未关闭"),
    (r"not well-formed XML: a reference that XML does not know.*\(Entity '(.*)' not defined\)", r"XML 格式错误：实体 &\1; 未定义；文字中的 & 应写作 &amp;"),
    (r"not well-formed XML: an '&' that begins no reference.*", "XML 格式错误：文字中的 & 应写作 &amp;"),
    (r"not well-formed XML: a '<' that begins no element.*", "XML 格式错误：文字中的 < 应写作 &lt;"),
    (r"not well-formed XML: an attribute whose value stands in no quotes.*", "XML 格式错误：属性值须加引号"),
    (r"not well-formed XML: Extra content at the end of the document", "XML 格式错误：根元素结束之后还有内容"),
    (r"not well-formed XML: Start tag expected, '<' not found", "不是 XML：没有找到开始标签"),
    (r"not well-formed XML: Namespace prefix (\S+) (?:for (\S+) )?on (\S+) is not defined", r"XML 格式错误：\3 的命名空间前缀 \1 未声明"),
    (r"not well-formed XML: Namespace prefix (\S+) is not defined", r"XML 格式错误：命名空间前缀 \1 未声明"),
    (r"not well-formed XML: Attribute (\S+) redefined", r"XML 格式错误：属性 \1 重复"),
    (r"not well-formed XML: Unescaped '<' not allowed in attributes values", "XML 格式错误：属性值中的 < 应写作 &lt;"),
    (r"not well-formed XML: Specification mandates? value for attribute (\S+)", r"XML 格式错误：属性 \1 没有值"),
    (r"not well-formed XML: attributes construct error", "XML 格式错误：属性写法有误"),
    (r"not well-formed XML: Couldn't find end of Start Tag (\S+)(?: line (\d+))?", r"XML 格式错误：开始标签 \1 没有结束"),
    (r"not well-formed XML: expected '>'", "XML 格式错误：缺少 >"),
    (r"not well-formed XML: PCDATA invalid Char value (\d+)", r"XML 格式错误：含有不允许的控制字符（编号 \1）"),
    (r"not well-formed XML: CData section not finished.*", "XML 格式错误：CDATA 没有结束"),
    (r"not well-formed XML: Comment not terminated.*", "XML 格式错误：注释没有结束"),
    (r"not well-formed XML: (?:XML or text declaration not at start of entity|XML declaration allowed only at the start of the document)", "XML 格式错误：XML 声明之前不得有任何内容"),
    (r"not well-formed XML: .*[Uu]nsupported encoding:? ?(.*)", r"XML 声明了未知编码 \1"),
    (r"not well-formed XML: (?:String not closed|xmlParseStartTag).*", "XML 格式错误：开始标签写法有误"),
    (r"not well-formed XML: error parsing attribute name", "XML 格式错误：属性名无效，或开始标签没有结束"),
    (r"not well-formed XML: Document is empty", "XML 中没有任何元素"),
    (r"not well-formed XML: (.*)", r"XML 格式错误（解析器原文：\1）"),
    (r"not readable as XML: (.*)", r"无法作为 XML 读取（原文：\1）"),
    (r"XML with the root element '([^']*)'(?: of (\S+))?: no mapping reads it;.*", r"XML 的根元素为 \1，没有映射可读取该格式"),
    (r"XML with the root element '([^']*)'(?: of (\S+))?: not what the mapping (\S+) reads", r"XML 的根元素为 \1，映射 \3 不读取该格式"),
    # JSON
    (r"no JSON: Expecting value", "JSON 格式错误：此处缺少值"),
    (r"no JSON: Expecting ',' delimiter", "JSON 格式错误：此处缺少逗号，或前面的字符串未正确结束"),
    (r"no JSON: Expecting ':' delimiter", "JSON 格式错误：成员名之后缺少冒号"),
    (r"no JSON: Expecting property name enclosed in double quotes", "JSON 格式错误：成员名须加双引号，最后一个成员之后不得有逗号"),
    (r"no JSON: Illegal trailing comma before end of (?:object|array)", "JSON 格式错误：最后一项之后不得有逗号"),
    (r"no JSON: Extra data", "JSON 格式错误：结束之后还有内容"),
    (r"no JSON: Unterminated string starting at", "JSON 格式错误：字符串没有结束"),
    (r"no JSON: Invalid control character at", "JSON 格式错误：字符串中有控制字符，换行应写作 \\\\n"),
    (r"no JSON: Invalid \\(?:u\w+ )?escape.*", "JSON 格式错误：反斜杠转义无效"),
    (r"no JSON: nested too deeply|nested too deeply", "嵌套过深"),
    (r"no JSON: (.*) is no number", r"JSON 格式错误：\1 不是数字"),
    (r"no JSON: (.*)", r"JSON 格式错误（解析器原文：\1）"),
    (r"the document is no JSON object", "JSON 文件不是对象"),
    (r"a list inside the list '(.*)'", r"列表 \1 中又有列表"),
    (r"a control character in a text", "文字中有控制字符"),
    (r"record (\d+) is no object", r"第 \1 条记录不是对象"),
    # tables and texts
    (r"line (\d+): no readable CSV: .*", r"第 \1 行：CSV 无法读取，引号或换行有误"),
    (r"declared (\S+), but the file begins with the byte order mark of (\S+)", r"声明的编码为 \1，但文件以 \2 的字节顺序标记开头"),
    (r"declared (\S+), but byte (\w+) in line (\d+) is not in it; the bytes fit (.*)", r"声明的编码为 \1，但第 \3 行的字节 \2 不属于该编码；这些字节符合 \4"),
    (r"declared (\S+), but the bytes are utf-8", r"声明的编码为 \1，但内容是 utf-8"),
    (r"declared (\S+), but there are zero bytes in the text; the bytes fit (.*)", r"声明的编码为 \1，但文字中有零字节；这些字节符合 \2"),
    (r"no encoding is called '(.*)'", r"没有名为 \1 的编码"),
    (r"the file has no rows|there are no records in it|the sheet is empty", "文件中没有数据行"),
    (r"no header row in the first (\d+) lines holds one of (.*)", r"前 \1 行中没有含 \2 之一的表头"),
    (r"the columns are separated by '(.*)'; the mapping declares '(.*)' \(delimiter\)", r"各列以 \1 分隔，而映射声明的分隔符为 \2"),
    (r"a table whose columns fit no mapping \((.*)\):.*", r"表格各列不符合任何映射（\1）：请编写映射，或在数据源处以 mapping: 指明"),
    (r"the columns fit several mappings \((.*)\):.*", r"各列同时符合多个映射（\1）：请在数据源处以 mapping: 指明一个"),
    (r"no readable workbook: .*", "工作簿无法读取"),
    (r"no readable Parquet: .*", "Parquet 文件无法读取"),
    (r"no format that is known; .*", f"不是可识别的格式；{_SUPPORTED}"),
    (r"an MT940 fragment: .*", "MT940 片段：缺少分录（:61:）或期初、期末余额（:60F:、:62F:）"),
    (r"this is (BAI2|CODA), which is not read; .*", rf"这是 \1，不读取该格式；{_SUPPORTED}"),
    (r"(a PDF|XML|MT940|OFX|JSON|JSON lines|a table)(?: that no mapping reads)?; supported are .*", rf"没有映射可读取该文件（\1）；{_SUPPORTED}"),
    # JSON that does not fit its schema
    (r"'(.*)' is no date as 2026-08-31", r"'\1' 不是日期，应写作 2026-08-31"),
    (r"'(.*)' is a text; write a number without quotes, as 1617\.03", r"'\1' 是文字；数字不加引号，应写作 1617.03"),
    (r"'(.*)' is a required property", r"缺少必填成员 \1"),
    (r"Additional properties are not allowed \((.*) (?:was|were) unexpected\)", r"不应有成员 \1"),
    (r"(.*) is not of type (.*)", r"\1 的类型应为 \2"),
    (r"(.*) is not one of (.*)", r"\1 不在允许的值 \2 之内"),
    (r"(.*) (?:is too short|should be non-empty)", r"\1 过短或为空"),
    (r"(.*) is too long", r"\1 过长"),
    (r"(.*) does not match (.*)", r"\1 不符合格式 \2"),
    (r"and (\d+) more", r"另有 \1 处"),
    # containers
    (r"not a readable zip: .*", "压缩包无法读取"),
    (r"the member is broken and not read: .*", "压缩包中的该文件已损坏，未读取"),
    (r"an archive inside an archive; the member is not read", "压缩包中又有压缩包，未读取"),
    (r"the PDF is locked with a password; its attachments are not read", "PDF 设有密码，其附件未读取"),
    (r"the PDF is damaged and its attachments cannot be read: .*", "PDF 已损坏，其附件无法读取"),
    (r"a PDF without an XML invoice inside;.*", "PDF 中没有 XML 发票；请向发送方索取 Factur-X、ZUGFeRD 或 XML 文件"),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern, re.S), sentence) for pattern, sentence in _SENTENCES)


def in_chinese(message: str, *, parts: bool = False) -> str | None:
    """The reason of a refusal in Chinese; None where there are no words for it.

    parts: the message is several, of the form ``path: what is wrong``, joined by ``; ``.
    """
    if parts:
        told = []
        for part in message.split("; "):
            path, _, wrong = part.rpartition(": ")
            said = in_chinese(wrong) or wrong
            told.append(f"{path.replace('the document', '文件')}：{said}" if path else said)
        return "；".join(told)
    return next((found.expand(said) for pattern, said in _COMPILED if (found := pattern.fullmatch(message))), None)
