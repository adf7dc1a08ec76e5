from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "cases"

    def ready(self):
        from cases import threads
        from habits import loading

        threads._start()
        loading._start()
