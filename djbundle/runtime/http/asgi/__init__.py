"""What stands around an ASGI site: it checks each request, and sends each response as the client takes it."""
