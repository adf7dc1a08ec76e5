"""Everything that is machine code: the C compiler, Nuitka, ELF files, shared libraries, SQLite."""
