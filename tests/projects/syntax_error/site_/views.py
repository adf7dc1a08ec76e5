def page(request):
    return (
