"""The interfaces of the shipped profiles at the test platform: Peppol access point, MyInvois and Nuonuo."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tieout.faces.simulator.desk import Desk, Held
from tieout.faces.simulator.oauth import TokenEndpoint

__all__ = ["myinvois", "nuonuo", "peppol"]

_PEPPOL = {"received": "received", "accepted": "delivered", "rejected": "rejected", "cancelled": "cancelled"}
_MYINVOIS = {"received": "Submitted", "accepted": "Valid", "rejected": "Invalid", "cancelled": "Cancelled"}
_NUONUO = {"received": "20", "accepted": "2", "rejected": "22", "cancelled": "3"}


def _refused(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)


def peppol(desk: Desk, tokens: TokenEndpoint) -> list[Route]:
    """The generic access point."""

    def shown(held: Held) -> dict[str, Any]:
        return {
            "id": held.id,
            "status": _PEPPOL[held.state],
            "message": held.message,
            "changed_at": held.changed_at,
            "event_id": f"ev-{held.changed}",
        }

    async def submit(request: Request) -> Response:
        if not tokens.holds(request):
            return _refused(401, "unauthorized", "no valid token")
        content, number = await request.body(), request.headers.get("x-document-number", "")
        key = request.headers.get("idempotency-key", "")
        if not content or not number or not key:
            return _refused(400, "incomplete", "document, X-Document-Number and Idempotency-Key are needed")
        if b"<" not in content[:200]:
            return _refused(422, "syntax", "the document is no XML")
        held = desk.take("peppol", number, content, key=key)
        return JSONResponse(shown(held) | {"status": "received"}, status_code=202)

    async def find(request: Request) -> Response:
        if not tokens.holds(request):
            return _refused(401, "unauthorized", "no valid token")
        desk.judged()
        found = desk.find(key=request.query_params.get("idempotency_key", ""), profile="peppol")
        return JSONResponse({"documents": [shown(each) for each in found]})

    async def one(request: Request) -> Response:
        if not tokens.holds(request):
            return _refused(401, "unauthorized", "no valid token")
        desk.judged()
        held = desk.held.get(request.path_params["id"])
        return JSONResponse(shown(held)) if held else _refused(404, "not_found", "no such document")

    async def events(request: Request) -> Response:
        if not tokens.holds(request):
            return _refused(401, "unauthorized", "no valid token")
        desk.judged()
        desk.reconsider()
        after, limit = int(request.query_params.get("after") or 0), int(request.query_params.get("limit") or 100)
        rows = [each for each in desk.since(after) if each.profile == "peppol"]
        page = rows[:limit]
        return JSONResponse(
            {
                "events": [shown(each) for each in page],
                "next": str(page[-1].changed if page else after),
                "more": len(rows) > limit,
            }
        )

    async def inbox(request: Request) -> Response:
        if not tokens.holds(request):
            return _refused(401, "unauthorized", "no valid token")
        after, limit = int(request.query_params.get("after") or 0), int(request.query_params.get("limit") or 100)
        rows = desk.inbox[after : after + limit]
        body = {"documents": [{"id": each.id} for each in rows], "next": str(after + len(rows))}
        return JSONResponse(body | {"more": len(desk.inbox) > after + limit})

    async def content(request: Request) -> Response:
        wanted = request.path_params["id"]
        held = next((each for each in desk.inbox if each.id == wanted), None) or desk.held.get(wanted)
        if held is None:
            return _refused(404, "not_found", "no such document")
        return Response(held.content, media_type="application/xml")

    async def receipt(request: Request) -> Response:
        held = desk.held.get(request.path_params["id"])
        if held is None or held.state != "accepted":
            return _refused(404, "not_found", "there is no receipt")
        text = f'<Receipt id="{held.id}" sha256="{held.sha256}" at="{held.changed_at}"/>'
        return Response(text, media_type="application/xml")

    async def cancel(request: Request) -> Response:
        held = desk.held.get(request.path_params["id"])
        if held is None:
            return _refused(404, "not_found", "no such document")
        if not desk.cancel(held, str((await request.json()).get("reason", ""))):
            return _refused(409, "not_cancellable", f"the document is {_PEPPOL[held.state]}")
        return JSONResponse(shown(held))

    return [
        Route("/peppol/oauth/token", tokens.give, methods=["POST"]),
        Route("/peppol/documents", submit, methods=["POST"]),
        Route("/peppol/documents", find, methods=["GET"]),
        Route("/peppol/documents/{id}", one),
        Route("/peppol/documents/{id}/content", content),
        Route("/peppol/documents/{id}/receipt", receipt),
        Route("/peppol/documents/{id}/cancel", cancel, methods=["POST"]),
        Route("/peppol/events", events),
        Route("/peppol/inbox", inbox),
    ]


def myinvois(desk: Desk, tokens: TokenEndpoint) -> list[Route]:
    """Submissions of up to 100 documents, judged one by one."""

    def shown(held: Held) -> dict[str, Any]:
        return {
            "uuid": held.id,
            "internalId": held.number,
            "status": _MYINVOIS[held.state],
            "longId": f"L{held.id}" if held.state == "accepted" else "",
            "documentStatusReason": held.message or None,
            "dateTimeValidated": held.changed_at,
        }

    async def submit(request: Request) -> Response:
        if not tokens.holds(request):
            return _refused(401, "Unauthorized", "no valid token")
        body = json.loads(await request.body())
        documents = body.get("documents") or []
        if not documents or len(documents) > 100:
            return _refused(400, "BadStructure", "1 to 100 documents")
        accepted, rejected = [], []
        for each in documents:
            content, number = base64.b64decode(each["document"]), each["codeNumber"]
            problem = _problem_of(each, content)
            if problem:
                error = {"code": "BadDocument", "message": problem, "details": []}
                rejected.append({"invoiceCodeNumber": number, "error": error})
            else:
                held = desk.take("myinvois", number, content)
                accepted.append({"uuid": held.id, "invoiceCodeNumber": number})
        answer = {"submissionUid": f"S{desk.serial()}", "acceptedDocuments": accepted, "rejectedDocuments": rejected}
        return JSONResponse(answer, status_code=202)

    def _page(request: Request, rows: list[Held]) -> Response:
        number, size = int(request.query_params.get("pageNo") or 0), int(request.query_params.get("pageSize") or 100)
        part = [shown(each) for each in rows[number * size : (number + 1) * size]]
        pages = -(-len(rows) // size)
        return JSONResponse({"result": part, "metadata": {"totalPages": pages, "totalCount": len(rows)}})

    async def search(request: Request) -> Response:
        if not tokens.holds(request):
            return _refused(401, "Unauthorized", "no valid token")
        desk.judged()
        found = desk.find(number=request.query_params.get("searchQuery", ""), profile="myinvois")
        return _page(request, desk.indexed(found))

    async def recent(request: Request) -> Response:
        if not tokens.holds(request):
            return _refused(401, "Unauthorized", "no valid token")
        desk.judged()
        desk.reconsider()
        return _page(request, [each for each in desk.since(0) if each.profile == "myinvois"])

    async def details(request: Request) -> Response:
        if not tokens.holds(request):
            return _refused(401, "Unauthorized", "no valid token")
        desk.judged()
        held = desk.held.get(request.path_params["id"])
        return JSONResponse(shown(held)) if held else _refused(404, "NotFound", "no such document")

    async def raw(request: Request) -> Response:
        held = desk.held[request.path_params["id"]]
        return JSONResponse(shown(held) | {"document": held.content.decode()})

    async def state(request: Request) -> Response:
        held, body = desk.held.get(request.path_params["id"]), await request.json()
        if held is None or body.get("status") != "cancelled":
            return _refused(400, "BadRequest", "nothing to cancel")
        if not desk.cancel(held, body.get("reason", "")):
            return _refused(400, "OperationPeriodOver", "the document cannot be cancelled any more")
        return JSONResponse({"uuid": held.id, "status": "Cancelled"})

    base = "/myinvois/api/v1.0"
    return [
        Route("/myinvois/connect/token", tokens.give, methods=["POST"]),
        Route(f"{base}/documentsubmissions", submit, methods=["POST"]),
        Route(f"{base}/documents/search", search),
        Route(f"{base}/documents/recent", recent),
        Route(f"{base}/documents/{{id}}/details", details),
        Route(f"{base}/documents/{{id}}/raw", raw),
        Route(f"{base}/documents/state/{{id}}/state", state, methods=["PUT"]),
    ]


def _problem_of(each: dict[str, Any], content: bytes) -> str:
    if hashlib.sha256(content).hexdigest() != each.get("documentHash"):
        return "documentHash is not the hash of the document"
    if len(content) > 300_000:
        return "the document is larger than 300 KB"
    return "" if each.get("format") in ("XML", "JSON") else "format must be XML or JSON"


def nuonuo(desk: Desk) -> list[Route]:
    """One address, the operation in a header, every call signed."""

    def no(code: str, words: str) -> JSONResponse:
        return JSONResponse({"code": code, "describe": words})

    def shown(held: Held) -> dict[str, Any]:
        done = held.state in ("accepted", "cancelled")
        return {
            "serialNo": held.id,
            "orderNo": held.key,
            "status": _NUONUO[held.state],
            "statusMsg": held.state,
            "failCause": held.message if held.state == "rejected" else "",
            "allElectronicInvoiceNumber": f"26{held.id.partition('-')[2]:>018}" if done else "",
            "invoiceXml": f"<EInvoice><Header><EIid>{held.id}</EIid></Header></EInvoice>" if done else None,
        }

    async def services(request: Request) -> Response:
        body, query = await request.body(), request.query_params
        text = (
            f"a=services&l=v1&p=open&k={query.get('appkey')}&i={query.get('senid')}&n={query.get('nonce')}"
            f"&t={query.get('timestamp')}&f={body.decode()}"
        )
        digest = hmac.new(desk.secret.encode(), text.encode(), hashlib.sha1).digest()
        if not hmac.compare_digest(base64.b64encode(digest).decode(), request.headers.get("x-nuonuo-sign", "")):
            return no("070301", "签名错误")
        if query["nonce"] in desk.spent_nonces:
            return no("070302", "重复请求")
        desk.spent_nonces.add(query["nonce"])
        asked = json.loads(body)
        method = request.headers.get("method", "").rpartition(".")[2]
        if method == "requestBillingNew":
            return billing(asked["order"])
        if method == "queryInvoiceResult":
            desk.judged()
            wanted = asked.get("serialNos") or []
            found = [desk.held[each] for each in wanted if each in desk.held]
            found += [each for key in asked.get("orderNos") or [] for each in desk.find(key=key, profile="nuonuo")]
            if not found:
                return no("E9500", "未查询到开票数据")
            return JSONResponse({"code": "E0000", "describe": "成功", "result": [shown(each) for each in found]})
        if method == "fastInvoiceRed":
            number = asked.get("invoiceNumber")
            held = next((h for h in desk.held.values() if shown(h)["allElectronicInvoiceNumber"] == number), None)
            if held is None or not desk.cancel(held, asked.get("redReason", "")):
                return no("E9501", "蓝票不可红冲")
            return JSONResponse({"code": "E0000", "result": {"invoiceSerialNum": held.id, "status": "3"}})
        return no("E9999", f"未知方法 {method}")

    def billing(order: dict[str, Any]) -> Response:
        missing = [
            key for key in ("orderNo", "buyerName", "salerTaxNum", "clerk", "invoiceDetail") if not order.get(key)
        ]
        if missing:
            return no("E9101", f"必填项为空: {', '.join(missing)}")
        if desk.find(key=order["orderNo"], profile="nuonuo"):
            return no("E9106", "订单号重复")
        held = desk.take("nuonuo", order["remark"], json.dumps(order).encode(), key=order["orderNo"])
        return JSONResponse({"code": "E0000", "describe": "成功", "result": {"invoiceSerialNum": held.id}})

    return [Route("/nuonuo/open/v1/services", services, methods=["POST"])]
