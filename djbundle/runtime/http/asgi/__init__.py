"""The code around an ASGI site. It checks each request, and sends each response as the client takes it."""
