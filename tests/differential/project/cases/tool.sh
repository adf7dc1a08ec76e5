echo from a shell
