import magic
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from weasyprint import HTML

INVOICE = """
<h1>Invoice 2026-7</h1>
<p style="font-family: serif; font-style: italic">Crème brûlée, 2 pieces</p>
<code>EUR 9.80</code>
"""


def desk(_request: HttpRequest) -> HttpResponse:
    return HttpResponse('<title>Papers</title><a href="/invoice.pdf">Invoice</a>')


def invoice(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(HTML(string=INVOICE).write_pdf(), content_type="application/pdf")


@csrf_exempt
def kind(request: HttpRequest) -> HttpResponse:
    return HttpResponse(magic.from_buffer(request.body or b"none", mime=True))
