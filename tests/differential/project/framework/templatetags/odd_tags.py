from django import template
from django.utils.safestring import mark_safe

register = template.Library()


@register.filter(is_safe=True)
def double(value, times=2):
    return value * int(times)


@register.filter(name="with-odd_name")
def _unused(value):
    return f"[{value}]"


@register.simple_tag(takes_context=True)
def whole(context, *args, **kw):
    return f"{sorted(context.flatten())} {args} {sorted(kw.items())}"


@register.inclusion_tag("framework/included.html", takes_context=True)
def included(context, x):
    return {"x": x, "outer": context.get("name")}


@register.tag
def repeat(parser, token):
    _, count = token.split_contents()
    nodes = parser.parse(("endrepeat",))
    parser.delete_first_token()
    return RepeatNode(int(count), nodes)


class RepeatNode(template.Node):
    def __init__(self, count, nodes):
        self.count, self.nodes = count, nodes

    def render(self, context):
        return mark_safe("".join(self.nodes.render(context) for _ in range(self.count)))


@register.simple_block_tag
def shout(content):
    return content.upper()
