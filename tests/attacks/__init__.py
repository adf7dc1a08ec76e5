"""What strangers, neighbours on the machine and single tasks try, and must not get."""
