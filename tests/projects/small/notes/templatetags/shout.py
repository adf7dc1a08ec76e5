from django import template

register = template.Library()


@register.filter
def shout(text: str) -> str:
    return f"{text.upper()}!"
