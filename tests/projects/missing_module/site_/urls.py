from site_.views import nothing  # there is no such module

urlpatterns: list[object] = [nothing]
