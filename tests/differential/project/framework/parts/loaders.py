from django.template import Origin, TemplateDoesNotExist
from django.template.loaders.base import Loader


class Invented(Loader):
    def get_template_sources(self, template_name):
        yield Origin(name=f"invented:{template_name}", template_name=template_name, loader=self)

    def get_contents(self, origin):
        if not origin.template_name.startswith("invented/"):
            raise TemplateDoesNotExist(origin)
        return f"invented {origin.template_name} {{{{ 1|add:2 }}}}"
