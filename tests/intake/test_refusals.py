"""Refusals are told in Chinese too, and say what is the matter."""

import re

import pytest

from tieout.intake import read_documents
from tieout.library.catalog import Catalogue
from tieout.model.records import Document

XML = '<?xml version="1.0"?>\n<a xmlns:b="urn:b">\n<b:c>x</b:c>\n</a>\n'


@pytest.fixture(scope="module")
def mappings():
    return list(Catalogue.load(None).mappings.values())


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.xml", XML.replace("</b:c>", "</b:d>"), "第 3 行的开始标签 c 与结束标签 d 不匹配"),
        ("a.xml", XML[:45], "XML 不完整"),
        ("a.xml", XML.replace(">x<", ">&euro;<"), "实体 &euro; 未定义"),
        ("a.xml", XML.replace(">x<", ">a & b<"), "& 应写作 &amp;"),
        ("a.xml", XML.replace(">x<", ">a < b<"), "< 应写作 &lt;"),
        ("a.xml", XML + "<more/>", "根元素结束之后还有内容"),
        ("a.xml", XML.replace("b:c", "d:c"), "命名空间前缀 d 未声明"),
        ("a.xml", XML.replace("<b:c>", "<b:c e=1>"), "属性值须加引号"),
        ("a.xml", XML.replace("<b:c>", "<b:c e='1' e='2'>"), "属性 e 重复"),
        ("a.xml", XML.replace(">x<", ">\x02<"), "控制字符（编号 2）"),
        ("a.xml", XML.replace("1.0'?>", "").replace('"?>', '" encoding="klingon"?>', 1), "未知编码 klingon"),
        ("a.xml", "\n" + XML, "XML 声明之前不得有任何内容"),
        ("a.xml", XML.replace("?>", "?><!DOCTYPE a>"), "不接受 DOCTYPE"),
        ("a.xml", XML, "根元素为 a"),
        ("a.json", '{"invoice_number": "1",\n "lines": [ }', "此处缺少值"),
        ("a.json", '{"invoice_number": "1"\n "lines": 2}', "缺少逗号"),
        ("a.json", '{"invoice_number": "1",\n}', "最后一个成员之后不得有逗号"),
        ("a.json", '{"invoice_number": "1', "字符串没有结束"),
        ("a.json", '{"invoice_number": 1, "lines": []}', "invoice_number：1 的类型应为 'string', 'null'"),
        ("a.txt", "hello", "不是可识别的格式"),
        ("a.csv", "a;b\n1;2\n", "不符合任何映射（a;b）"),
        ("a.pdf", "%PDF-1.4 garbage", "PDF 已损坏"),
        ("a.xml", " ", "文件为空"),
    ],
)
def test_the_reason_is_in_chinese(mappings, name, content, says):
    batch = read_documents([Document(name, content.encode())], mappings)
    (told,) = batch.frames["finding"]["message_zh"].to_list()
    assert says in told
    assert told.endswith("；该文件未读入")
    assert not re.search(r"[a-z]{3,} [a-z]{2,} [a-z]{2,}", told)


def test_latin_bytes(mappings):
    batch = read_documents([Document("a.xml", XML.replace(">x<", ">Müller<").encode("latin-1"))], mappings)
    assert "请另存为 UTF-8" in batch.frames["finding"]["message_zh"][0]
