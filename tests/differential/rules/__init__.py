"""The smallest module for each rule of bytecode_rules.py: compiled, `answer` returns something else than in Python."""
