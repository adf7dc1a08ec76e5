from django.core.checks import Info, Tags, register


@register("framework", deploy=False)
def odd_check(app_configs, **kw):
    return [Info("an odd thing", hint="none", obj="framework", id="framework.I001")]
